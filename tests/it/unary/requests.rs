//! What the guest sees of a request.

use super::*;
use flate2::{Compression, write::GzEncoder};
use greenroom_tests::Wire;
use serde_json::Value;
use std::io::Write;

/// What `/echo` says, its headers by name and the plugin's id made the same.
fn echo(answer: &str) -> Value {
    let answer = answer.replace("/api/parts", "/api/whole");
    let mut echo: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
    let headers = echo["headers"].as_array_mut().expect("headers");
    headers.sort_by_key(|pair| pair[0].as_str().map(str::to_owned));
    echo
}

#[track_caller]
fn echoed_alike(host: &Host, method: &str, path: &str, with: impl Fn(Request) -> Request) -> Value {
    let [whole, parts] = WAYS.map(|id| {
        let request = host.request(method, &format!("/api/{id}{path}"));
        let answer = with(request.header("x-request-id", "of-both")).send();
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        echo(&answer.text())
    });
    assert_eq!(whole, parts, "{method} {path}");
    whole
}

fn values(echo: &Value, name: &str) -> Vec<String> {
    let headers = echo["headers"].as_array().expect("headers").iter();
    headers
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().expect("a value").to_owned())
        .collect()
}

#[test]
fn headers_arrive_alike() {
    let host = both("{}");
    let plain = echoed_alike(&host, "GET", "/echo", |request| request);
    assert_eq!(plain["method"], "GET");
    assert_eq!(plain["prefix"], "/api/whole");
    let cookies = echoed_alike(&host, "GET", "/echo", |request| {
        let request = request.header("X-Many", "one").header("cookie", "a=1");
        let request = request.header("x-many", "").header("X-MANY", "three, four");
        request.header("cookie", "b=2")
    });
    assert_eq!(values(&cookies, "x-many"), ["one", "", "three, four"]);
    assert_eq!(values(&cookies, "cookie"), ["a=1", "b=2"]);
    for (name, value) in [
        ("x-latin1", &b"caf\xe9"[..]),
        ("x-utf8", "caf\u{e9}".as_bytes()),
        ("x-tab", b"a\tb"),
        ("authorization", b"Bearer x"),
        ("proxy-authorization", b"Basic x"),
        ("te", b"trailers"),
        ("keep-alive", b"timeout=5"),
        ("http2-settings", b"AAMAAABk"),
        ("upgrade", b"h2c"),
        ("connection", b"x-request-id, keep-alive"),
        ("expect", b"100-continue"),
        ("x-greenroom-principal", b"user:default/root"),
        ("x-forwarded-prefix", b"/elsewhere"),
        ("host", b"example.com:8080"),
        ("transfer-encoding", b"chunked"),
        ("content-length", b"0"),
    ] {
        echoed_alike(&host, "GET", "/echo", |request| request.header(name, value));
    }
    // As many as a client may send.
    let many = echoed_alike(&host, "GET", "/echo", |request| {
        (0..90).fold(request, |r, n| r.header(&format!("x-{n}"), "x".repeat(100)))
    });
    assert_eq!(values(&many, "x-89").len(), 1);
    // `/way/` answers with a header of the request: its values are joined.
    let joined = alike(&host, "GET", "/way/", |request| {
        request.header("x-way", "a").header("x-way", "b")
    });
    assert_eq!(joined.text(), "a, b");
}

#[test]
fn targets_arrive_alike() {
    let host = both("{}");
    for path in [
        "/echo?",
        "/echo?a=b?c&d=%20+/://",
        "/echo/?x=http://example.com/a?b",
        "/ech%6F",
        "/%2e%2e/echo",
        "//echo",
        "/./echo",
        "/",
        "",
        "?x=/echo",
        "/echo?%zz",
        "/echo;a=b",
        "/nowhere/caf%C3%A9",
    ] {
        for method in ["GET", "POST"] {
            let target = |id: &str| format!("/api/{id}{path}");
            if host.request(method, &target("whole")).send().status == 200 {
                echoed_alike(&host, method, path, |request| request);
            } else {
                alike(&host, method, path, |request| request);
            }
        }
    }
    let echoed = echoed_alike(&host, "GET", "/echo?a=b?c&d=%20+/://", |request| request);
    assert_eq!(echoed["query"], "a=b?c&d=%20+/://");
    assert_eq!(echoed["path"], "/echo");
}

