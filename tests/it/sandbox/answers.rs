//! Answers that break off, lie about their length, or carry what is not the plugin's to say.

use super::*;
use greenroom_tests::raw;

/// The bytes of an answer, on a connection that ends with it.
fn bytes(host: &Host, path: &str) -> String {
    raw(
        host.address(),
        format!("GET /api/chameleon{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .as_bytes(),
    )
}

const CLEAN_END: &str = "\r\n0\r\n\r\n";

#[test]
fn a_streamed_answer_arrives_whole() {
    let host = plain();
    for n in [0, 1, 262_144, 262_145, 5_000_000] {
        let answer = host.get(&format!("/api/chameleon/stream?n={n}"));
        assert_eq!((answer.status, answer.body.len()), (200, n));
    }
    let slow = host.get("/api/chameleon/stream?n=400000&chunk=100000&ms=50");
    assert_eq!(slow.body.len(), 400_000);
    assert!(
        bytes(&host, "/stream?n=400000").ends_with(CLEAN_END),
        "a large one is chunked, and ends so"
    );
}

#[test]
fn an_answer_that_breaks_off_is_never_ended_cleanly() {
    let host = plain();
    for path in ["/stream-trap", "/stream-fail"] {
        let text = bytes(&host, path);
        assert!(
            text.starts_with("HTTP/1.1 200"),
            "{path}: {}",
            &text[..text.len().min(200)]
        );
        assert!(
            text.len() > 300_000,
            "{path}: {} bytes before it broke off",
            text.len()
        );
        assert!(
            !text.ends_with(CLEAN_END) && !text.ends_with("0\r\n\r\n"),
            "{path}"
        );
        let seen = host
            .request("GET", &format!("/api/chameleon{path}"))
            .try_send();
        assert!(seen.is_err(), "{path}: a client must notice");
        // Nor by the one who compresses it.
        for coding in ["gzip", "br", "zstd"] {
            let target = format!("/api/chameleon{path}?n=5000000");
            let seen = host
                .request("GET", &target)
                .header("accept-encoding", coding)
                .try_send();
            assert!(seen.is_err(), "{path} in {coding}");
        }
        // Within the buffer nothing was sent yet.
        let small = host.get(&format!("/api/chameleon{path}?n=1000"));
        assert_eq!(small.status, 502, "{path}: {}", small.text());
    }
    host.wait_for_log(&["ERROR", "plugin trapped", "unreachable"]);
    assert_eq!(status(&host, "/version"), 200);
}

#[test]
fn a_wrong_content_length_is_no_answer() {
    let host = plain();
    for path in ["/short", "/long"] {
        let text = bytes(&host, path);
        assert!(text.starts_with("HTTP/1.1 502"), "{path}: {text}");
        assert_eq!(status(&host, "/version"), 200);
    }
    host.wait_for_log(&["ERROR", "chameleon", "no valid answer"]);
}

#[test]
fn a_client_that_goes_away_takes_its_stream_along() {
    let host = with_limits("{concurrency: 1, streams: 1, queueTimeout: 20s}");
    {
        use std::io::{Read, Write};
        let mut client = std::net::TcpStream::connect(host.address()).unwrap();
        client
            .write_all(b"GET /api/chameleon/stream?n=100000000&ms=20 HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        client.read_exact(&mut [0; 1000]).unwrap();
    }
    // The one place is free again.
    assert_eq!(status(&host, "/version"), 200);
}

#[test]
fn large_answers_in_flight_are_bounded() {
    use std::io::{Read, Write};
    let host = with_limits("{streams: 1}");
    let mut client = std::net::TcpStream::connect(host.address()).unwrap();
    client
        .write_all(b"GET /api/chameleon/stream?n=100000000&ms=20 HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    client.read_exact(&mut [0; 1000]).unwrap();
    let second = host.get("/api/chameleon/stream?n=1000000");
    assert_eq!(second.status, 503, "{}", second.text());
    assert!(second.header("retry-after").is_some());
    assert_eq!(
        status(&host, "/stream?n=1000"),
        200,
        "a small one is no stream"
    );
    drop(client);
    host.wait_until("the stream's place is free", |host| {
        status(host, "/stream?n=1000000") == 200
    });
}

#[test]
fn a_stalled_or_endless_stream_ends_at_its_limits() {
    let host = with_limits("{chunkTimeout: 300ms}");
    let text = bytes(&host, "/stream?n=900000&chunk=300000&ms=5000");
    assert!(text.starts_with("HTTP/1.1 200") && !text.ends_with("0\r\n\r\n"));
    let host = with_limits("{streamTimeout: 1s}");
    let text = bytes(&host, "/stream?n=100000000&chunk=100000&ms=50");
    assert!(text.starts_with("HTTP/1.1 200") && !text.ends_with("0\r\n\r\n"));
    assert!(text.len() < 90_000_000, "{}", text.len());
    assert_eq!(status(&host, "/version"), 200);
}

#[test]
fn many_and_large_headers_are_passed_on_within_bounds() {
    let host = plain();
    let answer = host.get("/api/chameleon/many-headers?n=20&size=1000");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.header("x-many-19").map(|value| value.len()),
        Some(1000)
    );
    for (n, size) in [(1, 1_000_000), (50_000, 1), (100, 100_000)] {
        let answer = host.get(&format!("/api/chameleon/many-headers?n={n}&size={size}"));
        assert_eq!(answer.status, 502, "{n} of {size}: {}", answer.text());
        assert_eq!(status(&host, "/version"), 200);
    }
}

#[test]
fn headers_that_are_the_hosts_are_taken_away() {
    let host = plain();
    let answer = host
        .request("GET", "/api/chameleon/headers")
        .header("x-request-id", "mine")
        .send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.header("x-mine").as_deref(),
        Some("kept"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("x-request-id").as_deref(), Some("mine"));
    for gone in [
        "x-greenroom-principal",
        "x-greenroom-anything",
        "server",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "te",
        "trailer",
        "upgrade",
        "x-injected",
    ] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert!(!answer.header("date").unwrap_or_default().contains("1970"));
    let outcomes = answer.json();
    for broken in ["x-crlf", "x-cr", "x-lf", "x-nul", "x bad name"] {
        assert_ne!(outcomes[broken], "taken", "wasi:http refuses {broken}");
    }
}
