//! Compression of answers by `Accept-Encoding`.

use super::{host, host_with};
use greenroom_tests::{Host, Response};
use std::io::Read;

const TEXT: &str = "/api/chameleon/answer?n=5000";

fn ask(host: &Host, target: &str, accept: &str) -> Response {
    host.request("GET", target)
        .header("accept-encoding", accept)
        .send()
}

fn coding(answer: &Response) -> Option<String> {
    answer.header("content-encoding")
}

/// The body as it was before the host coded it.
fn decoded(answer: &Response) -> Vec<u8> {
    let mut text = Vec::new();
    match coding(answer).as_deref() {
        None => return answer.body.to_vec(),
        Some("gzip") => flate2::read::MultiGzDecoder::new(&answer.body[..])
            .read_to_end(&mut text)
            .expect("gzip"),
        Some("br") => brotli::Decompressor::new(&answer.body[..], 4096)
            .read_to_end(&mut text)
            .expect("brotli"),
        Some("zstd") => zstd::Decoder::new(&answer.body[..])
            .and_then(|mut decoder| decoder.read_to_end(&mut text))
            .expect("zstd"),
        Some(other) => panic!("{other}"),
    };
    text
}

#[test]
fn all_three_codings_decode_to_what_was_there() {
    let host = host();
    for target in [
        TEXT,
        "/api/chameleon/answer?n=200000",
        "/api/chameleon/answer?n=900000",
        "/api/chameleon/answer?n=700000&length=no",
        "/api/chameleon/stream?n=600000&chunk=5000",
    ] {
        let plain = host.get(target);
        assert_eq!(
            (coding(&plain), plain.header("vary").as_deref()),
            (None, Some("Accept-Encoding")),
            "{target}"
        );
        for name in ["gzip", "br", "zstd"] {
            let coded = ask(&host, target, name);
            assert_eq!(
                (coded.status, coding(&coded).as_deref()),
                (200, Some(name)),
                "{target}"
            );
            assert_eq!(
                coded.header("vary").as_deref(),
                Some("Accept-Encoding"),
                "{target}"
            );
            assert!(
                coded.body.len() < plain.body.len() / 10,
                "{target} {name}: {} bytes",
                coded.body.len()
            );
            assert_eq!(decoded(&coded), plain.body, "{target} {name}");
            match coded.header("etag") {
                Some(tag) => assert_eq!(
                    Some(tag),
                    plain.header("etag"),
                    "{target}: weak, so the same for all codings"
                ),
                None => assert!(
                    coded.header("content-length").is_none(),
                    "{target}: a stream"
                ),
            }
        }
    }
}