#[test]
fn targets_that_no_client_sends_arrive_alike() {
    let host = both("{}");
    for (line, status) in [
        (
            "GET http://example.com/api/ID/echo?a=http://b/c HTTP/1.1",
            200,
        ),
        ("GET HTTPS://example.com:80/api/ID/echo HTTP/1.1", 200),
        ("GET /api/ID/echo?\"{}' HTTP/1.1", 0),
        ("GET /api/ID/echo?<>|^` HTTP/1.1", 0),
        ("GET /api/ID/echo?caf\u{e9} HTTP/1.1", 0),
        ("GET /api/ID/caf\u{e9} HTTP/1.1", 0),
        ("GET /api/ID/echo#part HTTP/1.1", 0),
        ("GET /api/ID/echo HTTP/1.0", 200),
        ("PURGE /api/ID/echo HTTP/1.1", 405),
        ("get /api/ID/echo HTTP/1.1", 405),
        ("TRACE /api/ID/echo HTTP/1.1", 405),
        ("OPTIONS /api/ID/echo HTTP/1.1", 204),
        ("DELETE /api/ID/echo HTTP/1.1", 405),
        ("M-SEARCH /api/ID/echo HTTP/1.1", 405),
    ] {
        let [whole, parts] = WAYS.map(|id| {
            let mut wire = Wire::open(host.address());
            let line = line.replace("ID", id);
            wire.send(format!(
                "{line}\r\nHost: h\r\nX-Request-Id: of-both\r\nConnection: close\r\n\r\n"
            ));
            let answer = wire.answer();
            let text = answer.text().replace("/api/parts", "/api/whole");
            if answer.status() == 200 {
                (200, echo(&text).to_string())
            } else {
                (answer.status(), text)
            }
        });
        assert_eq!(whole, parts, "{line}");
        assert!(status == 0 || whole.0 == status, "{line}: {whole:?}");
    }
}

/// Around `limits.buffer`: what is not collected comes through wasi:http, to either.
/// Bytes of a body that no plugin reads. Beside its answer the host takes 1 MiB of what still comes, and then closes: who
/// sends more may see the end of the connection before the answer.
const UNREAD: usize = 1_000_000;

#[test]
fn bodies_arrive_alike() {
    for buffer in [BUFFER, 1000, 0] {
        let host = both(&format!("{{buffer: {buffer}, body: 4MiB}}"));
        for n in [
            0,
            1,
            buffer.saturating_sub(1),
            buffer,
            buffer + 1,
            3_000_000,
        ] {
            let body: Vec<u8> = (0..n)
                .map(|n: usize| (n * n % 251).to_le_bytes()[0])
                .collect();
            for id in WAYS {
                let post = |path: &str, body: &[u8]| {
                    let request = host.request("POST", &format!("/api/{id}{path}"));
                    request.body(body.to_vec()).send()
                };
                assert_eq!(post("/upload", &body).text(), n.to_string(), "{id}");
                assert!(
                    post("/mirror", &body).body == body,
                    "{id}: {n} bytes are what they were"
                );
                let unread = &body[..n.min(UNREAD)];
                assert_eq!(post("/unread", unread).status, 200, "{id}, {n}");
                let whole = id == "whole" && n <= buffer;
                let way = if whole { "unary" } else { "wasi" };
                assert_eq!(
                    post("/way", unread).text(),
                    way,
                    "{id}: {n} bytes, a buffer of {buffer}"
                );
            }
            echoed_alike(&host, "POST", "/echo", |request| request.body(body.clone()));
        }
    }
}

#[test]
fn chunked_bodies_arrive_alike() {
    let host = both("{buffer: 10KiB}");
    for n in [0, 1, 10 << 10, (10 << 10) + 1, 100_000] {
        for id in WAYS {
            let mut wire = Wire::open(host.address());
            wire.send(format!(
                "POST /api/{id}/upload HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            ));
            for piece in vec![b'x'; n].chunks(7000) {
                wire.send(format!("{:x}\r\n", piece.len()));
                wire.send(piece);
                wire.send("\r\n");
            }
            wire.send("0\r\nX-Trailer: 1\r\n\r\n");
            let answer = wire.answer();
            assert_eq!(
                (answer.status(), answer.text()),
                (200, n.to_string()),
                "{id}"
            );
        }
    }
}

#[test]
fn gzipped_bodies_arrive_alike() {
    let host = both("{body: 4MiB}");
    let gzip = |n: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(&vec![b'x'; n]).unwrap();
        encoder.finish().unwrap()
    };
    let post = |path: &'static str, body: &[u8]| {
        alike(&host, "POST", path, |request| {
            request
                .header("content-encoding", "gzip")
                .body(body.to_vec())
        })
    };
    for n in [0, 1, BUFFER, BUFFER + 1, 3_000_000] {
        let answer = post("/upload", &gzip(n));
        assert_eq!((answer.status, answer.text()), (200, n.to_string()));
        let sent = gzip(n);
        echoed_alike(&host, "POST", "/echo", |request| {
            request
                .header("content-encoding", "gzip")
                .body(sent.clone())
        });
    }
    let good = gzip(1000);
    assert_eq!(post("/upload", &good[..good.len() - 4]).status, 400);
    assert_eq!(post("/upload", b"no gzip").status, 400);
    assert_eq!(post("/upload", &gzip((4 << 20) + 1)).status, 413);
}
