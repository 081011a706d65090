//! Every method on every path of an OpenAPI document, with values that have broken APIs before: each answer is one that
//! the document tells.

use crate::Row;
use greenroom_tests::{Host, Response};
use serde_json::{Value, json};

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY",
];

/// For ids and for parameters, as they are written in a target.
const TEXTS: [&str; 14] = [
    "",
    "0",
    "-1",
    "1e9",
    "null",
    "%00",
    "%ff",
    "%zz",
    "%F0%9F%92%A9",
    "%27%20OR%201=1--",
    "..%2f..",
    "{}",
    "[]",
    "a%20b",
];

/// Content-Type, and a body.
const BODIES: [(&str, &str); 18] = [
    ("application/json", r#"{"title":"a todo"}"#),
    (
        "application/json",
        r#"{"title":"a todo","entityRef":null,"completed":true}"#,
    ),
    ("application/json", r#"{"completed":true}"#),
    ("application/json", r#"{"title":"\u0000"}"#),
    ("application/json", r#"{"title":"\ud800"}"#),
    ("application/json", r#"{"title":" \t"}"#),
    ("application/json", r#"{"title":{"title":1}}"#),
    ("application/json", r#"{"title":1e999,"completed":"yes"}"#),
    ("application/json", r#"{"title":"a","title":null}"#),
    ("application/json", "{}"),
    ("application/json", "[]"),
    ("application/json", "null"),
    ("application/json", "{"),
    ("application/json", ""),
    ("application/json; charset=utf-16", "{}"),
    ("application/xml", "<title/>"),
    ("", "{}"),
    ("a/b/c; ;=", "\u{feff}{}"),
];

/// Name and value; of those that the document names, and of others.
const HEADERS: [(&str, &str); 8] = [
    ("idempotency-key", ""),
    ("idempotency-key", "a b"),
    ("if-match", "\"x\""),
    ("if-match", "x"),
    ("if-none-match", "*"),
    ("content-encoding", "gzip"),
    ("content-encoding", "br"),
    ("accept", "text/plain"),
];

pub(super) fn row(host: &Host, document: &Value) -> Row {
    let mut tried: u32 = 0;
    let mut failures = Vec::new();
    let made = host.post("/api/todo/todos", &json!({ "title": "a todo" }));
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, operations) in paths {
        for method in METHODS {
            for (number, target) in targets(path, &id).into_iter().enumerate() {
                let said = if number < 2 {
                    bodies(method)
                } else {
                    vec![("", "", None)]
                };
                for (of, body, header) in said {
                    let mut request = host.request(method, &target);
                    if !body.is_empty() || !of.is_empty() {
                        request = request.header("content-type", of).body(body);
                    }
                    if let Some((name, value)) = header {
                        request = request.header(name, value);
                    }
                    tried += 1;
                    let judged = request
                        .try_send()
                        .and_then(|answer| judge(document, operations, method, &answer));
                    if let Err(why) = judged {
                        failures.push(format!("{method} {target} {of} {body} {header:?}: {why}"));
                    }
                }
            }
        }
    }
    for failure in &failures {
        eprintln!("schemathesis: {failure}");
    }
    Row::new(
        format!("{tried} requests of nasty values to all paths and methods of the document"),
        "no 5xx, no answer that the document does not tell",
        match failures.first() {
            None => "all answers are in it".to_owned(),
            Some(first) => format!("{} are not; the first: {first}", failures.len()),
        },
        failures.is_empty() && tried > 0,
    )
}

/// The path as it should be and with each text as its id, or as the value of each parameter.
fn targets(path: &str, id: &str) -> Vec<String> {
    let path = format!("/api/todo{path}");
    if path.contains("{id}") {
        // One slash at the end makes no difference: an empty id would be another path.
        let ids = TEXTS.iter().filter(|text| !text.is_empty()).copied();
        return [id]
            .into_iter()
            .chain(ids)
            .map(|text| path.replace("{id}", text))
            .collect();
    }
    let mut targets = vec![path.clone()];
    for name in ["limit", "after", "entityRef", "other"] {
        targets.extend(TEXTS.iter().map(|text| format!("{path}?{name}={text}")));
    }
    targets.push(format!("{path}?limit=1&limit=2"));
    targets
}

type Said = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

fn bodies(method: &str) -> Vec<Said> {
    let mut bodies = vec![("", "", None)];
    if matches!(method, "POST" | "PATCH") {
        bodies.extend(BODIES.iter().map(|(of, body)| (*of, *body, None)));
    }
    if matches!(method, "GET" | "POST" | "PATCH" | "DELETE") {
        let (of, body) = if method == "GET" { ("", "") } else { BODIES[0] };
        bodies.extend(HEADERS.iter().map(|header| (of, body, Some(*header))));
    }
    bodies
}

fn judge(
    document: &Value,
    operations: &Value,
    method: &str,
    answer: &Response,
) -> Result<(), String> {
    let status = answer.status;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = |why: &str| Err(format!("{why}: {status} {}", answer.text()));
    if status >= 500 {
        return said("an error of the server");
    }
    // HEAD is told as GET is.
    let told = if method == "HEAD" { "get" } else { method };
    let responses = match operations.get(told.to_lowercase()) {
        Some(operation) => &operation["responses"],
        None => {
            let allow = answer.header("allow");
            return match status {
                405 if allow.is_some() => Ok(()),
                // Refused before the plugin was asked.
                400 | 415 if is_host_error(&body) => Ok(()),
                _ => said("a method that is not told"),
            };
        }
    };
    let told = resolved(document, &responses[status.to_string()]);
    if told.is_null() {
        // `default`.
        return match method == "HEAD" || is_host_error(&body) {
            true => Ok(()),
            false => said("a status that is not told"),
        };
    }
    let content = told["content"].as_object();
    let of = answer.header("content-type").unwrap_or_default();
    let of = of.split(';').next().unwrap_or_default();
    match content {
        None if !answer.body.is_empty() => said("a body that is not told"),
        Some(content) if method != "HEAD" && !content.contains_key(of) => {
            said("a content type that is not told")
        }
        Some(_) if method != "HEAD" && status >= 400 && !is_error(&body) => {
            said("an error of another shape")
        }
        _ => Ok(()),
    }
}

/// `PluginError` or `HostError`.
fn is_error(body: &Value) -> bool {
    body["error"].is_string() || is_host_error(body)
}

fn is_host_error(body: &Value) -> bool {
    body["error"]["message"].is_string() && body["response"]["statusCode"].is_u64()
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value["$ref"].as_str().and_then(|at| at.strip_prefix('#'));
    reference
        .and_then(|at| document.pointer(at))
        .unwrap_or(value)
}
