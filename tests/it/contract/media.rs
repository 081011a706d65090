//! Content types, and how large a body may be.

use super::{TODOS, assert_error, create, host, path_of};
use flate2::{Compression, write::GzEncoder};
use greenroom_tests::{Host, Response, Wire};
use serde_json::json;
use std::io::Write;

const LIMIT: usize = 102_400;

fn post_as(host: &Host, content_type: &str) -> Response {
    host.request("POST", TODOS)
        .header("content-type", content_type)
        .body(r#"{"title":"t"}"#)
        .send()
}

#[test]
fn json_is_taken_under_all_its_names() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    for content_type in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json;charset=utf8",
        "application/json ; charset=\"utf-8\"",
        "application/json; Charset=Utf8",
        "application/json; version=1",
        "application/json;",
        "application/json; a=\"x;y\"; charset=utf-8",
        "application/merge-patch+json",
        "application/vnd.api+json",
        "application/Problem+JSON",
        "application/ld+json; charset=utf-8",
    ] {
        assert_eq!(post_as(&host, content_type).status, 201, "{content_type}");
        let patch = host
            .request("PATCH", &item)
            .header("content-type", content_type)
            .body(r#"{"completed":true}"#)
            .send();
        assert_eq!(patch.status, 200, "{content_type}");
    }
}

#[test]
fn other_types_are_415() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    for content_type in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json5",
        "application/xml+jsonx",
        "application/json-patch+json",
        "application/JSON-Patch+json",
        "application/+json",
        "image/svg+json",
        "json",
        "application",
        "",
        "application/json, application/json",
        "application/json; charset=latin1",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1; charset=utf-8",
        "application/json; charset=",
        "application/json; charset=\"utf-7\"",
    ] {
        let post = post_as(&host, content_type);
        assert_eq!(
            (post.status, post.header("accept-patch")),
            (415, None),
            "{content_type}"
        );
        assert!(post.json()["error"].is_string(), "{content_type}");
        for target in [item.as_str(), "/api/todo/todos/no"] {
            let patch = host
                .request("PATCH", target)
                .header("content-type", content_type)
                .body(r#"{"completed":true}"#)
                .send();
            assert_eq!(patch.status, 415, "{content_type}");
            let takes = patch.header("accept-patch").expect("Accept-Patch");
            assert!(takes.contains("application/json"), "{takes}");
        }
    }
    let none = host.request("POST", TODOS).body(r#"{"title":"t"}"#).send();
    assert_eq!(none.status, 415, "no type at all");
    assert_eq!(host.get(TODOS).json().as_array().unwrap().len(), 1);
}

/// A valid body of exactly this many bytes.
fn body_of(length: usize) -> Vec<u8> {
    let frame = r#"{"title":"t","pad":""}"#;
    format!(
        r#"{{"title":"t","pad":"{}"}}"#,
        "x".repeat(length - frame.len())
    )
    .into_bytes()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_body_of_100_kib_is_taken_and_one_byte_more_is_not() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    let too_large = format!("the body must be at most {LIMIT} bytes");
    for (method, target, status) in [("POST", TODOS, 201), ("PATCH", item.as_str(), 200)] {
        let send = |body: Vec<u8>| {
            host.request(method, target)
                .header("content-type", "application/json")
                .body(body)
                .send()
        };
        assert_eq!(send(body_of(LIMIT)).status, status, "{method}");
        assert_error(&send(body_of(LIMIT + 1)), 413, &too_large);
        assert_error(&send(body_of(900 << 10)), 413, &too_large);
        let coded = |body: Vec<u8>| {
            let request = host
                .request(method, target)
                .header("content-type", "application/json");
            request
                .header("content-encoding", "gzip")
                .body(gzip(&body))
                .send()
        };
        assert_eq!(
            coded(body_of(LIMIT)).status,
            status,
            "{method}: counted after inflating"
        );
        assert_error(&coded(body_of(LIMIT + 1)), 413, &too_large);
    }
    // Of what is too large nothing is parsed.
    let junk = host
        .request("POST", TODOS)
        .header("content-type", "application/json")
        .body(vec![b'{'; LIMIT + 1])
        .send();
    assert_error(&junk, 413, &too_large);
    let mark = [b"\xef\xbb\xbf".to_vec(), body_of(LIMIT - 3)].concat();
    assert_eq!(
        host.request("POST", TODOS)
            .header("content-type", "application/json")
            .body(mark)
            .send()
            .status,
        201
    );
}

#[test]
fn chunked_bodies_count_the_same() {
    let host = host();
    for (length, status) in [(LIMIT, 201), (LIMIT + 1, 413)] {
        let mut wire = Wire::open(host.address());
        wire.send(format!("POST {TODOS} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for chunk in body_of(length).chunks(1000) {
            wire.send([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        wire.send("0\r\n\r\n");
        let answer = wire.answer();
        assert_eq!(answer.status(), status, "{length}: {}", answer.text());
        if status == 413 {
            assert_eq!(
                answer.json(),
                json!({"error": format!("the body must be at most {LIMIT} bytes")})
            );
        }
    }
}
