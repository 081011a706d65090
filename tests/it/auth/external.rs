//! `externalAccess` of type `jwks`: identity providers.

use super::*;

/// A provider with one key.
pub(super) struct Provider {
    pub(super) server: KeyServer,
    pub(super) key: SigningKey,
}

impl Provider {
    pub(super) fn start(kid: &str) -> Self {
        let provider = Self {
            server: KeyServer::start(),
            key: SigningKey::new(kid),
        };
        let keys = vec![provider.key.jwk()];
        provider.server.answer("/keys", Answer::Keys(keys));
        provider
    }

    /// An entry of `externalAccess` with these options besides the URL.
    pub(super) fn entry(&self, options: &str) -> String {
        let url = self.server.url("/keys");
        format!("{{type: jwks, options: {{url: '{url}'{options}}}}}")
    }

    /// A host that believes this provider alone.
    pub(super) fn host(&self, options: &str) -> Host {
        host("none", &external_access(&[&self.entry(options)]))
    }

    pub(super) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": "https://idp.example.com/",
            "aud": "greenroom",
            "sub": "job",
            "iat": now(),
            "exp": now() + 600,
        });
        change(&mut claims);
        self.key.sign(&self.key.header("JWT"), &claims)
    }
}

#[test]
fn the_subject_is_external() {
    let idp = Provider::start("idp-1");
    let host = idp.host("");
    assert_eq!(
        principal(&ask(&host, ECHO, &idp.token(|_| {}))),
        "service:external:job"
    );
    for sub in [
        "a:b",
        "4711",
        "job@example.com",
        "https://a.example.com/b?c#d",
        "user:default/jane",
        "x%0d%0a",
    ] {
        let token = idp.token(|claims| claims["sub"] = sub.into());
        assert_eq!(
            principal(&ask(&host, ECHO, &token)),
            format!("service:external:{sub}")
        );
    }
}

#[test]
fn with_a_prefix() {
    let idp = Provider::start("idp-1");
    let host = idp.host(", subjectPrefix: acme");
    let token = idp.token(|_| {});
    assert_eq!(
        principal(&ask(&host, ECHO, &token)),
        "service:external:acme:job"
    );
}

/// As `typ` is of no meaning there, any is good, but those of Backstage's make no user of it.
#[test]
fn it_makes_no_user_and_no_plugin() {
    let idp = Provider::start("idp-1");
    let host = idp.host("");
    let claims =
        json!({"sub": JANE, "aud": "backstage", "ent": [JANE], "iat": now(), "exp": now() + 600});
    for typ in [
        "vnd.backstage.user",
        "vnd.backstage.limited-user",
        "vnd.backstage.plugin",
        "at+jwt",
        "x",
    ] {
        let token = idp.key.sign(&idp.key.header(typ), &claims);
        let answer = ask(&host, ECHO, &token);
        let expected = format!("service:external:{JANE}");
        assert_eq!(principal(&answer), expected, "{typ}");
    }
    let untyped = json!({"alg": "ES256", "kid": "idp-1"});
    let answer = ask(&host, ECHO, &idp.key.sign(&untyped, &claims));
    assert_eq!(principal(&answer), format!("service:external:{JANE}"));
}

#[test]
fn each_entry_is_asked_for_its_own() {
    let (acme, umbrella) = (Provider::start("key-1"), Provider::start("key-1"));
    let config = external_access(&[
        STATIC,
        &acme.entry(", subjectPrefix: acme, issuer: acme"),
        &umbrella.entry(", subjectPrefix: umbrella, issuer: umbrella"),
    ]);
    let host = host("none", &config);
    let of =
        |provider: &Provider, issuer: &str| provider.token(|claims| claims["iss"] = issuer.into());
    let ask = |token: &str| ask(&host, ECHO, token);
    assert_eq!(principal(&ask("static-token")), "service:ci");
    assert_eq!(
        principal(&ask(&of(&umbrella, "umbrella"))),
        "service:external:umbrella:job"
    );
    assert_eq!(
        acme.server.paths(),
        Vec::<String>::new(),
        "another issuer's token"
    );
    assert_eq!(
        principal(&ask(&of(&acme, "acme"))),
        "service:external:acme:job"
    );
    assert_refused(&ask(&of(&acme, "umbrella")), "acme's key, umbrella's name");
    assert_refused(&ask(&of(&umbrella, "acme")), "umbrella's key, acme's name");
    assert_refused(&ask(&of(&acme, "other")), "neither's name");
}

/// One that is down is no reason to refuse the tokens of another.
#[test]
fn an_entry_that_is_down_is_in_nobodys_way() {
    let (down, up) = (Provider::start("down-1"), Provider::start("up-1"));
    down.server.answer("/keys", Answer::HangUp);
    let config = external_access(&[
        &down.entry(", subjectPrefix: down"),
        &up.entry(", subjectPrefix: up"),
        STATIC,
    ]);
    let host = host("none", &config);
    let answer = ask(&host, ECHO, &up.token(|_| {}));
    assert_eq!(principal(&answer), "service:external:up:job");
    assert_eq!(principal(&ask(&host, ECHO, "static-token")), "service:ci");
    let answer = ask(&host, ECHO, &down.token(|_| {}));
    host_error(&answer, 503, "ServiceUnavailableError");
}

/// Neither is what is nobody's: a token that is no JWT asks nobody.
#[test]
fn an_opaque_token_asks_nobody() {
    let idp = Provider::start("idp-1");
    let host = idp.host("");
    for token in ["opaque-token", "a.b", "a.b.c", "a.b.c.d", "....."] {
        assert_refused(&ask(&host, ECHO, token), token);
    }
    assert_eq!(idp.server.paths(), Vec::<String>::new());
}
