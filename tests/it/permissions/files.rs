//! The operator's files: at a start, while the host runs, and under `greenroom check`.

use super::*;
use std::path::Path;

const OPEN: &str = "permit (principal, action, resource);\n";
const READ_ONLY: &str = "permit (principal, action == Action::\"thing.read\", resource);\n";

fn write(folder: &Path, policies: &str) {
    std::fs::write(folder.join("a.cedar"), policies).unwrap();
}

fn may_delete(host: &Host) -> bool {
    decision(host, "none", "thing.delete", &json!({ "type": "thing" })) == "allow"
}

fn told(host: &Host) -> Value {
    host.plugins()["permissions"].clone()
}

#[test]
fn a_change_holds_from_the_next_request_on() {
    let host = with(OPEN);
    assert!(may_delete(&host));
    write(host.folder(), READ_ONLY);
    host.wait_until("it is denied", |host| !may_delete(host));
    write(host.folder(), OPEN);
    host.wait_until("it is allowed again", may_delete);
    // The entities are watched as well.
    let by_entity = r#"permit (principal, action, resource) when { resource has entity && resource.entity has free };"#;
    write(host.folder(), by_entity);
    host.wait_until("it is denied", |host| !may_delete(host));
    let mine = thing("component:default/mine");
    assert_eq!(decision(&host, "none", "thing.delete", &mine), "deny");
    let free = CATALOG.replacen("\"owner\": ", "\"free\": true, \"owner\": ", 1);
    std::fs::write(host.folder().join("catalog.json"), free).unwrap();
    host.wait_until("the entity is free", |host| {
        decision(host, "none", "thing.delete", &mine) == "allow"
    });
}

#[test]
fn a_broken_file_leaves_what_was() {
    let host = with(OPEN);
    write(
        host.folder(),
        "forbid (principal, action, resource);\npermit (principal, action);\n",
    );
    let line = host.wait_for_log(&["permissions: ", "a.cedar:2:"]);
    assert!(line.contains("\"ERROR\""), "{line}");
    host.wait_for_log(&["the policies as they were stay in force"]);
    assert!(may_delete(&host));
    assert!(
        told(&host)["problem"]
            .as_str()
            .unwrap()
            .contains("a.cedar:2:")
    );
    let shown = host.command(&["plugins"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("the files hold others, which are refused"),
        "{shown}"
    );

    std::fs::remove_file(host.folder().join("a.cedar")).unwrap();
    host.wait_for_log(&["a.cedar: cannot read it"]);
    assert!(may_delete(&host));
    write(host.folder(), READ_ONLY);
    host.wait_until("it is mended", |host| !may_delete(host));
    assert!(told(&host)["problem"].is_null());
    // Each was told once.
    assert_eq!(host.log().matches("a.cedar:2:").count(), 1);
}

#[test]
fn a_permission_that_nobody_declares_is_refused_until_somebody_does() {
    let host = with(OPEN);
    let policies =
        format!("{READ_ONLY}permit (principal, action == Action::\"other.read\", resource);\n");
    write(host.folder(), &policies);
    host.wait_for_log(&["a.cedar:2:", "no plugin declares the permission other.read"]);
    assert!(may_delete(&host));
    assert!(
        told(&host)["problem"]
            .as_str()
            .unwrap()
            .contains("other.read")
    );
    host.deploy("other", &chameleon("permissions=other.read;"))
        .unwrap();
    host.wait_until("the policies that waited are in force", |host| {
        !may_delete(host)
    });
    assert_eq!(told(&host)["unknown"], json!([]));
    // When it goes, the policies stay.
    host.ask(&["remove", "other"]);
    host.wait_until("it is told", |host| {
        told(host)["unknown"].to_string().contains("other.read")
    });
    assert!(!may_delete(&host));
}

#[test]
fn a_start_takes_policies_before_plugins_are_known_and_tells_then() {
    let policies =
        format!("{OPEN}forbid (principal, action == Action::\"thing.raed\", resource);\n");
    let host = with(&policies);
    assert!(may_delete(&host));
    let line = host.wait_for_log(&["a.cedar:2:30: no plugin declares the permission thing.raed"]);
    assert!(
        line.contains("did you mean thing.read?") && line.contains("\"WARN\""),
        "{line}"
    );
    host.wait_until("it is shown", |host| {
        told(host)["unknown"].to_string().contains("thing.raed")
    });
}

#[test]
fn a_start_with_policies_that_cannot_be_used_is_none() {
    for (policies, entities, part) in [
        ("permit (principal);", CATALOG, "a.cedar:1:"),
        ("", CATALOG, "there is no policy"),
        (OPEN, "{}", "catalog.json:"),
    ] {
        let setup = setup(policies).plugin("chameleon", &chameleon(THINGS));
        std::fs::write(setup.folder().join("catalog.json"), entities).unwrap();
        let output = setup.refused();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("the policies cannot be used") && said.contains(part),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn check_judges_policies_by_the_plugins_there_are() {
    let host = with(OPEN);
    let check = |policies: &str, json: bool| {
        write(host.folder(), policies);
        let mut args = vec![
            "check",
            "--config",
            "app-config.yaml",
            "--config",
            "fixed.yaml",
        ];
        args.extend(json.then_some("--json"));
        let output = host.command(&args);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, text) = check(READ_ONLY, false);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("ok      permissions  1 policies, 4 entities"),
        "{text}"
    );

    let misspelt =
        format!("{OPEN}forbid (principal, action == Action::\"thing.delet\", resource);\n");
    for (policies, part) in [
        (
            misspelt.as_str(),
            "a.cedar:2:30: no plugin declares the permission thing.delet; did you mean thing.delete?",
        ),
        (
            "permit (principal, action resource);",
            "a.cedar:1:27: unexpected token `resource`",
        ),
    ] {
        let (code, text) = check(policies, false);
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.contains("refused permissions  ") && text.contains(part),
            "{text}"
        );
        let (code, text) = check(policies, true);
        assert_eq!(code, Some(1), "{text}");
        let json: Value = serde_json::from_str(&text).unwrap();
        let problem = json["permissions"]["problems"][0].as_str().unwrap();
        assert!(problem.contains(part), "{problem}");
        assert!(json["plugins"]["chameleon"]["problem"].is_null(), "{json}");
    }
}

/// A component of the first contract knows nothing of permissions, and policies nothing of it.
#[test]
fn plugins_without_permissions_are_served_as_before() {
    let first = greenroom_tests::repository().join("tests/data/first-contract.wasm");
    let first = std::fs::read(first).unwrap();
    let host = setup("forbid (principal, action, resource);")
        .plugin("chameleon", &first)
        .start();
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}
