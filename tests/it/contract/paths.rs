//! Routes, methods, and how paths are read.

use super::{TODOS, assert_error, create, host, path_of};
use greenroom_tests::{Response, Wire};
use serde_json::json;
use std::collections::BTreeSet;

fn allowed(answer: &Response) -> BTreeSet<String> {
    let allow = answer.header("allow").expect("Allow");
    allow
        .split(',')
        .map(|method| method.trim().to_owned())
        .collect()
}

fn set(methods: &[&str]) -> BTreeSet<String> {
    methods.iter().map(|method| (*method).to_owned()).collect()
}

#[test]
fn known_paths_name_their_methods_and_refuse_others() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    for (path, methods) in [
        (TODOS, set(&["GET", "HEAD", "POST", "OPTIONS"])),
        ("/api/todo/todos/", set(&["GET", "HEAD", "POST", "OPTIONS"])),
        (&item, set(&["GET", "HEAD", "PATCH", "DELETE", "OPTIONS"])),
        (
            "/api/todo/todos/no-such-id",
            set(&["GET", "HEAD", "PATCH", "DELETE", "OPTIONS"]),
        ),
        ("/api/todo/openapi.json", set(&["GET", "HEAD", "OPTIONS"])),
    ] {
        let options = host.request("OPTIONS", path).send();
        assert_eq!(
            (options.status, options.text().as_str()),
            (204, ""),
            "{path}"
        );
        assert_eq!(allowed(&options), methods, "{path}");
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get",
        ] {
            if methods.contains(method) {
                continue;
            }
            let answer = host
                .request(method, path)
                .json(&json!({"title": "x"}))
                .send();
            assert_eq!(
                (answer.status, allowed(&answer)),
                (405, methods.clone()),
                "{method} {path}"
            );
            assert!(
                answer.json()["error"].is_string(),
                "{method} {path}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(
        host.get(TODOS).json().as_array().unwrap().len(),
        1,
        "none of these did anything"
    );
}

#[test]
fn unknown_paths_are_not_found() {
    let host = host();
    for path in [
        "/api/todo",
        "/api/todo/",
        "/api/todo/x",
        "/api/todo/todo",
        "/api/todo/todos.json",
        "/api/todo/TODOS",
        "/api/todo/Todos",
        "/api/todo/%74odos",
        "/api/todo/todos%2F",
        "/api/todo//todos",
        "/api/todo/todos//",
        "/api/todo/todos/a/b",
        "/api/todo/todos/a//",
        "/api/todo/./todos",
        "/api/todo/x/../todos",
        "/api/todo/todos/..",
        "/api/todo/todos/../todos",
        "/api/todo/todos;v=1",
        "/api/todo/openapi%2Ejson",
        "/api/todo/openapi.json/x",
        "/api/todo/%zz",
        "/api/todo/todos/%2e%2e/x",
        "/api/todo/todos%00",
    ] {
        for method in ["GET", "OPTIONS", "POST", "DELETE"] {
            // `..` and `.` are ids like others, but there is no such todo.
            if path == "/api/todo/todos/.." {
                continue;
            }
            let answer = host.request(method, path).send();
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_eq!(
                answer.json(),
                json!({"error": "Not found"}),
                "{method} {path}"
            );
            assert_eq!(answer.header("allow"), None, "{method} {path}");
        }
    }
    assert_error(&host.get("/api/todo/nothing?q=%zz"), 404, "Not found");
}

