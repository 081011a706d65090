//! Endpoints that answer what is no key set: tokens of theirs are refused, and the host is as before.

use super::*;
use greenroom_tests::sign_hs256;

/// One host that believes as many issuers, each with an endpoint that answers one of these: its tokens are 503, and good
/// once it answers well.
fn each_is_an_outage(answers: Vec<Answer>) {
    let (server, key) = (KeyServer::start(), SigningKey::new("idp-1"));
    let path = |n: usize| format!("/keys/{n}");
    let entries: Vec<_> = (0..answers.len())
        .map(|n| {
            let url = server.url(&path(n));
            format!("{{type: jwks, options: {{url: '{url}', issuer: idp-{n}}}}}")
        })
        .collect();
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let host = host("none", &external_access(&entries));
    let token = |n: usize| {
        let claims =
            json!({"iss": format!("idp-{n}"), "sub": "job", "iat": now(), "exp": now() + 600});
        key.sign(&key.header("JWT"), &claims)
    };
    let count = answers.len();
    for (n, answer) in answers.into_iter().enumerate() {
        let what = format!("{answer:?}");
        server.answer(&path(n), answer);
        let answer = ask(&host, ECHO, &token(n));
        assert_eq!(answer.status, 503, "{what}: {}", answer.text());
        host_error(&answer, 503, "ServiceUnavailableError");
        assert_eq!(server.asked(&path(n)), 1, "{what}");
        host.wait_for_log(&["WARN", &server.url(&path(n))]);
        server.answer(&path(n), Answer::Keys(vec![key.jwk()]));
    }
    for n in 0..count {
        host.wait_until("it is up", |host| ask(host, ECHO, &token(n)).status == 200);
    }
}

#[test]
fn answers_that_are_no_key_set() {
    let bodies = [
        "",
        "null",
        "[]",
        "7",
        "\"keys\"",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":7}",
        "<html></html>",
        "{\"keys\":[",
    ];
    each_is_an_outage(bodies.map(|body| Answer::Body(body.into())).to_vec());
}

#[test]
fn other_statuses() {
    let statuses = [201, 301, 400, 401, 403, 410, 418, 429, 500, 502, 503];
    each_is_an_outage(statuses.map(Answer::Status).to_vec());
}

/// What the first token gets while the endpoint answers this.
fn first(answer: Answer) -> (Backstage, Host, Response) {
    let backstage = Backstage::start();
    backstage.server.answer(USER_KEYS, answer);
    let host = host("none", &backstage.config());
    let answer = ask(&host, ECHO, &backstage.user());
    (backstage, host, answer)
}

/// And once it answers well.
fn recovers(backstage: &Backstage, host: &Host) {
    let keys = vec![backstage.users.jwk()];
    backstage.server.answer(USER_KEYS, Answer::Keys(keys));
    let token = backstage.user();
    host.wait_until("it is up", |host| ask(host, ECHO, &token).status == 200);
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = KeyServer::start();
    let (backstage, host, answer) = first(Answer::Redirect(elsewhere.url("/keys")));
    elsewhere.answer("/keys", Answer::Keys(vec![backstage.users.jwk()]));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(elsewhere.paths(), Vec::<String>::new());
    // Neither on the same host.
    let same = backstage.server.url(CATALOG_KEYS);
    backstage.server.answer(USER_KEYS, Answer::Redirect(same));
    let token = backstage.user();
    host.wait_until("it asks again", |host| {
        assert_eq!(ask(host, ECHO, &token).status, 503);
        backstage.server.asked(USER_KEYS) > 1
    });
    assert_eq!(backstage.server.asked(CATALOG_KEYS), 0);
    recovers(&backstage, &host);
}

#[test]
fn answers_that_are_too_large() {
    let large = || {
        // A good set, but for its size.
        let backstage = SigningKey::new("users-1");
        let padding = "x".repeat(1 << 20);
        json!({"keys": [backstage.jwk()], "padding": padding}).to_string()
    };
    for answer in [Answer::Body(large().into()), Answer::Endless] {
        let (backstage, host, answer) = first(answer);
        assert_eq!(answer.status, 503, "{}", answer.text());
        recovers(&backstage, &host);
        assert!(host.peak_kib() < 512 << 10, "{} KiB", host.peak_kib());
    }
}

#[test]
fn answers_that_never_end() {
    let (backstage, host, answer) = first(Answer::Drip);
    assert_eq!(answer.status, 503, "{}", answer.text());
    recovers(&backstage, &host);
}

/// Keys that are of no use are left out; the good ones beside them are taken.
#[test]
fn sets_that_are_good_in_part() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let mut odd = vec![
        json!(null),
        json!(7),
        json!("key"),
        json!([]),
        json!({}),
        json!({"kty": "EC"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "short", "alg": "ES256"}),
        json!({"kty": "EC", "crv": "P-256", "x": "?", "y": "?", "kid": "none", "alg": "ES256"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "curve"}),
        json!({"kty": "RSA", "n": "", "e": "", "kid": "rsa"}),
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"}),
        json!({"kty": "new", "kid": "new"}),
        json!({"kty": "EC", "kid": 7}),
    ];
    odd.push(backstage.users.jwk());
    backstage.server.answer(USER_KEYS, Answer::Keys(odd));
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    for kid in ["short", "none", "curve", "rsa", "secret", "new"] {
        let key = SigningKey::new(kid);
        let claims = backstage.user_claims(now() + 3600, |_| {});
        let token = key.sign(&key.header("vnd.backstage.user"), &claims);
        assert_refused(&ask(&host, ECHO, &token), kid);
    }
    let header = json!({"typ": "vnd.backstage.user", "alg": "HS256", "kid": "secret"});
    let claims = backstage.user_claims(now() + 3600, |_| {}).to_string();
    let token = sign_hs256(b"secret", &header, claims.as_bytes());
    assert_refused(&ask(&host, ECHO, &token), "by the secret in the set");
}

/// A set without keys is one: its issuer has nothing that could have signed.
#[test]
fn an_empty_set_refuses() {
    let (backstage, host, answer) = first(Answer::Keys(Vec::new()));
    assert_refused(&answer, "no keys");
    recovers(&backstage, &host);
}
