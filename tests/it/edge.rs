//! The door for clients, over real sockets: what the host adds to every plugin's answer, and what it refuses.

mod access;
mod admin;
mod coding;
mod connections;
mod cors;
mod descriptors;
mod errors;
mod heads;
mod health;
mod inflating;
mod owned;
mod request_bodies;
mod shutdown;
mod slow_readers;
mod slow_senders;
mod stamped;
mod tags;

use greenroom_tests::{Host, Response, Setup, chameleon};
use serde_json::{Value, json};

/// A host with the chameleon, every path of it open.
fn host() -> Host {
    Setup::new().plugin("chameleon", &chameleon("")).start()
}

/// The same with this app-config.yaml.
fn host_with(yaml: &str) -> Host {
    Setup::new()
        .plugin("chameleon", &chameleon(""))
        .config(yaml)
        .start()
}

/// What `/echo` says arrived under this header; `None` when it did not.
fn arrived(echo: &Value, name: &str) -> Option<String> {
    let headers = echo["headers"].as_array().expect("headers").iter();
    let mut values = headers
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().expect("a value").to_owned());
    let first = values.next();
    assert!(values.next().is_none(), "{name} arrived twice: {echo}");
    first
}

/// An answer of the host's own, in Backstage's shape.
#[track_caller]
fn assert_host_error(answer: &Response, status: u16, name: &str, method: &str, url: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    let message = body["error"]["message"].as_str().expect("a message");
    assert!(!message.is_empty());
    let whole = json!({
        "error": {"name": name, "message": message},
        "request": {"method": method, "url": url},
        "response": {"statusCode": status},
    });
    assert_eq!(body, whole);
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.header("etag"), None);
}
