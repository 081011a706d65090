//! Routes that need a permission.

use super::*;
use greenroom_tests::Response;

/// Needs `thing.read`.
const GUARDED: &str = "permissions=thing.read;guard=thing.read;answer=inside;";

fn guarded(policies: &str) -> Host {
    setup(policies)
        .plugin("chameleon", &chameleon(GUARDED))
        .start()
}

#[track_caller]
fn assert_denied(answer: &Response, method: &str, url: &str, permission: &str) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(
        answer.json(),
        json!({
            "error": {
                "name": "NotAllowedError",
                "message": format!("the permission {permission} is denied"),
            },
            "request": { "method": method, "url": url },
            "response": { "statusCode": 403 },
        })
    );
}

#[test]
fn a_route_is_answered_as_before_without_policies() {
    let host = Setup::new()
        .plugin("chameleon", &chameleon(GUARDED))
        .start();
    assert_eq!(host.get("/api/chameleon/guarded").text(), "inside");
}

#[test]
fn a_denied_route_is_403_before_its_handler() {
    let policy = r#"permit (principal, action == Action::"thing.read", resource)
        when { resource has id && resource.id == "mine" };"#;
    let host = guarded(policy);
    let (mine, other) = (
        "/api/chameleon/guarded?id=mine",
        "/api/chameleon/guarded?id=other&x=%22",
    );
    let answer = host.get(mine);
    assert_eq!((answer.status, answer.text()), (200, "inside".to_owned()));
    assert_denied(&host.get(other), "GET", other, "thing.read");
    let all = "/api/chameleon/guarded";
    assert_denied(&host.get(all), "GET", all, "thing.read");
    let head = host.request("HEAD", other).send();
    assert_eq!((head.status, head.body.len()), (403, 0));
    assert_eq!(host.request("HEAD", mine).send().status, 200);
    // What is no request of the route needs nothing.
    assert_eq!(host.request("PUT", all).send().status, 405);
    assert_eq!(host.request("OPTIONS", all).send().status, 204);
    assert_eq!(host.get("/api/chameleon/version").text(), "inside");
    host.wait_for_log(&["permission denied", "thing.read", "chameleon/thing/other"]);
}

/// Through wasi:http as well, which components of other languages have alone.
#[test]
fn both_ways_into_a_component_are_guarded() {
    let component = greenroom_tests::without_unary(&chameleon(GUARDED));
    let host = setup("forbid (principal, action, resource);")
        .plugin("chameleon", &component)
        .start();
    let path = "/api/chameleon/guarded";
    assert_denied(&host.get(path), "GET", path, "thing.read");
}

#[test]
fn a_route_that_needs_what_is_not_declared_is_refused_at_the_deploy() {
    let host = Setup::new()
        .plugin("chameleon", &chameleon("answer=first;"))
        .start();
    let component = chameleon("permissions=thing.read;guard=thing.write;answer=second;");
    let refused = host.deploy("chameleon", &component).unwrap_err();
    assert!(
        refused.contains("thing.write") && refused.contains("not declared"),
        "{refused}"
    );
    assert_eq!(host.get("/api/chameleon/version").text(), "first");
}

#[test]
fn a_descriptor_that_says_a_permission_twice_is_refused() {
    let host = Setup::new().start();
    let component = chameleon("permissions=thing.read,thing.read=read;");
    let refused = host.deploy("chameleon", &component).unwrap_err();
    assert!(
        refused.contains("two permissions have the name"),
        "{refused}"
    );
}

#[test]
fn inspect_shows_the_permissions() {
    let host = Setup::new().start();
    std::fs::write(host.folder().join("x.wasm"), chameleon(THINGS)).unwrap();
    let inspected = host.ask(&["inspect", "x.wasm"]);
    assert_eq!(
        inspected["descriptor"]["permissions"],
        json!([
            { "name": "thing.read", "attributes": { "action": "read" } },
            { "name": "thing.delete", "attributes": { "action": "delete" } },
            { "name": "thing.count", "attributes": {} },
        ])
    );
    let text = host.command(&["inspect", "x.wasm"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let row = |value: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.starts_with("permission ") && line.ends_with(value))
    };
    assert!(
        row(" thing.read (action=read)") && row(" thing.count"),
        "{text}"
    );
}
