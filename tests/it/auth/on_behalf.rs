//! Plugins of a Backstage that call on behalf of a user: the claim `obo` holds the user's limited token.

use super::*;

const ACTOR: &str = "x-greenroom-actor";

fn for_jane(backstage: &Backstage, obo: impl Into<Value>) -> String {
    let obo = obo.into();
    backstage.plugin_which("one", |claims| claims["obo"] = obo)
}

#[test]
fn the_user_is_the_principal_and_the_plugin_the_actor() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let answer = ask(&host, ECHO, &for_jane(&backstage, backstage.limited()));
    assert_eq!(principal(&answer), JANE);
    assert_eq!(arrived(&answer.json(), ACTOR), ["plugin:catalog"]);
    // Nobody else has one.
    for token in [backstage.user(), backstage.plugin("one")] {
        let answer = ask(&host, ECHO, &token);
        principal(&answer);
        assert_eq!(arrived(&answer.json(), ACTOR), [""; 0]);
    }
}

#[test]
fn a_plugin_without_a_user_is_itself() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let answer = ask(&host, ECHO, &for_jane(&backstage, Value::Null));
    assert_eq!(principal(&answer), "plugin:catalog");
    assert_eq!(arrived(&answer.json(), ACTOR), [""; 0]);
}

/// It is not the plugin that is the principal then: the whole token is refused.
#[test]
fn a_user_that_cannot_be_believed() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let (users, catalog) = (&backstage.users, &backstage.catalog);
    let good = backstage.limited();
    let root = "user:default/root";
    let claims = json!({"sub": JANE, "iat": now(), "exp": now() + 600});
    let typed = |typ: &str| users.sign(&users.header(typ), &claims);
    let bare = users.sign(&json!({"alg": "ES256", "kid": users.kid()}), &claims);
    for (what, obo) in [
        ("expired", limited(users, JANE, now() - 7200, now() - 3600)),
        ("of later", limited(users, JANE, now() + 3600, now() + 7200)),
        (
            "by the plugin's own key",
            limited(catalog, JANE, now(), now() + 600),
        ),
        (
            "by somebody's key",
            limited(&SigningKey::new(users.kid()), JANE, now(), now() + 600),
        ),
        (
            "of no user",
            limited(users, "plugin:catalog", now(), now() + 600),
        ),
        ("another user in it", {
            let forged = limited(&SigningKey::new(users.kid()), root, now(), now() + 600);
            let signature = good.rsplit('.').next().unwrap();
            format!("{}.{signature}", forged.rsplit_once('.').unwrap().0)
        }),
        ("signature of zeros", with_signature(&good, &[0; 64])),
        ("without a signature", with_signature(&good, &[])),
        ("of the kind plugin", typed("vnd.backstage.plugin")),
        ("of no kind", bare),
        ("a plugin's token", backstage.plugin("one")),
        ("one within one", for_jane(&backstage, good.as_str())),
        ("a name", JANE.to_owned()),
        ("empty", String::new()),
        ("spaces", format!(" {good}")),
    ] {
        assert_refused(&ask(&host, ECHO, &for_jane(&backstage, obo)), what);
    }
    for obo in [json!(7), json!([good]), json!({"token": good}), json!(true)] {
        let kind = obo.to_string().chars().take(12).collect::<String>();
        assert_refused(&ask(&host, ECHO, &for_jane(&backstage, obo)), &kind);
    }
    let answer = ask(&host, ECHO, &for_jane(&backstage, good));
    assert_eq!(principal(&answer), JANE);
}

/// On an open path it is nobody, and not the plugin either.
#[test]
fn on_an_open_path() {
    let backstage = Backstage::start();
    let host = host("open", &backstage.config());
    let answer = ask(&host, ECHO, &for_jane(&backstage, backstage.limited()));
    assert_eq!(principal(&answer), JANE);
    assert_eq!(arrived(&answer.json(), ACTOR), ["plugin:catalog"]);
    let expired = limited(&backstage.users, JANE, now() - 7200, now() - 3600);
    let answer = ask(&host, ECHO, &for_jane(&backstage, expired));
    assert_eq!(principal(&answer), "none");
    assert_eq!(arrived(&answer.json(), ACTOR), [""; 0]);
}
