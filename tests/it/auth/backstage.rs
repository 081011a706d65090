//! `backend.auth.backstage`: tokens of a Backstage that Greenroom stands behind.

use super::*;

#[test]
fn its_users_and_plugins_are_known() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    let plugin = principal(&ask(&host, ECHO, &backstage.plugin("one")));
    assert_eq!(plugin, "plugin:catalog");
    // A user's token is good for every plugin.
    let two = ask(&host, "/api/two/echo", &backstage.user());
    assert_eq!(principal(&two), JANE);
}

/// Nothing is asked before a token needs it, and then once for all that come.
#[test]
fn keys_are_asked_for_when_they_are_needed_and_kept() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    assert_missing(&host.get(ECHO));
    assert_refused(&ask(&host, ECHO, "no-jwt-at-all"), "an opaque token");
    assert_eq!(backstage.server.paths(), Vec::<String>::new());
    for _ in 0..3 {
        assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    }
    assert_eq!(backstage.server.paths(), [USER_KEYS]);
    for _ in 0..3 {
        assert_eq!(ask(&host, ECHO, &backstage.plugin("one")).status, 200);
    }
    assert_eq!(backstage.server.paths(), [USER_KEYS, CATALOG_KEYS]);
}

/// The host is a stranger there: it says nothing but what it wants.
#[test]
fn it_is_asked_without_credentials() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let token = backstage.user();
    assert_eq!(ask(&host, ECHO, &token).status, 200);
    let head = backstage.server.heads().concat().to_lowercase();
    assert!(
        head.starts_with("get /api/auth/.well-known/jwks.json http/1.1\r\n"),
        "{head}"
    );
    for name in ["authorization", "cookie", "x-greenroom", "x-request-id"] {
        assert!(!head.contains(name), "{name}: {head}");
    }
    assert!(
        parts(&token.to_lowercase()).all(|part| !head.contains(part)),
        "{head}"
    );
}

/// The URL may lie below a path, as behind a proxy, and end in a slash.
#[test]
fn its_url_may_have_a_path() {
    for end in ["/backstage", "/backstage/"] {
        let backstage = Backstage::start();
        let below = format!("/backstage{USER_KEYS}");
        let keys = Answer::Keys(vec![backstage.users.jwk()]);
        backstage.server.answer(&below, keys);
        let url = backstage.server.url(end);
        let config = format!("backend: {{auth: {{backstage: {{url: '{url}'}}}}}}");
        let host = host("none", &config);
        assert_eq!(
            principal(&ask(&host, ECHO, &backstage.user())),
            JANE,
            "{end}"
        );
        assert_eq!(backstage.server.paths(), [below]);
    }
}

#[test]
fn a_key_of_users_is_none_of_plugins_and_the_other_way_round() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let (users, catalog) = (&backstage.users, &backstage.catalog);
    let user = backstage.user_claims(now() + 3600, |_| {});
    let by_catalog = catalog.sign(&catalog.header("vnd.backstage.user"), &user);
    assert_refused(
        &ask(&host, ECHO, &by_catalog),
        "a user's, by a plugin's key",
    );
    let plugin = json!({"sub": "catalog", "aud": "one", "iat": now(), "exp": now() + 600});
    let by_users = users.sign(&users.header("vnd.backstage.plugin"), &plugin);
    assert_refused(
        &ask(&host, ECHO, &by_users),
        "a plugin's, by the users' key",
    );
    // Under the other's kid.
    let mut header = catalog.header("vnd.backstage.user");
    header["kid"] = users.kid().into();
    assert_refused(
        &ask(&host, ECHO, &catalog.sign(&header, &user)),
        "with their kid",
    );
    // The plugin `auth` has keys as other plugins have, and they are not those of users.
    let mut auth = plugin;
    auth["sub"] = "auth".into();
    let by_users = users.sign(&users.header("vnd.backstage.plugin"), &auth);
    assert_refused(&ask(&host, ECHO, &by_users), "as the plugin auth");
}

#[test]
fn a_token_without_a_kid_needs_the_only_key() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let mut header = backstage.users.header("vnd.backstage.user");
    drop(header.as_object_mut().unwrap().remove("kid"));
    let token = || {
        let claims = backstage.user_claims(now() + 3600, |_| {});
        backstage.users.sign(&header, &claims)
    };
    assert_eq!(principal(&ask(&host, ECHO, &token())), JANE);
    let two = [backstage.users.jwk(), SigningKey::new("users-2").jwk()];
    backstage
        .server
        .answer(USER_KEYS, Answer::Keys(two.to_vec()));
    // A kid that is not there makes the host look again.
    let mut claims = backstage.user_claims(now() + 3600, |_| {});
    host.wait_until("it has both keys", |host| {
        claims["jti"] = backstage.server.asked(USER_KEYS).into();
        let unknown = SigningKey::new("users-3");
        ask(
            host,
            ECHO,
            &unknown.sign(&unknown.header("vnd.backstage.user"), &claims),
        );
        backstage.server.asked(USER_KEYS) > 1
    });
    // One that was believed a moment ago may still be.
    let later = backstage.user_claims(now() + 1800, |_| {});
    assert_refused(
        &ask(&host, ECHO, &backstage.users.sign(&header, &later)),
        "of two keys",
    );
}

#[test]
fn with_external_access_beside_it() {
    let backstage = Backstage::start();
    let idp = KeyServer::start();
    let key = SigningKey::new("idp-1");
    idp.answer("/keys", Answer::Keys(vec![key.jwk()]));
    let provider = format!("{{type: jwks, options: {{url: '{}'}}}}", idp.url("/keys"));
    let host = host("none", &backstage.config_with(&[STATIC, &provider]));
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    assert_eq!(principal(&ask(&host, ECHO, "static-token")), "service:ci");
    let claims = json!({"sub": "job", "iat": now(), "exp": now() + 600});
    let job = key.sign(&key.header("JWT"), &claims);
    assert_eq!(principal(&ask(&host, ECHO, &job)), "service:external:job");
    // A provider's key makes no user of Backstage's, whatever it signs.
    let user = backstage.user_claims(now() + 3600, |_| {});
    let forged = key.sign(&key.header("vnd.backstage.user"), &user);
    assert_refused(&ask(&host, ECHO, &forged), "a user by the provider's key");
}
