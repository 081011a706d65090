//! SIGTERM: what runs is finished, what is idle is closed, nothing new comes in, and it ends in bounded time.

use super::{host, host_with};
use greenroom_tests::Wire;
use rustix::process::Signal;
use serde_json::json;
use std::net::TcpStream;

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

#[test]
fn what_runs_is_finished_and_what_is_idle_is_closed() {
    let mut host = host();
    let mut idle = Wire::open(host.address());
    idle.send(get("/api/chameleon/version"));
    idle.answer();
    let mut fresh = Wire::open(host.address());
    let mut busy = Wire::open(host.address());
    busy.send(get("/api/chameleon/late?ms=3000"));
    host.wait_until("it runs", |host| {
        host.plugin("chameleon")["running"] == json!(1)
    });
    host.signal(Signal::TERM);
    assert_eq!(idle.rest_text(), "");
    assert_eq!(fresh.rest_text(), "");
    host.wait_until("new clients are refused", |host| {
        TcpStream::connect(host.address()).is_err()
    });
    let answer = busy.answer();
    assert_eq!(
        (
            answer.status(),
            answer.text().as_str(),
            answer.header("connection")
        ),
        (200, "1.0.0", Some("close"))
    );
    assert_eq!(busy.rest_text(), "");
    assert!(host.wait().success());
}

#[test]
fn it_does_not_wait_for_ever() {
    let mut host = host_with(
        "backend: {lifecycle: {serverShutdownTimeout: 300ms}}\nplugins: {chameleon: {limits: {timeout: 1h}}}",
    );
    let mut busy = Wire::open(host.address());
    busy.send(get("/api/chameleon/late?ms=3600000"));
    let mut sending = Wire::open(host.address());
    sending.send("POST /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    host.wait_until("it runs", |host| {
        host.plugin("chameleon")["running"] == json!(1)
    });
    host.signal(Signal::TERM);
    assert!(host.wait().success(), "cut off, and still a clean end");
    assert_eq!(
        (busy.rest_text(), sending.rest_text()),
        (String::new(), String::new())
    );
}

#[test]
fn ctrl_c_stops_it_as_well() {
    let mut host = host();
    assert_eq!(host.get("/api/chameleon/version").status, 200);
    host.signal(Signal::INT);
    assert!(host.wait().success());
    assert!(
        !host.folder().join("greenroom.sock").exists(),
        "the socket goes with the host"
    );
}
