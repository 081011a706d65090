//! `GET /openapi.json` is true to what the API does.

use super::{TODOS, create, host, path_of};
use greenroom_tests::{Host, Response};
use serde_json::{Value, json};

fn document(host: &Host) -> Value {
    let answer = host.get("/api/todo/openapi.json");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
    answer.json()
}

/// Follows `$ref`s.
fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..10 {
        match value["$ref"].as_str() {
            None => return value,
            Some(reference) => {
                let pointer = reference
                    .strip_prefix('#')
                    .expect("a reference within the document");
                value = document
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("{reference} leads nowhere"));
            }
        }
    }
    panic!("references in a circle")
}

fn every_reference(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| every_reference(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| every_reference(value, found)),
        _ => {}
    }
}

#[test]
fn it_is_openapi_3_1_and_names_every_route() {
    let host = host();
    let document = document(&host);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    assert_eq!(document["servers"][0]["url"], json!("/api/todo"));
    for (path, methods) in [
        ("/todos", &["get", "post"][..]),
        ("/todos/{id}", &["get", "patch", "delete"]),
        ("/openapi.json", &["get"]),
    ] {
        for method in methods {
            let operation = &document["paths"][path][method];
            assert!(
                operation["responses"]
                    .as_object()
                    .is_some_and(|responses| !responses.is_empty()),
                "{method} {path}"
            );
            assert!(operation["operationId"].is_string(), "{method} {path}");
        }
    }
    assert_eq!(document["paths"].as_object().unwrap().len(), 3);
    let mut references = Vec::new();
    every_reference(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        resolved(&document, &json!({ "$ref": reference }));
    }
}

#[test]
fn it_names_both_shapes_of_errors() {
    let host = host();
    let document = document(&host);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let plugin = host.get("/api/todo/todos/none").json();
    let outside = host.get("/api/none").json();
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let shape = |required: &[String]| {
        schemas.values().find(|schema| {
            let named: Vec<_> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            named.len() == required.len()
                && required.iter().all(|key| named.contains(&key.as_str()))
        })
    };
    let plugins = shape(&keys(&plugin)).expect("the plugin's shape");
    assert_eq!(plugins["properties"]["error"]["type"], json!("string"));
    let hosts = shape(&keys(&outside)).expect("the host's shape");
    for (part, key) in [
        ("error", "name"),
        ("error", "message"),
        ("request", "method"),
        ("request", "url"),
        ("response", "statusCode"),
    ] {
        assert!(
            hosts["properties"][part]["properties"][key]["type"].is_string(),
            "{part}.{key}"
        );
        assert!(!outside[part][key].is_null(), "{part}.{key}");
    }
}

