//! Request bodies: their limit, their framing, and bodies that come slowly or not at all.

use super::{host, host_with};
use greenroom_tests::{Host, Raw, Wire};
use serde_json::json;

const MIB: usize = 1 << 20;

fn post(host: &Host, target: &str, fields: &str, body: &[u8]) -> Wire {
    let mut wire = Wire::open(host.address());
    wire.send(
        [
            format!("POST {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes(),
            body,
        ]
        .concat(),
    );
    wire
}

fn chunked(body: &[u8], chunk: usize) -> Vec<u8> {
    let mut framed = Vec::new();
    for piece in body.chunks(chunk) {
        framed.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    framed
}

#[track_caller]
fn assert_too_large(answer: &Raw) {
    assert_eq!(answer.status(), 413, "{}", answer.text());
    assert_eq!(
        answer.json()["error"]["name"],
        json!("PayloadTooLargeError")
    );
}

#[test]
fn the_limit_is_1_mib_inclusive() {
    let host = host();
    for target in ["/api/chameleon/echo", "/api/chameleon/upload"] {
        for (length, fits) in [(MIB, true), (MIB + 1, false)] {
            let body = vec![b'a'; length];
            let declared = post(
                &host,
                target,
                &format!("Content-Length: {length}\r\n"),
                &body,
            )
            .answer();
            let streamed = post(
                &host,
                target,
                "Transfer-Encoding: chunked\r\n",
                &chunked(&body, 10_000),
            )
            .answer();
            for answer in [declared, streamed] {
                if fits {
                    assert_eq!(answer.status(), 200, "{target} {length}: {}", answer.text());
                    assert!(
                        answer.text().contains(&length.to_string()),
                        "{target} {length}: {}",
                        answer.text()
                    );
                } else {
                    assert_too_large(&answer);
                }
            }
        }
    }
}

#[test]
fn what_is_declared_too_large_is_refused_before_the_plugin_is_asked() {
    let host = host();
    let mut wire = post(
        &host,
        "/api/chameleon/echo",
        "Content-Length: 1048577\r\n",
        b"",
    );
    let answer = wire.answer();
    assert_too_large(&answer);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(host.plugin("chameleon")["requests"], json!(0));
    // Sent all the same, much more than sockets hold: the answer is not lost in a reset.
    let mut wire = Wire::open(host.address());
    wire.send(format!(
        "POST /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        8 * MIB
    ));
    assert_too_large(&wire.answer());
}

#[test]
fn the_limit_of_a_plugin_is_its_own() {
    let host = host_with("plugins: {chameleon: {limits: {body: 3MiB, buffer: 1KiB}}}");
    let body = vec![b'a'; 3 * MIB];
    let answer = post(
        &host,
        "/api/chameleon/upload",
        &format!("Content-Length: {}\r\n", body.len()),
        &body,
    )
    .answer();
    assert_eq!(
        (answer.status(), answer.text()),
        (200, body.len().to_string())
    );
    let over = [&body[..], b"a"].concat();
    assert_too_large(
        &post(
            &host,
            "/api/chameleon/upload",
            "Transfer-Encoding: chunked\r\n",
            &chunked(&over, 50_000),
        )
        .answer(),
    );
    let mirrored = host
        .request("POST", "/api/chameleon/mirror")
        .body(body.clone())
        .send();
    assert_eq!((mirrored.status, mirrored.body.len()), (200, body.len()));
}

#[test]
fn limits_of_a_plugin_are_inclusive() {
    let host = host_with("plugins: {chameleon: {limits: {body: 10KiB, buffer: 2KiB}}}");
    let cases = [
        // Collected, streamed, refused.
        (2048, true),
        (2049, true),
        (10_240, true),
        (10_241, false),
    ];
    for target in ["/api/chameleon/echo", "/api/chameleon/upload"] {
        for (length, fits) in cases {
            let body = vec![b'a'; length];
            let declared = format!("Content-Length: {length}\r\n");
            let coded = "Transfer-Encoding: chunked\r\n";
            for (fields, framed) in [
                (declared.as_str(), body.clone()),
                (coded, chunked(&body, length)),
                (coded, chunked(&body, 1000)),
                (coded, chunked(&body, 1)),
            ] {
                let answer = post(&host, target, fields, &framed).answer();
                if !fits {
                    assert_too_large(&answer);
                    continue;
                }
                let told = if target.ends_with("echo") {
                    answer.json()["body"].to_string()
                } else {
                    answer.text()
                };
                assert_eq!(
                    (answer.status(), told),
                    (200, length.to_string()),
                    "{target} {fields}"
                );
            }
        }
    }
}

#[test]
fn a_body_that_nobody_reads_does_not_break_the_connection() {
    let host = host();
    for length in [10, 60_000, 200_000, 900_000] {
        let mut wire = post(
            &host,
            "/api/chameleon/unread",
            &format!("Content-Length: {length}\r\n"),
            &vec![b'a'; length],
        );
        let answer = wire.answer();
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (200, "1.0.0"),
            "{length}"
        );
        if answer.header("connection") != Some("close") {
            wire.send("GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n");
            assert_eq!(wire.answer().text(), "1.0.0", "{length}");
        } else {
            assert_eq!(wire.rest_text(), "");
        }
    }
}

#[test]
fn a_body_that_breaks_off_is_400_or_no_answer() {
    let host = host();
    for target in ["/api/chameleon/echo", "/api/chameleon/upload"] {
        for (fields, body) in [
            ("Content-Length: 10\r\n", &b"abc"[..]),
            ("Content-Length: 500000\r\n", b"abc"),
            ("Transfer-Encoding: chunked\r\n", b"5\r\nabc"),
            ("Transfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n"),
            ("Transfer-Encoding: chunked\r\n", b"3\r\nabcX\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\n", b"-1\r\nabc\r\n0\r\n\r\n"),
            (
                "Transfer-Encoding: chunked\r\n",
                b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
            ),
            ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"),
        ] {
            let mut wire = post(&host, target, fields, body);
            wire.finish();
            let answer = wire.rest_text();
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
                "{target} {fields}{}: {answer}",
                String::from_utf8_lossy(body)
            );
            assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
        }
    }
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}

#[test]
fn a_body_that_comes_too_slowly_is_408() {
    let host =
        host_with("plugins: {chameleon: {limits: {chunkTimeout: 500ms, streamTimeout: 2s}}}");
    for length in [100, 500_000] {
        let answer = post(
            &host,
            "/api/chameleon/echo",
            &format!("Content-Length: {length}\r\n"),
            b"abc",
        )
        .rest_text();
        assert!(
            answer.starts_with("HTTP/1.1 408") && answer.ends_with("\r\n\r\n"),
            "{length}: {answer}"
        );
        assert!(
            answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
    }
    // A steady drip ends with the time for the whole.
    let mut wire = post(
        &host,
        "/api/chameleon/echo",
        "Content-Length: 9000\r\n",
        b"",
    );
    for _ in 0..60 {
        wire.send("a");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let answer = wire.rest_text();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}