#[test]
fn one_slash_at_the_end_is_the_same_resource() {
    let host = host();
    let answer = host.post("/api/todo/todos/", &json!({"title": "t"}));
    assert_eq!(answer.status, 201);
    let item = path_of(&answer.json());
    assert_eq!(
        answer.header("location"),
        Some(item.clone()),
        "the location has none"
    );
    assert_eq!(host.get("/api/todo/todos/").text(), host.get(TODOS).text());
    assert_eq!(host.get(&format!("{item}/")).text(), host.get(&item).text());
    assert_eq!(
        host.get("/api/todo/todos/?limit=1")
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(host.get("/api/todo/openapi.json/").status, 200);
    assert_eq!(
        host.request("PATCH", &format!("{item}/"))
            .json(&json!({"completed": true}))
            .send()
            .status,
        200
    );
    assert_eq!(
        host.request("DELETE", &format!("{item}/")).send().status,
        204
    );
}

#[test]
fn ids_are_compared_byte_for_byte_and_decoded_once() {
    let host = host();
    let item = create(&host, "t");
    let id = item["id"].as_str().unwrap();
    let escaped: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(host.get(&format!("{TODOS}/{escaped}")).json(), item);
    assert_eq!(
        host.get(&format!("{TODOS}/{}", id.replace('-', "%2D")))
            .json(),
        item
    );
    let twice = escaped.replace('%', "%25");
    let long = "ü".repeat(100);
    for other in [
        &id.to_uppercase(),
        &format!("{id}x"),
        &id[..35],
        &format!("+{id}"),
        &format!("{id}%20"),
        &format!("{id}%00"),
        &twice,
        "1",
        "a%2Fb",
        "%2e%2e",
        "'",
        "*",
    ] {
        if other == id {
            continue;
        }
        assert_error(
            &host.get(&format!("{TODOS}/{other}")),
            404,
            "Todo not found",
        );
    }
    for (sent, shown) in [
        ("no", "no".to_owned()),
        ("a%2Fb%20c+d", "a/b c+d".to_owned()),
        ("%22%0A%3Cb%3E", "\"\n<b>".to_owned()),
        (
            &long
                .bytes()
                .map(|byte| format!("%{byte:02X}"))
                .collect::<String>(),
            "ü".repeat(64),
        ),
        (&"x".repeat(64), "x".repeat(64)),
        (&"x".repeat(2000), "x".repeat(64)),
    ] {
        let message = format!("Todo with id {shown} not found");
        assert_error(
            &host.request("DELETE", &format!("{TODOS}/{sent}")).send(),
            404,
            &message,
        );
        let patch = host
            .request("PATCH", &format!("{TODOS}/{sent}"))
            .json(&json!({"completed": true}))
            .send();
        assert_error(&patch, 404, &message);
    }
}

#[test]
fn a_broken_escape_in_an_id_is_refused() {
    let host = host();
    for id in [
        "%",
        "%4",
        "%zz",
        "a%",
        "%FF",
        "%C3",
        "%ED%A0%80",
        "%C0%80",
        "%-1",
    ] {
        for method in ["GET", "HEAD", "DELETE", "PATCH"] {
            let answer = host
                .request(method, &format!("{TODOS}/{id}"))
                .json(&json!({"completed": true}))
                .send();
            assert_eq!(answer.status, 400, "{method} {id}");
            if method != "HEAD" {
                assert_error(&answer, 400, "id has an invalid percent-escape");
            }
        }
    }
}

#[test]
fn dot_segments_are_not_resolved() {
    let host = host();
    create(&host, "t");
    // Raw: a client library might resolve them.
    for (target, status) in [
        ("/api/todo/../todo/todos", 404),
        ("/api/todo/./todos", 404),
        ("/api/./todo/todos", 404),
        ("/api/x/../todo/todos", 404),
        ("/api/todo/todos/.", 404),
        ("/api/todo/todos/..", 404),
        ("/api//todo/todos", 404),
        ("//api/todo/todos", 404),
        ("/api/todo/todos", 200),
        ("/API/todo/todos", 404),
        ("/api/Todo/todos", 404),
        ("/api/tod%6F/todos", 404),
    ] {
        let mut wire = Wire::open(host.address());
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(wire.answer().status(), status, "{target}");
    }
}

#[test]
fn head_answers_as_get_without_a_body() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    create(&host, "u");
    let one_more = format!("{TODOS}?limit=1");
    for target in [
        TODOS,
        &one_more,
        &item,
        "/api/todo/openapi.json",
        "/api/todo/todos/no",
        "/api/todo/nothing",
        "/api/todo/todos?limit=0",
    ] {
        let (get, head) = (host.get(target), host.request("HEAD", target).send());
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{target}");
        for name in [
            "content-type",
            "etag",
            "link",
            "vary",
            "cache-control",
            "content-length",
        ] {
            assert_eq!(head.header(name), get.header(name), "{name} of {target}");
        }
        assert_eq!(
            head.header("content-length"),
            Some(get.body.len().to_string()),
            "{target}"
        );
    }
}

#[test]
fn bodies_of_reads_and_deletes_are_ignored() {
    let host = host();
    let item = path_of(&create(&host, "t"));
    let junk = "not json ".repeat(20_000);
    for (method, target, status) in [
        ("GET", TODOS, 200),
        ("HEAD", TODOS, 200),
        ("GET", &item, 200),
        ("DELETE", &item, 204),
    ] {
        let answer = host
            .request(method, target)
            .header("content-type", "application/x-odd")
            .body(junk.clone())
            .send();
        assert_eq!(answer.status, status, "{method} {target}");
    }
}
