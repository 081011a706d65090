//! Backstage's health endpoints.

use super::{assert_host_error, host};
use greenroom_tests::{Host, Setup, chameleon, todo};
use serde_json::json;

const LIVENESS: &str = "/.backstage/health/v1/liveness";
const READINESS: &str = "/.backstage/health/v1/readiness";

#[track_caller]
fn assert_ok(host: &Host, target: &str) {
    let answer = host.get(target);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, r#"{"status":"ok"}"#),
        "{target}"
    );
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
}

/// The message of a 503.
#[track_caller]
fn unready(host: &Host) -> String {
    let answer = host.get(READINESS);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_ok(host, LIVENESS);
    answer.json()["message"]
        .as_str()
        .expect("a message")
        .to_owned()
}

#[test]
fn a_host_with_its_plugins_up_is_alive_and_ready() {
    let host = host();
    for target in [LIVENESS, READINESS] {
        assert_ok(&host, target);
        let head = host.request("HEAD", target).send();
        assert_eq!(
            (
                head.status,
                head.body.len(),
                head.header("content-length").as_deref()
            ),
            (200, 0, Some("15"))
        );
        assert_eq!(host.get(&format!("{target}?x=1")).status, 200);
    }
}

#[test]
fn a_host_without_plugins_is_ready() {
    let host = Setup::new().start();
    host.wait_until("ready", |host| host.get(READINESS).status == 200);
}

#[test]
fn a_broken_plugin_makes_it_unready_only_when_required() {
    let setup = || {
        Setup::new()
            .plugin("todo", &todo())
            .plugin("broken", b"no component")
    };
    assert_ok(&setup().start(), READINESS);
    let host = setup()
        .config("plugins: {broken: {required: true}, todo: {required: true}}")
        .start();
    let message = unready(&host);
    assert!(
        message.contains("broken") && !message.contains("todo"),
        "{message}"
    );
    assert_eq!(host.get("/api/todo/todos").status, 200, "the others serve");
    // Once it is up, so is the host.
    host.deploy("broken", &chameleon("id=broken;")).unwrap();
    assert_ok(&host, READINESS);
    host.ask(&["remove", "broken"]);
    assert!(unready(&host).contains("broken"), "required, and gone");
}

#[test]
fn a_required_plugin_that_is_not_there_at_all_makes_it_unready() {
    let host = Setup::new()
        .plugin("todo", &todo())
        .config("plugins: {catalog: {required: true}}")
        .start();
    host.wait_until("todo serves", |host| {
        host.get("/api/todo/todos").status == 200
    });
    let message = unready(&host);
    assert!(message.contains("catalog"), "{message}");
}

#[test]
fn while_a_plugin_loads_requests_wait_a_moment() {
    // Its `start` takes as long as it may, and fails.
    let config = "backend: {lifecycle: {startupRequestPauseTimeout: 200ms}}";
    let host = Setup::new()
        .plugin("chameleon", &chameleon("start=spin;"))
        .config(config)
        .launch();
    host.wait_until("it loads", |host| {
        host.plugin("chameleon")["state"] == json!("loading")
    });
    let message = unready(&host);
    assert!(message.contains("chameleon"), "{message}");
    let answer = host.get("/api/chameleon/version");
    assert_host_error(
        &answer,
        503,
        "ServiceUnavailableError",
        "GET",
        "/api/chameleon/version",
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(host.get("/api/none").status, 404, "unknown stays unknown");
    host.wait_until("it failed", |host| {
        host.plugin("chameleon")["state"] == json!("failed")
    });
    assert_ok(&host, READINESS);
}
