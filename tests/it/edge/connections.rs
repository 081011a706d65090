//! Connections: kept, pipelined, of HTTP/1.0, and ended.

use super::host;
use greenroom_tests::{Connection, Request, Wire};
use serde_json::json;

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h:1\r\n\r\n")
}

#[test]
fn a_connection_is_kept_for_many_requests() {
    let host = host();
    let mut connection = Connection::open(host.address());
    for n in 0..200 {
        let answer = connection
            .send(Request::new(
                host.address(),
                "GET",
                &format!("/api/chameleon/echo?n={n}"),
            ))
            .unwrap();
        assert_eq!(
            (answer.status, &answer.json()["query"]),
            (200, &json!(format!("n={n}")))
        );
        assert_eq!(answer.header("connection"), None);
    }
    // Errors of every sort leave it open.
    for (method, target, status) in [
        ("GET", "/api/none", 404),
        ("POST", "/api/chameleon/version", 405),
        ("GET", "/api/chameleon/trap", 502),
        ("HEAD", "/api/chameleon/echo", 200),
        ("GET", "/api/chameleon/answer?status=204", 204),
    ] {
        let answer = connection
            .send(
                Request::new(host.address(), method, target).body(if method == "POST" {
                    "some body"
                } else {
                    ""
                }),
            )
            .unwrap();
        assert_eq!(answer.status, status, "{target}");
    }
    assert_eq!(
        connection
            .send(Request::new(
                host.address(),
                "GET",
                "/api/chameleon/version"
            ))
            .unwrap()
            .status,
        200
    );
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let host = host();
    let mut wire = Wire::open(host.address());
    let mut all = String::new();
    for n in 0..50 {
        all += &get(&format!(
            "/api/chameleon/late?ms={}",
            if n % 10 == 0 { 30 } else { 0 }
        ));
        all += &format!(
            "POST /api/chameleon/echo?n={n} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        );
    }
    wire.send(all);
    for n in 0..50 {
        assert_eq!(wire.answer().status(), 200, "{n}");
        let echo = wire.answer().json();
        assert_eq!(
            (&echo["query"], &echo["body"]),
            (&json!(format!("n={n}")), &json!(3))
        );
    }
}

#[test]
fn bodies_and_heads_may_arrive_byte_by_byte() {
    let host = host();
    let mut wire = Wire::open(host.address());
    for byte in "POST /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nTrailer: x\r\n\r\n".bytes() {
        wire.send([byte]);
    }
    let echo = wire.answer().json();
    assert_eq!(echo["body"], json!(3));
    assert_eq!(super::arrived(&echo, "trailer"), None);
}

#[test]
fn http_1_0_is_answered_and_closed_unless_asked_to_stay() {
    let host = host();
    let mut wire = Wire::open(host.address());
    wire.send("GET /api/chameleon/echo HTTP/1.0\r\n\r\n");
    let answer = wire.rest_text();
    assert!(
        answer.starts_with("HTTP/1.")
            && answer.contains(" 200 ")
            && answer.contains("\"method\":\"GET\""),
        "{answer}"
    );
    assert!(
        !answer.to_lowercase().contains("transfer-encoding"),
        "{answer}"
    );
    let mut wire = Wire::open(host.address());
    for _ in 0..2 {
        wire.send("GET /api/chameleon/echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(wire.answer().status(), 200);
    }
    // A stream has no chunks in HTTP/1.0: its end is the connection's.
    let mut wire = Wire::open(host.address());
    wire.send("GET /api/chameleon/stream?n=500000 HTTP/1.0\r\n\r\n");
    let answer = wire.answer();
    assert_eq!(
        (
            answer.status(),
            answer.header("transfer-encoding"),
            answer.body.len()
        ),
        (200, None, 500_000)
    );
}

#[test]
fn connection_close_closes() {
    let host = host();
    let mut wire = Wire::open(host.address());
    wire.send(format!(
        "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n{}",
        get("/api/chameleon/log?text=too-late")
    ));
    let answer = wire.rest_text();
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(
        answer.to_lowercase().contains("connection: close") && answer.ends_with("1.0.0"),
        "{answer}"
    );
    assert!(!host.log().contains("too-late"));
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answer() {
    let host = host();
    let mut wire = Wire::open(host.address());
    wire.send(get("/api/chameleon/late?ms=300"));
    wire.finish();
    assert!(wire.rest_text().ends_with("1.0.0"));
}

#[test]
fn expect_continue_is_answered_when_the_body_is_wanted() {
    let host = host();
    let head = |target: &str, length: usize| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut wire = Wire::open(host.address());
    wire.send(head("/api/chameleon/echo", 3));
    assert_eq!(wire.answer().status(), 100);
    wire.send("abc");
    let echo = wire.answer().json();
    assert_eq!(
        (&echo["body"], super::arrived(&echo, "expect")),
        (&json!(3), None)
    );
    // Refused by its head alone: the body need not be sent, and the connection ends.
    for (target, length, status) in [("/api/none", 3, 404), ("/api/chameleon/echo", 2 << 20, 413)] {
        let mut wire = Wire::open(host.address());
        wire.send(head(target, length));
        let answer = wire.answer();
        assert_eq!(
            (answer.status(), answer.header("connection")),
            (status, Some("close")),
            "{target}"
        );
        assert_eq!(wire.rest_text(), "");
    }
}

#[test]
fn an_absolute_target_is_understood_and_its_authority_counts() {
    let host = host();
    let mut wire = Wire::open(host.address());
    wire.send("GET http://other.example/api/chameleon/echo?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    let echo = wire.answer().json();
    assert_eq!(
        (&echo["path"], &echo["query"]),
        (&json!("/echo"), &json!("x=1"))
    );
    wire.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    let star = wire.answer();
    assert_eq!(star.status(), 204);
    assert!(
        star.header("allow")
            .is_some_and(|allow| allow.contains("GET"))
    );
    wire.send("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n");
    // What follows may be meant for the other end of a tunnel.
    wire.send(get("/api/chameleon/log?text=in-a-tunnel"));
    let answer = wire.answer();
    assert_eq!(
        (answer.status(), answer.header("connection")),
        (405, Some("close"))
    );
    assert_eq!(wire.rest_text(), "");
    assert!(!host.log().contains("in-a-tunnel"));
}

#[test]
fn an_upgrade_is_not_taken() {
    let host = host();
    for fields in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    ] {
        let mut wire = Wire::open(host.address());
        wire.send(format!(
            "GET /api/chameleon/echo HTTP/1.1\r\nHost: h\r\n{fields}\r\n"
        ));
        let answer = wire.answer();
        assert_eq!(answer.status(), 200);
        for name in ["upgrade", "http2-settings", "connection"] {
            assert_eq!(super::arrived(&answer.json(), name), None);
        }
    }
}
