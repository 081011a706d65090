//! Paths that are open to anybody: a good credential counts there, another is as none.

use super::{external::Provider, *};

fn with(host: &Host, name: &str, value: &str) -> Response {
    host.request("GET", ECHO).header(name, value).send()
}

/// A Backstage and a static token, with this line more below `backend.auth` and at the end of the file.
fn both_kinds(backstage: &Backstage, auth: &str, rest: &str) -> String {
    let config = backstage.config_with(&[STATIC]);
    format!("{config}    {auth}\n{rest}\n")
}

#[test]
fn a_good_credential_counts() {
    let backstage = Backstage::start();
    let disabled = "dangerouslyDisableDefaultAuthPolicy: true";
    for (policies, auth, rest) in [
        ("open", "", ""),
        ("/echo", "", ""),
        ("none", "", "plugins: {one: {access: open}}"),
        ("none", disabled, ""),
    ] {
        let host = host(policies, &both_kinds(&backstage, auth, rest));
        assert_eq!(
            principal(&host.get(ECHO)),
            "none",
            "{policies} {auth} {rest}"
        );
        assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
        assert_eq!(
            principal(&ask(&host, ECHO, &backstage.plugin("one"))),
            "plugin:catalog"
        );
        assert_eq!(principal(&ask(&host, ECHO, "static-token")), "service:ci");
        assert_eq!(
            principal(&ask(&host, ECHO, &backstage.plugin("two"))),
            "none"
        );
    }
}

#[test]
fn a_bad_one_is_as_none() {
    let backstage = Backstage::start();
    let host = host("open", &both_kinds(&backstage, "", ""));
    let expired = backstage.user_who(|claims| claims["exp"] = json!(now() - 100));
    let good = backstage.user();
    for value in [
        format!("Bearer {expired}"),
        format!("Bearer {}", &good[..good.len() - 2]),
        format!("Bearer {}", backstage.limited()),
        format!("Bearer {}", backstage.plugin("two")),
        format!(
            "Bearer {}",
            SigningKey::new("x").sign(&json!({"alg": "ES256", "kid": "x"}), &json!({}))
        ),
        "Bearer nonsense".to_owned(),
        "Bearer".to_owned(),
        "Bearer a b".to_owned(),
        "Basic dXNlcjpwYXNz".to_owned(),
        "".to_owned(),
    ] {
        assert_eq!(
            principal(&with(&host, "authorization", &value)),
            "none",
            "{value}"
        );
    }
    let twice = host
        .request("GET", ECHO)
        .header("authorization", format!("Bearer {good}"))
        .header("authorization", format!("Bearer {good}"))
        .send();
    assert_eq!(principal(&twice), "none");
}

/// What is in one may be a secret of the host's clients; a plugin does not need it to know who calls.
#[test]
fn tokens_of_ours_do_not_reach_the_plugin() {
    let backstage = Backstage::start();
    let host = host("open", &both_kinds(&backstage, "", ""));
    let expired = backstage.user_who(|claims| claims["exp"] = json!(now() - 100));
    let other =
        SigningKey::new("x").sign(&json!({"alg": "ES256", "kid": "x"}), &json!({"sub": "x"}));
    for token in [
        "static-token".to_owned(),
        backstage.user(),
        backstage.plugin("one"),
        backstage.plugin("two"),
        backstage.limited(),
        expired,
        other,
    ] {
        let answer = ask(&host, ECHO, &token);
        assert_eq!(arrived(&answer.json(), "authorization"), [""; 0], "{token}");
        assert!(!answer.text().contains(&token));
        assert!(parts(&token).all(|part| !answer.text().contains(part)));
    }
}

/// In a form in which they do not count either.
#[test]
fn neither_do_they_in_two_headers() {
    let backstage = Backstage::start();
    let host = host("open", &both_kinds(&backstage, "", ""));
    for token in ["static-token", &backstage.user(), &backstage.plugin("one")] {
        let bearer = format!("Bearer {token}");
        for other in [bearer.as_str(), "Basic dXNlcjpwYXNz"] {
            for (first, second) in [(bearer.as_str(), other), (other, bearer.as_str())] {
                let answer = host
                    .request("GET", ECHO)
                    .header("authorization", first)
                    .header("authorization", second)
                    .send();
                assert_eq!(principal(&answer), "none");
                assert!(!answer.text().contains(token), "{first} {second}");
            }
        }
    }
}

/// A plugin may have credentials of its own, such as the secret of a webhook.
#[test]
fn what_is_none_of_ours_reaches_the_plugin() {
    let backstage = Backstage::start();
    let host = host("open", &both_kinds(&backstage, "", ""));
    for value in [
        "Basic dXNlcjpwYXNz",
        "Bearer of-the-plugins-own",
        "Digest a=\"b\"",
        "bearer x.y",
        "Token t",
    ] {
        let answer = with(&host, "authorization", value);
        assert_eq!(principal(&answer), "none");
        assert_eq!(arrived(&answer.json(), "authorization"), [value]);
    }
}

/// Where no issuer is known, a JWT is the plugin's own as well.
#[test]
fn without_issuers_a_jwt_is_the_plugins_own() {
    let backstage = Backstage::start();
    let token = backstage.user();
    let bearer = format!("Bearer {token}");
    let some = external_access(&[STATIC]);
    for config in ["", &some] {
        let host = host("open", config);
        let answer = with(&host, "authorization", &bearer);
        assert_eq!(principal(&answer), "none");
        assert_eq!(arrived(&answer.json(), "authorization"), [bearer.as_str()]);
    }
    let host = host("open", &some);
    assert_eq!(
        arrived(&ask(&host, ECHO, "static-token").json(), "authorization"),
        [""; 0]
    );
}

#[test]
fn keys_that_cannot_be_had_open_no_less() {
    let idp = Provider::start("idp-1");
    for down in [
        Answer::HangUp,
        Answer::Status(500),
        Answer::Body(b"{}".to_vec()),
    ] {
        idp.server.answer("/keys", down);
        let host = host("open", &external_access(&[&idp.entry("")]));
        let answer = ask(&host, ECHO, &idp.token(|_| {}));
        assert_eq!(principal(&answer), "none");
        assert_eq!(
            arrived(&answer.json(), "authorization"),
            [""; 0],
            "it is a token all the same"
        );
    }
}

/// The longest policy decides, as without credentials.
#[test]
fn an_open_path_beside_a_closed_one() {
    let backstage = Backstage::start();
    let host = host("/echo", &backstage.config());
    assert_eq!(principal(&host.get(ECHO)), "none");
    assert_missing(&host.get("/api/one/version"));
    assert_eq!(
        ask(&host, "/api/one/version", &backstage.user()).status,
        200
    );
    assert_refused(&ask(&host, "/api/one/version", "nonsense"), "closed");
    assert_eq!(principal(&ask(&host, ECHO, "nonsense")), "none");
}

#[test]
fn without_the_default_policy_everything_is_open() {
    let host = host(
        "none",
        "backend: {auth: {dangerouslyDisableDefaultAuthPolicy: true}}",
    );
    for target in [ECHO, "/api/two/echo"] {
        assert_eq!(principal(&host.get(target)), "none");
        assert_eq!(principal(&ask(&host, target, "nonsense")), "none");
    }
    // The operator is told.
    host.wait_for_log(&["dangerouslyDisableDefaultAuthPolicy"]);
}
