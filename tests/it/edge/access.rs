//! Who may reach which path: the plugin's policies, and `access: open`.

use super::{arrived, assert_host_error, host};
use greenroom_tests::{Host, Setup, chameleon, fixture, todo};
use serde_json::json;

fn with_policies(policies: &str) -> Host {
    Setup::new()
        .plugin("chameleon", &chameleon(&format!("policies={policies};")))
        .start()
}

#[test]
fn what_no_policy_opens_is_401() {
    let host = with_policies("none");
    for (method, target) in [
        ("GET", "/api/chameleon/version"),
        ("GET", "/api/chameleon"),
        ("GET", "/api/chameleon/"),
        ("POST", "/api/chameleon/echo"),
        ("DELETE", "/api/chameleon/x?y=1"),
        ("OPTIONS", "/api/chameleon/version"),
        ("BREW", "/api/chameleon/"),
    ] {
        let answer = host.request(method, target).send();
        assert_host_error(&answer, 401, "AuthenticationError", method, target);
        assert_eq!(
            answer.header("www-authenticate").as_deref(),
            Some("Bearer realm=\"greenroom\"")
        );
    }
    let head = host.request("HEAD", "/api/chameleon/version").send();
    assert_eq!(
        (
            head.status,
            head.body.len(),
            head.header("www-authenticate").is_some()
        ),
        (401, 0, true)
    );
    assert_eq!(
        host.plugin("chameleon")["requests"],
        json!(0),
        "the plugin was not asked"
    );
}

#[test]
fn a_policy_opens_its_path_and_what_lies_below() {
    let host = with_policies("/public");
    for (target, status) in [
        ("/api/chameleon/public/version", 200),
        ("/api/chameleon/public", 404),
        ("/api/chameleon/public/", 404),
        ("/api/chameleon/public/x/y?z", 404),
        ("/api/chameleon/public/../version", 404),
        ("/api/chameleon/version", 401),
        ("/api/chameleon/", 401),
        ("/api/chameleon/publication", 401),
        ("/api/chameleon/public.x", 401),
        ("/api/chameleon/Public/version", 401),
        ("/api/chameleon/%70ublic/version", 401),
        ("/api/chameleon//public/version", 401),
        ("/api/chameleon/x/public/version", 401),
        ("/api/chameleon/version?/public/version", 401),
        ("/api/chameleon/version/../public/version", 401),
    ] {
        let answer = host.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
    }
}

#[test]
fn access_open_opens_everything() {
    for policies in ["none", "/public"] {
        let setup = Setup::new().plugin("chameleon", &chameleon(&format!("policies={policies};")));
        let host = setup.config("plugins: {chameleon: {access: open}}").start();
        for target in ["/api/chameleon/version", "/api/chameleon/public/version"] {
            assert_eq!(host.get(target).status, 200, "{policies}: {target}");
        }
    }
}

#[test]
fn a_component_without_a_descriptor_is_closed_until_config_opens_it() {
    let setup = || {
        Setup::new()
            .plugin("plain", &fixture("plain"))
            .plugin("todo", &todo())
    };
    let closed = setup().start();
    assert_eq!(closed.get("/api/plain/").status, 401);
    assert_eq!(
        closed.get("/api/todo/todos").status,
        200,
        "the todo plugin opens its paths, as the tutorial does"
    );
    let open = setup().config("plugins: {plain: {access: open}}").start();
    assert_eq!(open.get("/api/plain/").status, 200);
}

#[test]
fn on_an_open_path_credentials_do_not_matter() {
    let host = host();
    for (name, value) in [
        ("authorization", "Bearer nonsense"),
        ("authorization", "Basic dXNlcjpwYXNz"),
        ("authorization", ""),
        ("cookie", "backstage-auth=x"),
        ("x-greenroom-principal", "user:default/root"),
        ("X-Greenroom-Principal", "service:ci"),
        ("x-greenroom-principal", ""),
    ] {
        let answer = host
            .request("GET", "/api/chameleon/echo")
            .header(name, value)
            .send();
        let echo = answer.json();
        assert_eq!(
            (answer.status, &echo["principal"]),
            (200, &json!("none")),
            "{name}: {value}"
        );
        assert_eq!(
            arrived(&echo, "x-greenroom-principal").as_deref(),
            Some("none"),
            "once, and the host's"
        );
    }
}

#[test]
fn without_configured_credentials_none_helps() {
    let host = with_policies("none");
    for (name, value) in [
        ("authorization", "Bearer nonsense"),
        ("x-greenroom-principal", "user:default/root"),
        ("cookie", "backstage-auth=x"),
    ] {
        let answer = host
            .request("GET", "/api/chameleon/version")
            .header(name, value)
            .send();
        assert_host_error(
            &answer,
            401,
            "AuthenticationError",
            "GET",
            "/api/chameleon/version",
        );
    }
}

#[test]
fn a_new_build_brings_its_policies() {
    let host = host();
    assert_eq!(host.get("/api/chameleon/version").status, 200);
    host.deploy("chameleon", &chameleon("policies=none;"))
        .unwrap();
    assert_eq!(host.get("/api/chameleon/version").status, 401);
    host.ask(&["rollback", "chameleon"]);
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}