#[test]
fn the_client_chooses() {
    let host = host();
    for (accept, expected) in [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip, zstd", Some("zstd")),
        ("gzip;q=1.0, br;q=0.5", Some("gzip")),
        ("br;q=0.1, zstd;q=0.2, gzip;q=0.15", Some("zstd")),
        ("GZIP", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("*", Some("br")),
        ("br;q=0, *", Some("zstd")),
        ("*;q=0, gzip", Some("gzip")),
        ("gzip;q=0.5, identity;q=1", None),
        ("identity;q=0.5, gzip;q=0.5", Some("gzip")),
        ("identity", None),
        ("", None),
        ("deflate", None),
        ("compress, x", None),
        ("gzip;q=0", None),
        ("br;q=0.000, gzip;q=0.001", Some("gzip")),
        ("gzip;q=2", None),
        ("gzip;q=nonsense", None),
    ] {
        let answer = ask(&host, TEXT, accept);
        assert_eq!(coding(&answer).as_deref(), expected, "{accept}");
        assert_eq!(decoded(&answer).len(), 5000, "{accept}");
        assert_eq!(
            answer.header("vary").as_deref(),
            Some("Accept-Encoding"),
            "{accept}"
        );
    }
    let two_lines = host
        .request("GET", TEXT)
        .header("accept-encoding", "br;q=0")
        .header("accept-encoding", "gzip")
        .send();
    assert_eq!(coding(&two_lines).as_deref(), Some("gzip"));
}

#[test]
fn short_bodies_stay_as_they_are() {
    let host = host();
    for (n, expected) in [(0, None), (1023, None), (1024, Some("gzip"))] {
        let answer = ask(&host, &format!("/api/chameleon/answer?n={n}"), "gzip");
        assert_eq!(coding(&answer).as_deref(), expected, "{n}");
        assert_eq!(
            answer.header("vary").as_deref(),
            Some("Accept-Encoding"),
            "{n}: it might have been"
        );
        assert_eq!(decoded(&answer).len(), n);
    }
}

#[test]
fn what_must_not_be_coded_is_not() {
    let host = host();
    for query in [
        "type=image/png",
        "type=application/zip",
        "type=text/event-stream",
        "header=content-encoding:br",
        "header=content-encoding:gzip",
        "header=cache-control:no-transform",
        "header=cache-control:public,%20No-Transform",
        "status=206&header=content-range:bytes%200-4999/9000",
        "type=text/event-stream&length=no",
    ] {
        let answer = ask(&host, &format!("{TEXT}&{query}"), "gzip, br, zstd");
        let own = query.strip_prefix("header=content-encoding:");
        assert_eq!(coding(&answer).as_deref(), own, "{query}");
        assert_eq!(
            (answer.body.len(), answer.header("vary")),
            (5000, None),
            "{query}"
        );
    }
    for query in [
        "type=application/problem%2Bjson",
        "type=image/svg%2Bxml",
        "type=TEXT/HTML;%20charset=utf-8",
        "status=404",
        "status=500",
        "header=content-encoding:identity",
    ] {
        assert_eq!(
            coding(&ask(&host, &format!("{TEXT}&{query}"), "gzip")).as_deref(),
            Some("gzip"),
            "{query}"
        );
    }
}

#[test]
fn vary_is_added_to_what_the_plugin_says() {
    let host = host();
    for (own, expected) in [
        ("accept-language", "accept-language, Accept-Encoding"),
        ("Accept-Encoding", "Accept-Encoding"),
        ("*", "*"),
    ] {
        let answer = host.get(&format!("{TEXT}&header=vary:{own}"));
        assert_eq!(answer.header("vary").as_deref(), Some(expected), "{own}");
    }
    let host = host_with("backend: {cors: {origin: 'http://a'}}");
    assert_eq!(
        host.get(TEXT).header("vary").as_deref(),
        Some("Accept-Encoding, Origin")
    );
}

#[test]
fn head_tells_what_get_would() {
    let host = host();
    for (target, accept) in [
        (TEXT, "gzip"),
        (TEXT, "identity"),
        ("/api/chameleon/answer?n=100", "gzip"),
        ("/api/chameleon/answer?n=5000&type=image/png", "br"),
    ] {
        let get = ask(&host, target, accept);
        let head = host
            .request("HEAD", target)
            .header("accept-encoding", accept)
            .send();
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
        for name in [
            "content-encoding",
            "content-type",
            "content-length",
            "etag",
            "vary",
        ] {
            assert_eq!(
                head.header(name),
                get.header(name),
                "{name} of {target} for {accept}"
            );
        }
    }
}

#[test]
fn a_coded_answer_is_304_like_any() {
    let host = host();
    let tag = ask(&host, TEXT, "br").header("etag").unwrap();
    let held = host
        .request("GET", TEXT)
        .header("accept-encoding", "br")
        .header("if-none-match", &tag)
        .send();
    assert_eq!(
        (held.status, held.body.len(), coding(&held)),
        (304, 0, None)
    );
    assert_eq!(
        (held.header("etag"), held.header("vary").as_deref()),
        (Some(tag), Some("Accept-Encoding"))
    );
}

#[test]
fn the_todo_list_is_coded_too() {
    let host = greenroom_tests::Setup::new()
        .plugin("todo", &greenroom_tests::todo())
        .start();
    for n in 0..30 {
        assert_eq!(
            host.post(
                "/api/todo/todos",
                &serde_json::json!({"title": format!("todo {n}")})
            )
            .status,
            201
        );
    }
    let plain = host.get("/api/todo/todos");
    for name in ["gzip", "br", "zstd"] {
        let coded = ask(&host, "/api/todo/todos", name);
        assert_eq!(
            (coding(&coded).as_deref(), decoded(&coded)),
            (Some(name), plain.body.to_vec())
        );
    }
    let host_error = ask(&host, &format!("/api/none?{}", "x".repeat(2000)), "gzip");
    assert_eq!(
        (host_error.status, coding(&host_error).as_deref()),
        (404, Some("gzip"))
    );
    assert!(
        String::from_utf8(decoded(&host_error))
            .unwrap()
            .contains("NotFoundError")
    );
}