#[test]
fn the_statuses_that_the_api_gives_are_in_it() {
    let host = host();
    let document = document(&host);
    let item = path_of(&create(&host, "t"));
    let json = |method: &str, target: &str, body: &str| {
        host.request(method, target)
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let large = "x".repeat(102_401);
    let requests: Vec<(&str, &str, Response)> = vec![
        ("/todos", "get", host.get(TODOS)),
        ("/todos", "get", host.get(&format!("{TODOS}?limit=0"))),
        (
            "/todos",
            "get",
            host.request("GET", TODOS)
                .header("if-none-match", "*")
                .send(),
        ),
        (
            "/todos",
            "post",
            json("POST", TODOS, r#"{"title":"t"}"#)
                .header("idempotency-key", "k")
                .send(),
        ),
        (
            "/todos",
            "post",
            json("POST", TODOS, r#"{"title":"u"}"#)
                .header("idempotency-key", "k")
                .send(),
        ),
        ("/todos", "post", json("POST", TODOS, "{}").send()),
        ("/todos", "post", json("POST", TODOS, &large).send()),
        (
            "/todos",
            "post",
            host.request("POST", TODOS).body("{}").send(),
        ),
        ("/todos/{id}", "get", host.get(&item)),
        ("/todos/{id}", "get", host.get("/api/todo/todos/none")),
        ("/todos/{id}", "get", host.get("/api/todo/todos/%zz")),
        (
            "/todos/{id}",
            "get",
            host.request("GET", &item)
                .header("if-none-match", "*")
                .send(),
        ),
        (
            "/todos/{id}",
            "patch",
            json("PATCH", &item, r#"{"completed":true}"#).send(),
        ),
        ("/todos/{id}", "patch", json("PATCH", &item, "{}").send()),
        (
            "/todos/{id}",
            "patch",
            json("PATCH", "/api/todo/todos/none", r#"{"completed":true}"#).send(),
        ),
        (
            "/todos/{id}",
            "patch",
            json("PATCH", &item, r#"{"completed":true}"#)
                .header("if-match", "\"x\"")
                .send(),
        ),
        ("/todos/{id}", "patch", json("PATCH", &item, &large).send()),
        (
            "/todos/{id}",
            "patch",
            host.request("PATCH", &item).body("{}").send(),
        ),
        (
            "/todos/{id}",
            "delete",
            host.request("DELETE", &item)
                .header("if-match", "\"x\"")
                .send(),
        ),
        (
            "/todos/{id}",
            "delete",
            host.request("DELETE", &item).send(),
        ),
        (
            "/todos/{id}",
            "delete",
            host.request("DELETE", &item).send(),
        ),
        ("/openapi.json", "get", host.get("/api/todo/openapi.json")),
    ];
    for (path, method, answer) in &requests {
        let responses = &document["paths"][path][method]["responses"];
        let told = resolved(&document, &responses[answer.status.to_string()]);
        assert!(
            told["description"].is_string(),
            "{method} {path}: {} is not in the document",
            answer.status
        );
        let content = told["content"].as_object();
        assert_eq!(
            content.is_some_and(|content| !content.is_empty()),
            !answer.body.is_empty(),
            "{method} {path} {}",
            answer.status
        );
        for name in ["location", "link", "accept-patch"] {
            let headers = told["headers"].as_object().into_iter().flatten();
            let told = headers
                .into_iter()
                .any(|(header, _)| header.eq_ignore_ascii_case(name));
            assert!(
                told || answer.header(name).is_none(),
                "{method} {path} {}: {name} is not in the document",
                answer.status
            );
        }
    }
}

#[test]
fn items_have_the_properties_it_tells() {
    let host = host();
    let document = document(&host);
    let todo = &document["components"]["schemas"]["Todo"];
    let full = host
        .post(TODOS, &json!({"title": "t", "entityRef": "r"}))
        .json();
    let bare = create(&host, "t");
    let properties = todo["properties"].as_object().unwrap();
    for (name, value) in full.as_object().unwrap() {
        let told = properties[name]["type"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} has no type"));
        assert_eq!(
            told,
            if value.is_boolean() {
                "boolean"
            } else {
                "string"
            },
            "{name}"
        );
    }
    assert_eq!(properties.len(), full.as_object().unwrap().len());
    let required: Vec<_> = todo["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(required.len(), bare.as_object().unwrap().len());
    assert!(
        required.iter().all(|name| !bare[name].is_null()),
        "{required:?}"
    );
}

#[test]
fn what_it_allows_is_accepted_at_its_edges() {
    let host = host();
    let document = document(&host);
    let parameters = document["paths"]["/todos"]["get"]["parameters"].as_array();
    let after = parameters
        .unwrap()
        .iter()
        .find(|one| one["name"] == "after");
    assert_eq!(after.unwrap()["schema"]["minLength"], json!(1));
    assert_eq!(host.get(&format!("{TODOS}?after=")).status, 400);
    // Neither of the two that have a title takes white space alone.
    for schema in ["NewTodo", "TodoUpdate"] {
        let title = &document["components"]["schemas"][schema]["properties"]["title"];
        assert_eq!(
            title["pattern"],
            json!(r"^[^\u0000]*[^\s\u0000\u0085\ufeff][^\u0000]*$"),
            "{schema}"
        );
    }
    for blank in [" ", "\t\n", "\u{85}", "\u{a0}", "\u{feff}"] {
        assert_eq!(
            host.post(TODOS, &json!({ "title": blank })).status,
            400,
            "{blank:?}"
        );
    }
    for text in [".", " . ", "\u{200b}"] {
        assert_eq!(
            host.post(TODOS, &json!({ "title": text })).status,
            201,
            "{text:?}"
        );
    }
}
