//! Tokens that were made without the issuer's key: none is taken, whichever issuer it pretends to be of.

use super::*;
use greenroom_tests::forgeries;

/// Every forgery is refused in the same words, the token that it was made from is good before and after, and nobody else
/// is asked for keys.
fn refuse_all(host: &Host, good: &str, jwk: &Value) {
    let elsewhere = KeyServer::start();
    let url = elsewhere.url("/keys");
    elsewhere.answer("/keys", Answer::Keys(vec![SigningKey::new("mine").jwk()]));
    assert_eq!(ask(host, ECHO, good).status, 200);
    let forms = forgeries(good, jwk, &url);
    assert!(forms.len() > 80, "{}", forms.len());
    let mut said = Vec::new();
    for (what, form) in &forms {
        let answer = ask(host, ECHO, form);
        assert_refused(&answer, what);
        said.push(answer.text());
    }
    said.dedup();
    assert_eq!(said.len(), 1, "nothing tells them apart: {said:?}");
    assert_eq!(ask(host, ECHO, good).status, 200);
    assert_eq!(elsewhere.paths(), Vec::<String>::new());
    let log = host.log();
    // The short ones are words like any other.
    for (what, form) in forms.iter().filter(|(_, form)| form.len() > 40) {
        assert!(!log.contains(form.as_str()), "{what} is in the log");
    }
}

#[test]
fn of_a_user() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    refuse_all(&host, &backstage.user(), &backstage.users.jwk());
    asked_little(&backstage.server);
}

#[test]
fn of_a_plugin() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let good = backstage.plugin("one");
    refuse_all(&host, &good, &backstage.catalog.jwk());
    asked_little(&backstage.server);
}

#[test]
fn of_a_plugin_on_behalf_of_a_user() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let limited = backstage.limited();
    let good = backstage.plugin_which("one", |claims| claims["obo"] = limited.into());
    refuse_all(&host, &good, &backstage.catalog.jwk());
    asked_little(&backstage.server);
}

#[test]
fn of_an_identity_provider() {
    let server = KeyServer::start();
    let key = SigningKey::new("idp-1");
    server.answer("/keys", Answer::Keys(vec![key.jwk()]));
    let url = server.url("/keys");
    let entry =
        format!("{{type: jwks, options: {{url: '{url}', issuer: idp, audience: greenroom}}}}");
    let host = host("none", &external_access(&[&entry]));
    let claims =
        json!({"iss": "idp", "aud": "greenroom", "sub": "job", "exp": now() + 600, "iat": now()});
    refuse_all(&host, &key.sign(&key.header("JWT"), &claims), &key.jwk());
    asked_little(&server);
}

/// Forged ids of keys make the host ask again, ten times in a minute at most, and no path but those of the two sets.
fn asked_little(server: &KeyServer) {
    for path in server.paths() {
        assert!(
            [USER_KEYS, CATALOG_KEYS, "/keys"].contains(&path.as_str()),
            "{path}"
        );
        assert!(server.asked(&path) <= 30, "{path}: {}", server.asked(&path));
    }
}

/// A cookie is no way around it.
#[test]
fn of_a_limited_user_in_a_cookie() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config());
    let good = backstage.limited();
    let from_browser = |token: &str| {
        host.request("GET", ECHO)
            .header("cookie", format!("backstage-auth={token}"))
            .send()
    };
    assert_eq!(principal(&from_browser(&good)), JANE);
    for (what, form) in forgeries(&good, &backstage.users.jwk(), "http://127.0.0.1:9/") {
        // Those end the cookie's value, and what is left is another form of the list.
        if form.contains([';', ',', '"']) {
            continue;
        }
        assert_eq!(from_browser(&form).status, 401, "{what}");
    }
    assert_eq!(principal(&from_browser(&good)), JANE);
}

/// A token that is not a signer's at all, and bytes that are no text.
#[test]
fn of_anything() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let nested = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for form in [
        "a.b.c".to_owned(),
        "eyJ.eyJ.eyJ".to_owned(),
        format!("{}.{}.{}", base64url("{}"), base64url("{}"), base64url("x")),
        format!("{}.{}.", base64url(&nested), base64url(&nested)),
        format!("{}.{}.", base64url([0xff; 40]), base64url([0xff; 40])),
        ".".repeat(1000),
        "a.".repeat(1000),
        "=".repeat(100),
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}.x.y".to_owned(),
    ] {
        let answer = ask(&host, ECHO, &form);
        let shown: String = form.chars().take(40).collect();
        assert_eq!(answer.status, 401, "{shown}: {}", answer.text());
    }
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
}
