//! Who may do what: the operator's policies, what plugins ask, and what clients are told.

mod asked;
mod files;
mod routes;
mod todo;

use greenroom_tests::{Host, Setup, chameleon};
use serde_json::{Value, json};

/// Two components of two teams, and who is in these.
const CATALOG: &str = r#"[
  { "uid": { "type": "Entity", "id": "component:default/mine" },
    "attrs": { "owner": { "__entity": { "type": "Group", "id": "group:default/team-a" } } }, "parents": [] },
  { "uid": { "type": "Entity", "id": "component:default/theirs" },
    "attrs": { "owner": { "__entity": { "type": "Group", "id": "group:default/team-b" } } }, "parents": [] },
  { "uid": { "type": "User", "id": "user:default/jane" },
    "attrs": {}, "parents": [{ "type": "Group", "id": "group:default/team-a" }] },
  { "uid": { "type": "User", "id": "user:default/sam" },
    "attrs": {}, "parents": [{ "type": "Group", "id": "group:default/team-b" }] }
]"#;

/// What a chameleon of these tests declares.
const THINGS: &str = "permissions=thing.read=read,thing.delete=delete,thing.count;";

const CONFIG: &str = "permissions: {policies: ./a.cedar, entities: ./catalog.json}";

/// With these policies in `a.cedar`, and the catalog.
fn setup(policies: &str) -> Setup {
    let setup = Setup::new().config(CONFIG);
    std::fs::write(setup.folder().join("a.cedar"), policies).unwrap();
    std::fs::write(setup.folder().join("catalog.json"), CATALOG).unwrap();
    setup
}

/// A chameleon that declares things, under these policies.
fn with(policies: &str) -> Host {
    setup(policies)
        .plugin("chameleon", &chameleon(THINGS))
        .start()
}

/// What a call to `greenroom:permissions` answers: `{"ok": ...}` or `{"error": ..., "message": ...}`.
fn ask(host: &Host, call: &Value) -> Value {
    ask_of(host, "chameleon", call)
}

fn ask_of(host: &Host, plugin: &str, call: &Value) -> Value {
    let answer = host.post(&format!("/api/{plugin}/permissions"), call);
    assert_eq!(answer.status, 200, "{call}: {}", answer.text());
    answer.json()
}

/// `allow` or `deny`.
fn decision(host: &Host, principal: &str, permission: &str, resource: &Value) -> String {
    let call = json!({
        "op": "authorize", "principal": principal, "permission": permission, "resource": resource,
    });
    let answer = ask(host, &call);
    let decision = answer["ok"].as_str();
    decision
        .unwrap_or_else(|| panic!("{call}: {answer}"))
        .to_owned()
}

/// A thing of an entity.
fn thing(entity: &str) -> Value {
    json!({ "type": "thing", "id": "1", "attributes": { "entity": { "entity": entity } } })
}
