//! `accessRestrictions`: external callers that may reach some plugins alone.

use super::{external::Provider, *};

const ONLY_ONE: &str = "This token's access is restricted to plugin(s) 'one'";

/// Three plugins of this policy.
fn three(policies: &str, config: &str) -> Host {
    let component = chameleon(&format!("policies={policies};"));
    let setup = ["one", "two", "three"]
        .iter()
        .fold(Setup::new(), |setup, id| setup.plugin(id, &component));
    setup.config(config).start()
}

fn restricted(token: &str, restrictions: &str) -> String {
    format!(
        "{{type: static, options: {{token: {token}, subject: {token}}}, accessRestrictions: {restrictions}}}"
    )
}

#[track_caller]
fn assert_restricted(answer: &Response, message: &str) {
    assert_eq!(host_error(answer, 403, "NotAllowedError"), message);
    assert_eq!(answer.header("www-authenticate"), None);
}

#[test]
fn to_plugins() {
    let entries = [
        restricted("token-of-one", "[{plugin: one}]"),
        restricted(
            "token-of-both",
            "[{plugin: two}, {plugin: one, permission: [a.read, b.read]}]",
        ),
        restricted("token-of-all", "[]"),
        restricted(
            "token-of-actions",
            "[{plugin: three, permissionAttribute: {action: [read, create]}}]",
        ),
    ];
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let host = three("none", &external_access(&entries));
    let both = "This token's access is restricted to plugin(s) 'one', 'two'";
    let three = "This token's access is restricted to plugin(s) 'three'";
    for (token, plugin, refused) in [
        ("token-of-one", "one", None),
        ("token-of-one", "two", Some(ONLY_ONE)),
        ("token-of-one", "three", Some(ONLY_ONE)),
        ("token-of-both", "one", None),
        ("token-of-both", "two", None),
        ("token-of-both", "three", Some(both)),
        ("token-of-all", "one", None),
        ("token-of-all", "three", None),
        ("token-of-actions", "three", None),
        ("token-of-actions", "one", Some(three)),
    ] {
        let target = format!("/api/{plugin}/echo");
        let answer = ask(&host, &target, token);
        match refused {
            None => assert_eq!(principal(&answer), format!("service:{token}"), "{target}"),
            Some(message) => {
                assert_restricted(&answer, message);
                assert_eq!(
                    answer.json()["request"],
                    json!({"method": "GET", "url": target})
                );
            }
        }
    }
    // The plugins were asked for what was allowed alone.
    let requests = ["one", "two", "three"].map(|id| host.plugin(id)["requests"].clone());
    assert_eq!(requests, [json!(3), json!(1), json!(2)]);
}

#[test]
fn of_an_identity_provider() {
    let idp = Provider::start("idp-1");
    let entry = idp.entry("");
    let entry = entry.trim_end_matches('}').to_owned() + "}, accessRestrictions: [{plugin: one}]}";
    let host = three("none", &external_access(&[&entry]));
    let token = idp.token(|_| {});
    assert_eq!(principal(&ask(&host, ECHO, &token)), "service:external:job");
    assert_restricted(&ask(&host, "/api/two/echo", &token), ONLY_ONE);
    // A bad one is not told what it would have been restricted to.
    let expired = idp.token(|claims| claims["exp"] = json!(now() - 100));
    assert_refused(&ask(&host, "/api/two/echo", &expired), "expired");
}

/// Where nobody has to be known, a token that says nothing here says nothing.
#[test]
fn on_open_paths() {
    let config = external_access(&[&restricted("token-of-one", "[{plugin: one}]")]);
    let host = three("open", &config);
    assert_eq!(
        principal(&ask(&host, ECHO, "token-of-one")),
        "service:token-of-one"
    );
    let answer = ask(&host, "/api/two/echo", "token-of-one");
    assert_eq!(principal(&answer), "none");
    assert!(
        !answer.text().contains("token-of-one"),
        "it stays out all the same"
    );
}

#[test]
fn with_every_method() {
    let config = external_access(&[&restricted("token-of-one", "[{plugin: one}]")]);
    let host = three("none", &config);
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let answer = host
            .request(method, "/api/two/echo")
            .header("authorization", "Bearer token-of-one")
            .send();
        assert_restricted(&answer, ONLY_ONE);
    }
    let head = host
        .request("HEAD", "/api/two/echo")
        .header("authorization", "Bearer token-of-one")
        .send();
    assert_eq!((head.status, head.body.len()), (403, 0));
}

#[test]
fn they_are_no_matter_of_users_and_plugins() {
    let backstage = Backstage::start();
    let one = restricted("token-of-one", "[{plugin: one}]");
    let host = three("none", &backstage.config_with(&[&one]));
    assert_eq!(
        principal(&ask(&host, "/api/two/echo", &backstage.user())),
        JANE
    );
    let plugin = ask(&host, "/api/two/echo", &backstage.plugin("two"));
    assert_eq!(principal(&plugin), "plugin:catalog");
    assert_restricted(&ask(&host, "/api/two/echo", "token-of-one"), ONLY_ONE);
}
