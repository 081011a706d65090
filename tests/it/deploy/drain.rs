//! Requests that are under way when the build changes.

use super::{version, versioned};
use greenroom_tests::{Host, Setup, Wire, chameleon};

fn wait_until_running(host: &Host, count: u64) {
    host.wait_until("it runs", |host| host.plugin("c")["running"] == count);
}

#[test]
fn a_body_that_streams_in_is_read_by_the_build_that_began() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let mut wire = Wire::open(host.address());
    wire.send("POST /api/c/upload HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n");
    wire.send(vec![b'x'; 500_000]);
    wait_until_running(&host, 1);
    host.deploy("c", &versioned("two")).unwrap();
    assert_eq!(version(&host, "c"), "two");
    wire.send(vec![b'x'; 400_000]);
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.text()), (200, "900000".into()));
    // The connection stays, and meets the new build.
    wire.send("GET /api/c/version HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(wire.answer().text(), "two");
}

#[test]
fn a_small_body_that_is_still_arriving_meets_the_new_build() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let mut wire = Wire::open(host.address());
    wire.send("POST /api/c/unread HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n");
    wire.send(vec![b'x'; 500]);
    host.deploy("c", &versioned("two")).unwrap();
    wire.send(vec![b'x'; 500]);
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.text()), (200, "two".into()));
}

#[test]
fn an_answer_that_streams_out_is_finished_by_the_build_that_began() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    // The answer takes 2.4 s, and a compile may take as long.
    for next in ["two", "three"] {
        host.compile(&versioned(next));
    }
    let mut wire = Wire::open(host.address());
    wire.send("GET /api/c/stream?n=2000000&chunk=50000&ms=60 HTTP/1.1\r\nhost: x\r\n\r\n");
    // It is larger than what is collected, so that its head comes before its end.
    wait_until_running(&host, 1);
    host.deploy("c", &versioned("two")).unwrap();
    host.deploy("c", &versioned("three")).unwrap();
    assert_eq!(version(&host, "c"), "three");
    assert_eq!(host.plugin("c")["running"], 1, "it still runs");
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.body.len()), (200, 2_000_000));
    host.wait_until("its place is free", |host| host.plugin("c")["running"] == 0);
}

#[test]
fn an_answer_that_streams_out_is_finished_when_the_plugin_is_removed() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let mut wire = Wire::open(host.address());
    wire.send("GET /api/c/stream?n=1000000&chunk=50000&ms=60 HTTP/1.1\r\nhost: x\r\n\r\n");
    wait_until_running(&host, 1);
    host.ask(&["remove", "c"]);
    let answer = wire.answer();
    assert_eq!((answer.status(), answer.body.len()), (200, 1_000_000));
    assert_eq!(host.get("/api/c/version").status, 404);
}

#[test]
fn what_is_open_is_what_the_live_build_says() {
    let host = Setup::new()
        .plugin("c", &chameleon("version=one;policies=/public;"))
        .start();
    assert_eq!(host.get("/api/c/public/version").text(), "one");
    assert_eq!(host.get("/api/c/version").status, 401);
    host.deploy("c", &chameleon("version=two;policies=open;"))
        .unwrap();
    assert_eq!(version(&host, "c"), "two");
    host.deploy("c", &chameleon("version=three;policies=none;"))
        .unwrap();
    for path in ["/api/c/version", "/api/c/public/version"] {
        assert_eq!(host.get(path).status, 401);
    }
    host.ask(&["rollback", "c"]);
    assert_eq!(version(&host, "c"), "two");
}
