//! `greenroom:permissions`, from inside the sandbox.

use super::*;

const OWNERS: &str = r#"
permit (principal, action == Action::"thing.read", resource);
permit (principal is User, action == Action::"thing.delete", resource)
when { resource has entity && resource.entity has owner && principal in resource.entity.owner };
"#;

#[test]
fn without_policies_nothing_needs_to_be_asked() {
    let host = Setup::new().plugin("chameleon", &chameleon(THINGS)).start();
    let needed =
        |permission: &str| ask(&host, &json!({ "op": "needed", "permission": permission }));
    assert_eq!(needed("thing.read"), json!({ "ok": false }));
    assert_eq!(needed("thing.write")["error"], "not-declared");
    assert_eq!(
        decision(
            &host,
            "none",
            "thing.delete",
            &thing("component:default/mine")
        ),
        "allow"
    );
    let many = json!({
        "op": "many", "permission": "thing.read", "resources": [{ "type": "thing", "copies": 3 }],
    });
    assert_eq!(
        ask(&host, &many),
        json!({ "ok": ["allow", "allow", "allow"] })
    );
    assert!(host.plugins()["permissions"].is_null());
}

#[test]
fn policies_decide_by_owners() {
    let host = with(OWNERS);
    assert_eq!(
        ask(
            &host,
            &json!({ "op": "needed", "permission": "thing.read" })
        ),
        json!({ "ok": true })
    );
    let mine = thing("component:default/mine");
    for (principal, permission, about, expected) in [
        ("none", "thing.read", &mine, "allow"),
        ("none", "thing.delete", &mine, "deny"),
        ("user:default/jane", "thing.delete", &mine, "allow"),
        (
            "user:default/jane",
            "thing.delete",
            &thing("Component:Default/Mine"),
            "allow",
        ),
        (
            "user:default/jane",
            "thing.delete",
            &thing("component:default/theirs"),
            "deny",
        ),
        (
            "user:default/jane",
            "thing.delete",
            &thing("component:default/none"),
            "deny",
        ),
        ("user:default/jane", "thing.delete", &Value::Null, "deny"),
        ("user:default/sam", "thing.delete", &mine, "deny"),
        ("service:ci", "thing.delete", &mine, "deny"),
        ("plugin:catalog", "thing.read", &mine, "allow"),
        // No policy says anything about it.
        ("user:default/jane", "thing.count", &mine, "deny"),
    ] {
        assert_eq!(
            decision(&host, principal, permission, about),
            expected,
            "{principal} {permission} {about}"
        );
    }
    // Who sends the request is nobody that is known.
    let own = json!({ "op": "authorize", "permission": "thing.delete", "resource": mine });
    assert_eq!(ask(&host, &own), json!({ "ok": "deny" }));
    let status = host.plugins()["permissions"].clone();
    assert_eq!(
        (&status["policies"], &status["entities"]),
        (&json!(2), &json!(4)),
        "{status}"
    );
    assert!(
        status["problem"].is_null() && status["unknown"] == json!([]),
        "{status}"
    );
}

