//! Bodies that are no JSON object in Unicode: refused by line and column, and never echoed.

use super::{TODOS, create, host, path_of, titles};
use greenroom_tests::{Host, Response};
use serde_json::{Value, json};

fn send(host: &Host, method: &str, target: &str, body: impl AsRef<[u8]>) -> Response {
    let request = host
        .request(method, target)
        .header("content-type", "application/json");
    request.body(body.as_ref().to_vec()).send()
}

#[test]
fn what_is_no_json_object_is_refused_by_line_and_column() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    let secret = "s3cr3t";
    for (body, line, column) in [
        ("", 1, 1),
        ("  ", 1, 2),
        ("[]", 1, 1),
        ("\n  [{\"title\":\"s3cr3t\"}]", 2, 3),
        ("\"s3cr3t\"", 1, 1),
        ("null", 1, 1),
        ("17", 1, 1),
        ("true", 1, 1),
    ] {
        for (method, target) in [("POST", TODOS), ("PATCH", item.as_str())] {
            let answer = send(&host, method, target, body);
            let message = answer.json()["error"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let place = format!("at line {line}, column {column}");
            assert!(
                answer.status == 400 && (message.ends_with(&place) || body.trim().is_empty()),
                "{method} {body:?}: {message}"
            );
        }
    }
    for (body, line) in [
        ("{", 1),
        ("{\"title\":\"s3cr3t\"", 1),
        ("{\n\"title\":\n\"s3cr3t\",\n}", 4),
        ("{'title':'s3cr3t'}", 1),
        ("{title:\"s3cr3t\"}", 1),
        ("{\"title\":\"s3cr3t\"} x", 1),
        ("{\"title\":\"s3cr3t\"}{}", 1),
        ("{\"title\":\"s3cr3t\n\"}", 1),
        ("{\"title\":\"s3cr3t\\x\"}", 1),
        ("{\"title\":s3cr3t}", 1),
        ("{\"title\":NaN,\"a\":\"s3cr3t\"}", 1),
        ("{\"title\":01}", 1),
        ("{\"title\":\"a\"/* s3cr3t */}", 1),
        ("// s3cr3t\n{}", 1),
        ("s3cr3t", 1),
        ("title=s3cr3t", 1),
        ("{\"s3cr3t\"}", 1),
    ] {
        for (method, target) in [("POST", TODOS), ("PATCH", item.as_str())] {
            refused_at_line(
                &send(&host, method, target, body),
                line,
                &format!("{method} {body:?}"),
            );
            let text = send(&host, method, target, body).text();
            assert!(
                !text.contains(secret),
                "{method} {body:?} is echoed: {text}"
            );
        }
    }
    assert_eq!(titles(&host.get(TODOS).json()), ["t"]);
}

#[track_caller]
fn refused_at_line(answer: &Response, line: usize, what: &str) {
    let value = answer.json();
    let message = value["error"].as_str().unwrap_or_default();
    assert!(
        answer.status == 400 && value.as_object().map(serde_json::Map::len) == Some(1),
        "{what}: {value}"
    );
    assert!(
        message.contains("line ") && message.contains("column "),
        "{what}: {message}"
    );
    // A fault at the end of a line may be told at the start of the next.
    let near = [line, line + 1]
        .iter()
        .any(|line| message.contains(&format!("line {line},")));
    assert!(near, "{what}: {message}");
}

#[test]
fn text_that_is_no_unicode_is_refused() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    for bytes in [
        &b"\xff"[..],
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ] {
        for field in ["title", "other"] {
            let body = [b"{\n \"", field.as_bytes(), b"\":\"", bytes, b"\"}"].concat();
            let answer = send(&host, "POST", TODOS, &body);
            refused_at_line(&answer, 2, &format!("{bytes:?} in {field}"));
            refused_at_line(
                &send(&host, "PATCH", &item, &body),
                2,
                &format!("{bytes:?} in {field}"),
            );
        }
    }
    for escape in [
        r"\ud800",
        r"\udc00",
        r"\ud800x",
        r"\ud800\ud800",
        r"\udc00\ud800",
        r"\ud83d\u0041",
        r"a\uDFFFb",
    ] {
        for body in [
            format!(r#"{{"title":"{escape}"}}"#),
            format!(r#"{{"title":"t","other":["{escape}"]}}"#),
            format!(r#"{{"title":"t","{escape}":1}}"#),
        ] {
            refused_at_line(&send(&host, "POST", TODOS, &body), 1, &body);
            refused_at_line(&send(&host, "PATCH", &item, &body), 1, &body);
        }
    }
    // Not a surrogate: an escaped backslash before a plain u.
    assert_eq!(
        send(&host, "POST", TODOS, r#"{"title":"\\ud800"}"#).json()["title"],
        json!(r"\ud800")
    );
}

#[test]
fn a_byte_order_mark_is_skipped_once() {
    let host = host();
    let answer = send(&host, "POST", TODOS, b"\xef\xbb\xbf{\"title\":\"t\"}");
    assert_eq!((answer.status, &answer.json()["title"]), (201, &json!("t")));
    let patch = send(
        &host,
        "PATCH",
        &path_of(&answer.json()),
        b"\xef\xbb\xbf {\"completed\":true}",
    );
    assert_eq!(patch.json()["completed"], json!(true));
    refused_at_line(
        &send(
            &host,
            "POST",
            TODOS,
            b"\xef\xbb\xbf\xef\xbb\xbf{\"title\":\"t\"}",
        ),
        1,
        "two marks",
    );
    refused_at_line(
        &send(&host, "POST", TODOS, b"\xef\xbb\xbf"),
        1,
        "a mark alone",
    );
    refused_at_line(&send(&host, "POST", TODOS, b"\xff\xfe{\0}\0"), 1, "UTF-16");
}

#[test]
fn deep_and_odd_json_does_no_harm() {
    let host = host();
    for opening in ["[", "{\"a\":", "{\"title\":["] {
        let answer = send(
            &host,
            "POST",
            TODOS,
            opening.repeat(100_000 / opening.len()),
        );
        assert_eq!(answer.status, 400, "{opening}: {}", answer.text());
    }
    let many: Value = (0..5000)
        .map(|n| (format!("k{n}"), json!(n)))
        .chain([("title".to_owned(), json!("t"))])
        .collect();
    assert_eq!(send(&host, "POST", TODOS, many.to_string()).status, 201);
    let numbers = r#"{"title":"t","a":1e999,"b":-0,"c":123456789012345678901234567890,"d":1E-999,"completed":{"x":[]}}"#;
    assert_eq!(
        send(&host, "POST", TODOS, numbers).status,
        201,
        "what is ignored is only read"
    );
}
