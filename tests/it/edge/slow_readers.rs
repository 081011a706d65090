//! Clients that read slowly hold no instance while an answer is small, and no more than their share while it is large.

use super::host_with;
use greenroom_tests::{Host, Wire};
use rustix::net::{AddressFamily, SocketType, connect, ipproto, socket, sockopt};
use serde_json::json;
use std::{net::TcpStream, time::Duration};

/// Larger than all that sockets buffer.
const LARGE: usize = 50 << 20;

/// A connection whose reader takes little at a time.
fn slow(host: &Host) -> Wire {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP)).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    connect(&socket, &host.address()).unwrap();
    Wire::over(TcpStream::from(socket))
}

fn running(host: &Host) -> u64 {
    host.plugin("chameleon")["running"]
        .as_u64()
        .expect("a number")
}

#[track_caller]
fn others_are_served(host: &Host) {
    for _ in 0..30 {
        let answer = host.get("/api/chameleon/version");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn answers_up_to_the_buffer_leave_the_instance_before_they_are_read() {
    const SIZE: usize = 256 << 10;
    const EACH: usize = 30;
    let host = host_with("plugins: {chameleon: {limits: {concurrency: 4, queueTimeout: 1s}}}");
    let target =
        format!("GET /api/chameleon/answer?n={SIZE}&type=image/png HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut readers: Vec<Wire> = (0..12).map(|_| slow(&host)).collect();
    for reader in &mut readers {
        // More than its socket takes, so that the host is left with the rest of them.
        reader.send(target.repeat(EACH));
    }
    host.wait_until("each is being answered", |host| {
        host.plugin("chameleon")["requests"].as_u64() >= Some(12)
    });
    host.wait_until("all stand still", |host| running(host) == 0);
    others_are_served(&host);
    for reader in &mut readers {
        for n in 0..EACH {
            let answer = reader.answer();
            assert_eq!(
                (answer.status(), answer.body.len()),
                (200, SIZE),
                "answer {n}"
            );
        }
    }
}

#[test]
fn large_answers_take_no_more_than_their_share_of_the_pool() {
    let host =
        host_with("plugins: {chameleon: {limits: {concurrency: 4, queueTimeout: 1s, streams: 2}}}");
    let large = format!(
        "GET /api/chameleon/stream?n={LARGE} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    );
    let mut first: Vec<Wire> = (0..2).map(|_| slow(&host)).collect();
    for reader in &mut first {
        reader.send(&large);
        assert!(reader.take(12).starts_with(b"HTTP/1.1 200"));
    }
    for _ in 0..4 {
        let mut more = Wire::open(host.address());
        more.send(&large);
        let answer = more.answer();
        assert_eq!(
            (answer.status(), answer.header("retry-after").is_some()),
            (503, true),
            "{}",
            answer.text()
        );
    }
    others_are_served(&host);
    assert_eq!(running(&host), 2);
    // One goes away, the other reads on to the end.
    let mut stays = first.pop().unwrap();
    drop(first);
    host.wait_until("its place is free", |host| running(host) == 1);
    assert!(stays.rest().ends_with(b"0\r\n\r\n"), "all of it");
    host.wait_until("all is free", |host| running(host) == 0);
    assert_eq!(
        host.get("/api/chameleon/stream?n=1000000").body.len(),
        1_000_000
    );
}

#[test]
fn who_takes_too_long_for_a_large_answer_is_cut_off() {
    let host = host_with(
        "plugins: {chameleon: {limits: {concurrency: 2, streams: 2, streamTimeout: 2s}}}",
    );
    let mut reader = Wire::open(host.address());
    reader.send(format!(
        "GET /api/chameleon/stream?n={LARGE} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    ));
    assert!(reader.take(12).starts_with(b"HTTP/1.1 200"));
    // At this pace it would take 52 s.
    let cut = (0..300).any(|_| {
        reader.take(100_000);
        std::thread::sleep(Duration::from_millis(100));
        running(&host) == 0
    });
    assert!(
        cut,
        "limits.streamTimeout is 2 s, and it still holds its place"
    );
    assert!(!reader.rest().ends_with(b"0\r\n\r\n"), "never a clean end");
    others_are_served(&host);
}

#[test]
fn an_answer_that_breaks_off_breaks_the_connection() {
    let host = host_with("");
    for target in ["/api/chameleon/stream-trap", "/api/chameleon/stream-fail"] {
        let mut wire = Wire::open(host.address());
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\nGET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n"));
        let answer = wire.rest();
        // What broke within the first 256 KiB is told as an error of its own; later only the connection can tell.
        let text = String::from_utf8_lossy(&answer);
        if text.starts_with("HTTP/1.1 200") {
            assert!(
                !text.ends_with("0\r\n\r\n") && !text.contains("1.0.0"),
                "{target}: a clean end"
            );
        } else {
            assert!(
                text.starts_with("HTTP/1.1 502"),
                "{target}: {}",
                &text[..200.min(text.len())]
            );
        }
        others_are_served(&host);
    }
    assert_eq!(running(&host), 0);
    assert_eq!(host.plugin("chameleon")["state"], json!("live"));
}
