//! Nothing of the machine is there for a plugin.

use super::*;
use serde_json::{Value, json};

/// Every entry of this answer must be an error.
fn reaches_nothing(answer: &Value) {
    let entries = answer.as_object().unwrap();
    assert!(entries.len() > 1);
    for (what, outcome) in entries {
        assert!(
            outcome["error"].is_string() && outcome["reached"].is_null(),
            "{what}: {outcome}"
        );
    }
}

#[test]
fn no_files() {
    let host = plain();
    let escape = std::path::Path::new("/tmp/greenroom-escape");
    assert!(
        !escape.exists(),
        "left over from something else: remove {}",
        escape.display()
    );
    reaches_nothing(&host.get("/api/chameleon/fs").json());
    assert!(!escape.exists());
}

#[test]
fn no_sockets_and_no_names() {
    let host = plain();
    reaches_nothing(
        &host
            .get(&format!("/api/chameleon/net?address={}", host.address()))
            .json(),
    );
}

#[test]
fn no_environment_and_no_arguments() {
    let host = plain();
    let seen = host.get("/api/chameleon/env").json();
    assert_eq!(seen["variables"], json!([]));
    assert!(
        seen["arguments"]
            .as_array()
            .unwrap()
            .iter()
            .all(|argument| argument == ""),
        "{seen}"
    );
}

#[test]
fn no_requests_to_other_servers() {
    let host = plain();
    let before = host.log().len();
    let answer = host
        .get(&format!(
            "/api/chameleon/outbound?authority={}",
            host.address()
        ))
        .json();
    assert!(answer["status"].is_null(), "{answer}");
    assert!(
        answer["error"].as_str().unwrap().contains("Denied"),
        "{answer}"
    );
    assert!(host.log().len() >= before);
}

#[test]
fn the_configuration_of_one_plugin_alone() {
    let config = "plugins:\n  chameleon: {config: {greeting: hello, deep: {n: 5, list: [1, two]}}}\n  other: {config: {secret: hidden}}";
    let component = chameleon("");
    let host = Setup::new()
        .config(config)
        .plugin("chameleon", &component)
        .plugin("other", &component)
        .start();
    let seen = host.get("/api/chameleon/config").json();
    assert_eq!(
        seen,
        json!({"greeting": "hello", "deep.n": "5", "deep.list": "[1,\"two\"]"})
    );
    assert_eq!(
        host.get("/api/other/config").json(),
        json!({"secret": "hidden"})
    );
}

#[test]
fn what_the_host_says_to_a_plugin_cannot_be_forged() {
    let host = plain();
    let answer = host
        .request("GET", "/api/chameleon/echo?q=1")
        .header("x-greenroom-principal", "user:default/root")
        .header("X-Greenroom-Other", "1")
        .header("x-forwarded-prefix", "/forged")
        .header("connection", "x-secret")
        .header("x-secret", "1")
        .header("x-plain", "kept")
        .send();
    let seen = answer.json();
    assert_eq!(
        (&seen["path"], &seen["query"]),
        (&json!("/echo"), &json!("q=1")),
        "{seen}"
    );
    assert_eq!(
        (&seen["principal"], &seen["prefix"]),
        (&json!("none"), &json!("/api/chameleon")),
        "{seen}"
    );
    let headers = seen["headers"].to_string();
    assert!(
        headers.contains("x-plain") && headers.contains("kept"),
        "{headers}"
    );
    for gone in ["forged", "root", "x-greenroom-other", "x-secret"] {
        assert!(!headers.contains(gone), "{gone} in {headers}");
    }
}
