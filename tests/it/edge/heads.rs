//! Heads that are refused at the level of the protocol: a status, no body, and the end of the connection.

use super::host;
use greenroom_tests::{Host, Wire};

/// Sends, ends this side, and reads all that comes.
fn raw(host: &Host, request: impl AsRef<[u8]>) -> String {
    let mut wire = Wire::open(host.address());
    wire.send(request);
    wire.finish();
    wire.rest_text()
}

#[track_caller]
fn assert_refused(host: &Host, what: &str, request: impl AsRef<[u8]>, status: u16) {
    let answer = raw(host, request);
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{what}: {answer}"
    );
    assert!(answer.ends_with("\r\n\r\n"), "{what} has a body: {answer}");
    assert!(
        answer.to_lowercase().contains("connection: close"),
        "{what}: {answer}"
    );
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
}

/// This many headers of two bytes each.
fn headers(n: usize) -> String {
    (0..n).map(|n| format!("x{n}: v\r\n")).collect()
}

#[test]
fn a_target_that_is_too_long_is_414() {
    let host = host();
    for length in [8193, 20_000, 60_000, 70_000] {
        let target = format!("/{}", "a".repeat(length));
        assert_refused(
            &host,
            &format!("{length} bytes"),
            format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"),
            414,
        );
    }
    let query = format!("/api/chameleon/version?{}", "q".repeat(9000));
    assert_refused(
        &host,
        "a long query",
        format!("GET {query} HTTP/1.1\r\nHost: h\r\n\r\n"),
        414,
    );
    let fits = format!("/api/chameleon/version?{}", "q".repeat(8000));
    assert!(
        raw(&host, format!("GET {fits} HTTP/1.1\r\nHost: h\r\n\r\n")).starts_with("HTTP/1.1 200")
    );
}

#[test]
fn a_head_of_more_than_16_kib_or_100_headers_is_431() {
    let host = host();
    let with_header = |length: usize| {
        format!(
            "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\nx: {}\r\n\r\n",
            "v".repeat(length)
        )
    };
    for length in [16 << 10, 40_000, 200_000, 1_000_000] {
        assert_refused(
            &host,
            &format!("a header of {length}"),
            with_header(length),
            431,
        );
    }
    assert_refused(
        &host,
        "101 headers",
        format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", headers(100)),
        431,
    );
    assert_refused(
        &host,
        "5,000 headers",
        format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", headers(5000)),
        431,
    );
    let endless = [
        b"GET / HTTP/1.1\r\nHost: h\r\n".to_vec(),
        vec![b'x'; 2 << 20],
    ]
    .concat();
    assert_refused(&host, "a header without an end", endless, 431);
    assert!(
        raw(&host, with_header(16_000)).starts_with("HTTP/1.1 200"),
        "just below"
    );
    let hundred = format!(
        "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n{}\r\n",
        headers(99)
    );
    assert!(
        raw(&host, hundred).starts_with("HTTP/1.1 200"),
        "exactly 100"
    );
}

#[test]
fn limits_of_a_head_are_inclusive() {
    let host = host();
    let path = "/api/chameleon/version?";
    for (length, status) in [(8192, 200), (8193, 414)] {
        let target = format!("{path}{}", "q".repeat(length - path.len()));
        let answer = raw(&host, format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "a target of {length}: {answer}"
        );
    }
    // However the bytes are spread.
    let start = "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n";
    for (length, status) in [(16 << 10, 200), ((16 << 10) + 1, 431)] {
        for fields in [1, 2, 50, 99] {
            let all = length - start.len() - 2;
            let each = all / fields;
            let lines: String = (0..fields)
                .map(|n| {
                    let size = if n == 0 {
                        all - each * (fields - 1)
                    } else {
                        each
                    };
                    format!("x{n:02}: {}\r\n", "v".repeat(size - 7))
                })
                .collect();
            let request = format!("{start}{lines}\r\n");
            assert_eq!(request.len(), length);
            let answer = raw(&host, request);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{length} bytes in {fields} fields: {answer}"
            );
        }
    }
    for (count, status) in [(99, 200), (100, 431)] {
        let answer = raw(&host, format!("{start}{}\r\n", headers(count)));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{count} and Host: {answer}"
        );
    }
}