#[test]
fn a_denial_is_a_line_of_the_log() {
    let host = with(OWNERS);
    let call = json!({
        "op": "authorize", "principal": "user:default/sam", "permission": "thing.delete",
        "resource": { "type": "thing", "id": "a\nb", "attributes": {} },
    });
    let answer = host
        .request("POST", "/api/chameleon/permissions")
        .header("x-request-id", "who-may-what")
        .json(&call)
        .send();
    assert_eq!(answer.json(), json!({ "ok": "deny" }));
    let line = host.wait_for_log(&["permission denied", "who-may-what"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    for (field, expected) in [
        ("level", "INFO"),
        ("plugin", "chameleon"),
        ("principal", "user:default/sam"),
        ("permission", "thing.delete"),
        ("resource", "chameleon/thing/a\\nb"),
        ("why", "no policy permits it"),
    ] {
        assert_eq!(line[field], expected, "{line}");
    }
}

#[test]
fn many_are_decided_in_their_order() {
    let host = with(OWNERS);
    let resources: Vec<_> = ["mine", "theirs", "mine", "none"]
        .map(|name| thing(&format!("component:default/{name}")))
        .into();
    let many = |resources: Value| {
        let call = json!({
            "op": "many", "principal": "user:default/jane", "permission": "thing.delete", "resources": resources,
        });
        ask(&host, &call)
    };
    assert_eq!(
        many(json!(resources)),
        json!({ "ok": ["allow", "deny", "allow", "deny"] })
    );
    assert_eq!(many(json!([])), json!({ "ok": [] }));
    let copies = |copies: usize| {
        let mut copied = thing("component:default/mine");
        copied["copies"] = copies.into();
        json!([copied, thing("component:default/theirs")])
    };
    let decided = many(copies(999))["ok"].as_array().cloned().unwrap();
    assert_eq!(decided.len(), 1000);
    assert!(decided[..999].iter().all(|d| d == "allow") && decided[999] == "deny");
    assert_eq!(many(copies(1000))["error"], "too-many");
    let bad = json!([thing("component:default/mine"), { "type": "", "attributes": {} }]);
    assert_eq!(many(bad)["error"], "invalid-resource");
}

#[test]
fn what_is_asked_in_a_wrong_way_is_an_error() {
    let host = with(OWNERS);
    let error = |call: Value| {
        let answer = ask(&host, &call);
        let message = answer["message"].as_str().unwrap_or_default().to_owned();
        (
            answer["error"].as_str().unwrap_or_default().to_owned(),
            message,
        )
    };
    for op in ["needed", "authorize", "many"] {
        let (name, message) = error(json!({ "op": op, "permission": "thing.write" }));
        assert_eq!(name, "not-declared", "{op}");
        assert!(
            message.contains("chameleon") && message.contains("thing.write"),
            "{message}"
        );
    }
    for principal in [
        "",
        "jane",
        "user:jane",
        "group:default/team-a",
        "service:",
        "user:default/a\nb",
    ] {
        let call = json!({ "op": "authorize", "permission": "thing.read", "principal": principal });
        assert_eq!(error(call).0, "invalid-principal", "{principal:?}");
    }
    let about = |resource: Value| {
        error(json!({ "op": "authorize", "permission": "thing.read", "resource": resource }))
    };
    let attributes: serde_json::Map<_, _> = (0..33).map(|n| (format!("a{n}"), json!(1))).collect();
    for (resource, part) in [
        (json!({ "type": "a b" }), "the type is"),
        (json!({ "type": "x".repeat(65) }), "the type is"),
        (json!({ "type": "t", "id": "x".repeat(1025) }), "1024 bytes"),
        (
            json!({ "type": "t", "attributes": { "id": "1" } }),
            "the attribute id is the host's",
        ),
        (
            json!({ "type": "t", "attributes": { "a/b": 1 } }),
            "the name of an attribute is",
        ),
        (
            json!({ "type": "t", "attributes": { "a": { "fill": 4097 } } }),
            "4096 bytes",
        ),
        (
            json!({ "type": "t", "attributes": attributes }),
            "32 attributes",
        ),
        (
            json!({ "type": "t", "attributes": {
                "a": { "fill": 4096 }, "b": { "fill": 4096 }, "c": { "fill": 4096 }, "d": { "fill": 4096 },
            } }),
            "16 KiB",
        ),
    ] {
        let (name, message) = about(resource.clone());
        assert_eq!(name, "invalid-resource", "{resource}");
        assert!(message.contains(part), "{message}");
    }
    // The plugin goes on: none of these ended its instance.
    assert_eq!(decision(&host, "none", "thing.read", &Value::Null), "allow");
}

#[test]
fn every_kind_of_value_arrives() {
    for condition in [
        r#"resource.text == "ä\n" && resource.plugin == "chameleon" && resource.type == "thing""#,
        r#"resource.texts.contains("b") && !resource.texts.contains("c")"#,
        "resource.truth && resource.number == -5",
        r#"resource.entity.owner == Group::"group:default/team-a""#,
        r#"resource.entities.contains(User::"user:default/jane")"#,
        r#"!(resource has id) && context.attributes.action == "read" && context.plugin == "chameleon""#,
    ] {
        let host = with(&format!(
            "permit (principal, action, resource) when {{ {condition} }};"
        ));
        let about = json!({ "type": "thing", "attributes": {
            "text": "ä\n", "texts": ["a", "b"], "truth": true, "number": -5,
            "entity": { "entity": "component:default/mine" }, "entities": { "entities": ["user:default/jane"] },
        } });
        assert_eq!(
            decision(&host, "none", "thing.read", &about),
            "allow",
            "{condition}"
        );
        let other = json!({ "type": "other", "id": "1", "attributes": {
            "text": "", "texts": ["c"], "truth": false, "number": 5,
            "entity": { "entity": "component:default/theirs" }, "entities": { "entities": [] },
        } });
        assert_eq!(
            decision(&host, "none", "thing.read", &other),
            "deny",
            "{condition}"
        );
    }
}

#[test]
fn plugins_are_asked_about_apart() {
    let policies = r#"permit (principal, action, resource) when { resource.plugin == "one" };"#;
    let other = "permissions=other.read;";
    let host = setup(policies)
        .plugin("one", &chameleon(THINGS))
        .plugin("two", &chameleon(THINGS))
        .plugin("three", &chameleon(other))
        .start();
    let of = |plugin: &str, permission: &str| {
        let resource = json!({ "type": "thing" });
        let call = json!({ "op": "authorize", "permission": permission, "resource": resource });
        ask_of(&host, plugin, &call)
    };
    assert_eq!(of("one", "thing.read"), json!({ "ok": "allow" }));
    assert_eq!(of("two", "thing.read"), json!({ "ok": "deny" }));
    // What another declares is none of its own.
    assert_eq!(of("three", "thing.read")["error"], "not-declared");
    assert_eq!(of("one", "other.read")["error"], "not-declared");
}

/// A policy that fails is told once, and does not count.
#[test]
fn a_policy_that_fails_is_told() {
    let host = with(
        "permit (principal, action, resource);\n\
         @id(\"no strangers\") forbid (principal, action, resource) unless { resource.owner == principal };\n",
    );
    for _ in 0..3 {
        assert_eq!(
            decision(&host, "none", "thing.read", &json!({ "type": "thing" })),
            "allow"
        );
    }
    host.wait_for_log(&["a policy fails", "no strangers", "owner"]);
    assert_eq!(host.log().matches("a policy fails").count(), 1);
}

#[test]
fn describe_cannot_ask() {
    let host = Setup::new().start();
    let refused = host
        .deploy("chameleon", &chameleon("describe=ask;"))
        .unwrap_err();
    assert!(
        refused.contains("describe() may not call the host")
            && refused.contains("greenroom:permissions/authorize@0.1.0#needed"),
        "{refused}"
    );
}
