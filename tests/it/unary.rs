//! The one call of `greenroom:http/handler` and the many of wasi:http answer alike: the same requests to one component
//! that exports both, and to the same component without the first.

mod answers;
mod faults;
mod invalid;
mod requests;
mod streams;

use greenroom_tests::{Host, Request, Response, Setup, chameleon, raw, without_unary};
use sha2::{Digest, Sha256};

/// The plugin that is called with whole requests, and the one that gets them in parts. Names of one length: they are in
/// answers.
const WAYS: [&str; 2] = ["whole", "parts"];

/// `limits.buffer`, unless a test sets it.
const BUFFER: usize = 256 << 10;

/// A host with both, under the same `limits` (a YAML map).
fn both(limits: &str) -> Host {
    let component = chameleon("");
    Setup::new()
        .plugin("whole", &component)
        .plugin("parts", &without_unary(&component))
        .config(&format!(
            "plugins: {{whole: {{limits: {limits}}}, parts: {{limits: {limits}}}}}"
        ))
        .start()
}

/// Sends one request both ways, asserts that both answers are the same, and returns one of them.
#[track_caller]
fn alike(host: &Host, method: &str, path: &str, with: impl Fn(Request) -> Request) -> Response {
    let [whole, parts] = WAYS.map(|id| {
        let request = host.request(method, &format!("/api/{id}{path}"));
        with(request.header("x-request-id", "of-both")).send()
    });
    let shown = &path[..path.len().min(200)];
    assert_eq!(
        seen(&whole),
        seen(&parts),
        "{method} {shown}: whole, and in parts"
    );
    whole
}

#[track_caller]
fn get_alike(host: &Host, path: &str) -> Response {
    alike(host, "GET", path, |request| request)
}

/// Status, headers by name and the body: what must be the same, in the words of the first.
fn seen(answer: &Response) -> (u16, Vec<(String, String)>, String) {
    let text = answer.text();
    let names_the_plugin = text.contains("/api/parts") || text.contains("/api/whole");
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        // The tag is made of the body.
        .filter(|(name, _)| *name != "date" && !(names_the_plugin && *name == "etag"))
        .map(|(name, value)| {
            (
                name.to_string(),
                value.as_bytes().escape_ascii().to_string(),
            )
        })
        .collect();
    // Values of one name keep their order.
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let body = if answer.body.len() <= 4096 {
        text.replace("/api/parts", "/api/whole")
    } else {
        let digest = hex::encode(Sha256::digest(&answer.body));
        format!("{} bytes, {digest}", answer.body.len())
    };
    (answer.status, headers, body)
}

/// The bytes of an answer, on a connection that ends with it.
fn bytes(host: &Host, id: &str, path: &str) -> String {
    let request = format!("GET /api/{id}{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    raw(host.address(), request.as_bytes())
}

/// The head of an answer came, and then the connection broke: never a clean end.
#[track_caller]
fn assert_broken(text: &str, what: &str) {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    assert!(head.starts_with("HTTP/1.1 200"), "{what}: {head}");
    assert!(
        head.contains("transfer-encoding: chunked"),
        "{what}: {head}"
    );
    assert!(!text.ends_with("\r\n0\r\n\r\n"), "{what}: a clean end");
}

/// The first line of the log about this plugin that has all of these, waited for.
fn line(host: &Host, id: &str, parts: &[&str]) -> String {
    let plugin = format!("\"plugin\":\"{id}\"");
    host.wait_for_log(&[&[&*plugin], parts].concat())
}

fn number(host: &Host, id: &str, field: &str) -> u64 {
    host.plugin(id)[field].as_u64().expect("a number")
}

/// Nothing runs any more, in either.
fn wait_until_idle(host: &Host) {
    host.wait_until("nothing runs", |host| {
        WAYS.iter().all(|id| number(host, id, "running") == 0)
    });
}

#[test]
fn the_one_call_is_taken_where_it_is_exported() {
    let host = both("{}");
    for (id, way) in [("whole", "unary"), ("parts", "wasi")] {
        assert_eq!(host.plugin(id)["state"], "live");
        let answer = host.get(&format!("/api/{id}/way"));
        assert_eq!((answer.status, &*answer.text()), (200, way), "{id}");
    }
}
