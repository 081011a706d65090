//! What is decided before the database is asked: it needs a host.

use super::*;
use serde_json::Value;

fn ask(request: Request) -> (u16, String) {
    let response = routes().dispatch(request);
    (
        response.status(),
        String::from_utf8(response.bytes().unwrap().to_vec()).unwrap(),
    )
}

fn post(body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", "/todos")
        .with_header("content-type", "application/json")
        .with_body(body)
}

#[test]
fn a_bad_query_is_refused() {
    for (query, message) in [
        ("entityRef=a&entityRef=a", "entityRef must be given once"),
        ("entityRef=&entityRef=a", "entityRef must be given once"),
        ("limit=0", "limit must be a number from 1 to 1000"),
        ("limit=1001", "limit must be a number from 1 to 1000"),
        ("limit=", "limit must be a number from 1 to 1000"),
        ("limit=%2B5", "limit must be a number from 1 to 1000"),
        ("limit=1e2", "limit must be a number from 1 to 1000"),
        ("limit=5&limit=5", "limit must be given once"),
        ("after=", "after is not a cursor of this list"),
        ("after=x", "after is not a cursor of this list"),
        ("x=%zz", "the query has an invalid percent-escape"),
    ] {
        let asked = ask(Request::new("GET", format!("/todos?{query}")));
        assert_eq!(
            asked,
            (400, format!("{{\"error\":\"{message}\"}}")),
            "{query}"
        );
    }
}

#[test]
fn bodies_are_at_most_100_kib() {
    let padded = |length: usize| {
        let mut body = b"{\"title\":5}".to_vec();
        body.resize(length, b' ');
        post(body)
    };
    assert_eq!(
        ask(padded(102_400)),
        (400, r#"{"error":"title must be a string"}"#.into())
    );
    assert_eq!(
        ask(padded(102_401)),
        (
            413,
            r#"{"error":"the body must be at most 102400 bytes"}"#.into()
        )
    );
}

#[test]
fn other_types_are_refused_before_the_body_is_read() {
    for (method, target, accept) in [
        ("POST", "/todos", None),
        ("PATCH", "/todos/1", Some("application/json")),
    ] {
        let request = Request::new(method, target)
            .with_header("content-type", "text/plain")
            .with_body("{");
        let response = routes().dispatch(request);
        assert_eq!(
            (response.status(), response.header("accept-patch")),
            (415, accept)
        );
    }
}

#[test]
fn the_body_is_checked_before_the_id() {
    let request =
        Request::new("PATCH", "/todos/none").with_header("content-type", "application/json");
    assert_eq!(
        ask(request.with_body("{}")),
        (
            400,
            r#"{"error":"nothing to update: send title or completed"}"#.into()
        )
    );
}

#[test]
fn idempotency_keys_are_checked() {
    for key in ["", "a b", "ä", "a\u{7f}", &"x".repeat(256)] {
        let (status, body) = ask(post(r#"{"title":"a"}"#).with_header("idempotency-key", key));
        assert_eq!(status, 400, "{key}");
        assert!(body.contains("Idempotency-Key must be"), "{body}");
    }
    let twice = post(r#"{"title":"a"}"#)
        .with_header("idempotency-key", "a")
        .with_header("idempotency-key", "a");
    assert_eq!(ask(twice).0, 400);
}

#[test]
fn a_long_id_is_cut_in_the_answer() {
    let error = not_found(&"ä".repeat(100));
    assert_eq!(
        error.message(),
        format!("Todo with id {} not found", "ä".repeat(64))
    );
}

#[test]
fn the_link_keeps_what_was_asked_for() {
    let request = Request::new("GET", "/todos").with_header("x-forwarded-prefix", "/api/todo");
    assert_eq!(
        link(&request, Some("component:default/a b"), Some(5), "1-2"),
        "</api/todo/todos?entityRef=component%3Adefault%2Fa+b&limit=5&after=1-2>; rel=\"next\""
    );
    assert_eq!(
        link(&request, None, None, "1-2"),
        "</api/todo/todos?after=1-2>; rel=\"next\""
    );
}

#[test]
fn the_document_names_every_route_and_no_other() {
    let (status, body) = ask(Request::new("GET", "/openapi.json"));
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(
        paths.keys().collect::<Vec<_>>(),
        ["/openapi.json", "/todos", "/todos/{id}"]
    );
    for (path, operations) in paths {
        let target = path.replace("{id}", "1");
        let response = routes().dispatch(Request::new("OPTIONS", target));
        let allowed = response.header("allow").unwrap().to_owned();
        let allowed: Vec<_> = allowed
            .split(", ")
            .filter(|method| !matches!(*method, "HEAD" | "OPTIONS"))
            .map(str::to_lowercase)
            .collect();
        let named: Vec<_> = operations
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "parameters")
            .collect();
        assert_eq!(allowed.len(), named.len(), "{path}");
        assert!(
            allowed.iter().all(|method| named.contains(&method)),
            "{path}: {allowed:?}"
        );
    }
}