#[test]
fn a_head_that_is_no_http_is_400() {
    let host = host();
    let target = "GET /api/chameleon/version HTTP/1.1\r\n";
    for (what, request) in [
        ("no host", format!("{target}\r\n")),
        ("two hosts", format!("{target}Host: a\r\nHost: b\r\n\r\n")),
        (
            "the same host twice",
            format!("{target}Host: a\r\nHost: a\r\n\r\n"),
        ),
        ("a host with a space", format!("{target}Host: a b\r\n\r\n")),
        (
            "a host with a user",
            format!("{target}Host: user@a\r\n\r\n"),
        ),
        ("a host with a path", format!("{target}Host: a/b\r\n\r\n")),
        ("an empty host", format!("{target}Host:\r\n\r\n")),
        ("no http", "hello\r\n\r\n".to_owned()),
        (
            "a space before the colon",
            format!("{target}Host : a\r\n\r\n"),
        ),
        (
            "a folded header",
            format!("{target}Host: a\r\nx: 1\r\n 2\r\n\r\n"),
        ),
        (
            "a header without a name",
            format!("{target}Host: a\r\n: 1\r\n\r\n"),
        ),
        (
            "a header without a colon",
            format!("{target}Host: a\r\nx\r\n\r\n"),
        ),
        (
            "NUL in a value",
            format!("{target}Host: a\r\nx: \0\r\n\r\n"),
        ),
        (
            "a bare CR in a value",
            format!("{target}Host: a\r\nx: 1\r2\r\n\r\n"),
        ),
        (
            "a space in the target",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ),
        (
            "NUL in the target",
            "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ),
        ("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (
            "the target of a proxy without a path's slash",
            "GET api/chameleon HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ),
        (
            "the form of CONNECT",
            "GET h:80 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ),
        (
            "the form of OPTIONS",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ),
        (
            "another protocol",
            "GET / HTTP/3.7\r\nHost: a\r\n\r\n".to_owned(),
        ),
        (
            "a bad method",
            "G@T / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ),
    ] {
        assert_refused(&host, what, request, 400);
    }
    // HTTP/2 without an upgrade, TLS: no answer, or one that says no; but an end.
    for preface in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let answer = raw(&host, preface);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}

#[test]
fn lengths_that_can_be_read_in_two_ways_are_refused() {
    let host = host();
    let post = |fields: &str, body: &str| {
        format!("POST /api/chameleon/echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}")
    };
    for (what, fields, body) in [
        (
            "two lengths",
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "abcd",
        ),
        ("a list of lengths", "Content-Length: 3, 4\r\n", "abcd"),
        ("a signed length", "Content-Length: +3\r\n", "abc"),
        ("a negative length", "Content-Length: -3\r\n", "abc"),
        ("a length in hex", "Content-Length: 0x3\r\n", "abc"),
        (
            "a length that is no number",
            "Content-Length: three\r\n",
            "abc",
        ),
        (
            "a length out of range",
            "Content-Length: 99999999999999999999\r\n",
            "abc",
        ),
        ("an empty length", "Content-Length:\r\n", "abc"),
        ("identity", "Transfer-Encoding: identity\r\n", "abc"),
        (
            "a list",
            "Transfer-Encoding: gzip, chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "chunked not last",
            "Transfer-Encoding: chunked, gzip\r\n",
            "0\r\n\r\n",
        ),
        (
            "chunked twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "chunked in disguise",
            "Transfer-Encoding: xchunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "chunked with a tab",
            "Transfer-Encoding:\tchunked;x\r\n",
            "0\r\n\r\n",
        ),
    ] {
        assert_refused(&host, what, post(fields, body), 400);
    }
    assert_refused(
        &host,
        "chunked in HTTP/1.0",
        "POST /api/chameleon/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    );
}

#[test]
fn a_length_beside_chunks_does_not_count_and_nothing_is_smuggled() {
    let host = host();
    let smuggled = "GET /api/chameleon/log?text=smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for order in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let request = format!(
            "POST /api/chameleon/echo HTTP/1.1\r\nHost: a\r\n{order}\r\n5\r\nhello\r\n0\r\n\r\n{smuggled}"
        );
        let answer = raw(&host, request);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(
            answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
        match answer.get(9..12) {
            Some("400") => {}
            Some("200") => assert!(
                answer.contains("\"body\":5") && !answer.contains("[\"content-length\",\"4\"]"),
                "{answer}"
            ),
            _ => panic!("{answer}"),
        }
    }
    assert!(!host.log().contains("smuggled"), "{}", host.log());
}

#[test]
fn a_slow_head_is_408_or_closed() {
    let host = host();
    let mut slow = Wire::open(host.address());
    slow.send("GET /api/chameleon/version HTTP/1.1\r\nHo");
    let silent = std::thread::scope(|scope| {
        let silent = scope.spawn(|| Wire::open(host.address()).rest_text());
        // Bytes that drip in do not extend the time: 10 s for the whole head.
        let mut dripping = Wire::open(host.address());
        dripping.send("GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\nx: ");
        for _ in 0..24 {
            dripping.send("x");
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        dripping.send("\r\n\r\n");
        let answer = dripping.rest_text();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
        silent.join().unwrap()
    });
    assert_eq!(silent, "", "who says nothing is told nothing");
    let answer = slow.rest_text();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}
