//! Clients that send slowly hold no instance: a pool of 4 goes on serving others.

use super::host_with;
use greenroom_tests::{Host, Wire};
use serde_json::json;

const POOL: &str = "plugins: {chameleon: {limits: {concurrency: 4, queueTimeout: 1s, chunkTimeout: 60s, streams: 2}}}";

#[track_caller]
fn others_are_served(host: &Host) {
    for _ in 0..30 {
        let answer = host.get("/api/chameleon/version");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn bodies_up_to_the_buffer_are_waited_for_outside_of_the_pool() {
    let host = host_with(POOL);
    let body = vec![b'a'; 200_000];
    let mut slow: Vec<(Wire, bool)> = (0..40)
        .map(|n| {
            let chunked = n % 2 == 0;
            let framing = if chunked {
                "Transfer-Encoding: chunked\r\n\r\n30d40\r\n"
            } else {
                "Content-Length: 200000\r\n\r\n"
            };
            let mut wire = Wire::open(host.address());
            wire.send(format!(
                "POST /api/chameleon/echo?n={n} HTTP/1.1\r\nHost: h\r\n{framing}"
            ));
            wire.send(&body[..1000]);
            (wire, chunked)
        })
        .collect();
    others_are_served(&host);
    assert_eq!(host.plugin("chameleon")["running"], json!(0));
    for (n, (wire, chunked)) in slow.iter_mut().enumerate() {
        wire.send(&body[1000..]);
        if *chunked {
            wire.send("\r\n0\r\n\r\n");
        }
        let echo = wire.answer().json();
        assert_eq!(
            (&echo["query"], &echo["body"]),
            (&json!(format!("n={n}")), &json!(body.len())),
            "every one of them gets its answer"
        );
    }
}

#[test]
fn heads_that_do_not_end_hold_nothing() {
    let host = host_with(POOL);
    let slow: Vec<Wire> = (0..100)
        .map(|_| {
            let mut wire = Wire::open(host.address());
            wire.send("POST /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nContent-Le");
            wire
        })
        .collect();
    others_are_served(&host);
    drop(slow);
    others_are_served(&host);
}

#[test]
fn larger_bodies_take_no_more_than_their_share_of_the_pool() {
    let host = host_with(POOL);
    let begin = || {
        let mut wire = Wire::open(host.address());
        wire.send(
            "POST /api/chameleon/upload HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\nabc",
        );
        wire
    };
    let mut first: Vec<Wire> = (0..2).map(|_| begin()).collect();
    host.wait_until("both stream", |host| {
        host.plugin("chameleon")["running"] == json!(2)
    });
    for _ in 0..4 {
        let answer = begin().answer();
        assert_eq!(
            (answer.status(), answer.header("retry-after").is_some()),
            (503, true),
            "{}",
            answer.text()
        );
    }
    others_are_served(&host);
    for wire in &mut first {
        wire.send(vec![b'x'; 499_997]);
        assert_eq!(wire.answer().text(), "500000");
    }
    host.wait_until("all is free", |host| {
        host.plugin("chameleon")["running"] == json!(0)
    });
    let again = host
        .request("POST", "/api/chameleon/upload")
        .body(vec![b'x'; 500_000])
        .send();
    assert_eq!(again.text(), "500000");
}

#[test]
fn a_client_that_goes_away_within_its_body_frees_its_place() {
    let host = host_with(POOL);
    for _ in 0..10 {
        let mut wire = Wire::open(host.address());
        wire.send(
            "POST /api/chameleon/upload HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\nabc",
        );
        host.wait_until("it streams", |host| {
            host.plugin("chameleon")["running"] == json!(1)
        });
        drop(wire);
        host.wait_until("it is over", |host| {
            host.plugin("chameleon")["running"] == json!(0)
        });
    }
    others_are_served(&host);
}

/// Of two MiB of bodies that are under way 16 KiB each do not count: 11 of these fit at most, and fewer where a buffer grew
/// beyond its body, or others that are refused had a part of the room just then.
#[test]
fn all_bodies_together_are_bounded() {
    let host = host_with(&format!("backend: {{bodies: 2MiB}}\n{POOL}"));
    let body = vec![b'a'; 200_000];
    let begin = |n: usize| {
        let mut wire = Wire::open(host.address());
        wire.send(format!(
            "POST /api/chameleon/echo?n={n} HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n"
        ));
        wire.send(&body[..199_999]);
        wire
    };
    let mut slow: Vec<Wire> = (0..20).map(begin).collect();
    host.wait_for_log(&["backend.bodies"]);
    others_are_served(&host);
    let small = host.post("/api/chameleon/echo", &json!({"few": "bytes"}));
    assert_eq!(small.status, 200, "{}", small.text());
    let mut fitted = 0;
    for wire in &mut slow {
        wire.send(&body[199_999..]);
        let answer = wire.answer();
        if answer.status() == 200 {
            fitted += 1;
            assert_eq!(answer.json()["body"], json!(body.len()));
        } else {
            assert_eq!(answer.status(), 503, "{}", answer.text());
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
    assert!((3..=11).contains(&fitted), "{fitted} of them fitted");
    // The room is free again.
    let mut wire = begin(20);
    wire.send(&body[199_999..]);
    assert_eq!(wire.answer().json()["body"], json!(body.len()));
}
