//! Tokens against keys, at moments that the tests choose. What the network adds is tested from outside.

use super::{Principal, Refused, backstage::Backstage, crypto, token::Token};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{DecodingKey, jwk::Jwk};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        crypto::install();
        let random = SystemRandom::new();
        let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(how, pair.as_ref(), &random).unwrap())
    }

    fn key(&self) -> DecodingKey {
        DecodingKey::from_ec_der(self.0.public_key().as_ref())
    }

    fn sign(&self, header: &Value, claims: &str) -> String {
        let text = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims)
        );
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", BASE64.encode(signature.as_ref()))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": "1" }), &claims.to_string())
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn why<T>(result: Result<T, Refused>) -> String {
    match result {
        Ok(_) => "good".into(),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn a_signature_is_of_this_key_over_these_bytes() {
    let (ours, theirs) = (Issuer::new(), Issuer::new());
    let text = ours.token(&json!({ "sub": "a" }));
    let token = Token::parse(&text).unwrap();
    assert_eq!(token.verify(&ours.key()).unwrap().sub.as_deref(), Some("a"));
    assert_eq!(
        why(token.verify(&theirs.key())),
        "its signature is not good"
    );
    let parts: Vec<_> = text.split('.').collect();
    let forged = BASE64.encode(json!({ "sub": "root" }).to_string());
    for bad in [
        format!("{}.{forged}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], &parts[2][..80]),
        format!("{text}="),
        format!("{text}AAAA"),
    ] {
        let refused = Token::parse(&bad).and_then(|token| token.verify(&ours.key()));
        assert_eq!(why(refused), "its signature is not good", "{bad}");
    }
}

#[test]
fn no_header_makes_a_token_good() {
    let ours = Issuer::new();
    let claims = json!({ "sub": "a" }).to_string();
    // None at all, and the published key as a shared secret.
    for (header, message) in [
        (
            json!({ "alg": "none" }),
            "it is no token that is known here",
        ),
        (
            json!({ "alg": "NONE" }),
            "it is no token that is known here",
        ),
        (json!({}), "it is no token that is known here"),
        (json!({ "alg": "HS256" }), "its algorithm is not the key's"),
        (json!({ "alg": "ES384" }), "its signature is not good"),
        (json!({ "alg": "RS256" }), "its algorithm is not the key's"),
        (json!({ "alg": "EdDSA" }), "its algorithm is not the key's"),
        (
            json!({ "alg": "ES256", "crit": ["exp"] }),
            "its header asks for what is not known here",
        ),
    ] {
        let text = ours.sign(&header, &claims);
        let refused = Token::parse(&text).and_then(|token| token.verify(&ours.key()));
        assert_eq!(why(refused), message, "{header}");
    }
    for text in ["", "a", "a.b", "a.b.c", "..", "a.b.c.d", "\u{e4}.b.c"] {
        assert!(Token::parse(text).is_err(), "{text}");
    }
}

#[test]
fn claims_have_their_form_and_no_claim_comes_twice() {
    let ours = Issuer::new();
    let header = json!({ "alg": "ES256" });
    for claims in [
        "[]",
        "\"a\"",
        "",
        "{",
        r#"{"sub":1}"#,
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"exp":"soon"}"#,
        r#"{"ent":"a"}"#,
    ] {
        let text = ours.sign(&header, claims);
        let refused = Token::parse(&text).unwrap().verify(&ours.key());
        assert_eq!(
            why(refused),
            "its claims are not of the form that a token's have",
            "{claims}"
        );
    }
}

#[test]
fn times_hold_within_thirty_seconds() {
    let ours = Issuer::new();
    let judged = |claims: Value, now: u64| {
        let text = ours.token(&claims);
        let claims = Token::parse(&text).unwrap().verify(&ours.key()).unwrap();
        why(claims.until(at(now)))
    };
    for (claims, now, expected) in [
        (json!({}), 1000, "good"),
        (json!({ "exp": 1000 }), 1029, "good"),
        (json!({ "exp": 1000 }), 1030, "it has expired"),
        (json!({ "exp": 1000.5 }), 1030, "good"),
        (json!({ "exp": -1 }), 1000, "a time in it is none"),
        (json!({ "exp": 1e300 }), 1000, "a time in it is none"),
        (json!({ "exp": 1e18 }), 1000, "good"),
        (json!({ "nbf": 1030 }), 1000, "good"),
        (json!({ "nbf": 1031 }), 1000, "it is not good yet"),
        (json!({ "iat": 1030 }), 1000, "good"),
        (
            json!({ "iat": 1031, "exp": 5000 }),
            1000,
            "it is not good yet",
        ),
    ] {
        assert_eq!(judged(claims.clone(), now), expected, "{claims} at {now}");
    }
    let text = ours.token(&json!({ "exp": 1000 }));
    let claims = Token::parse(&text).unwrap().verify(&ours.key()).unwrap();
    assert!(claims.bounded(at(900)).is_err(), "it has no iat");
}

#[test]
fn claims_are_compared_as_backstage_does() {
    let ours = Issuer::new();
    let text = ours.token(&json!({
        "sub": "a", "iss": "me", "aud": ["x", "y"], "scope": "read write", "level": 3, "teams": ["t1", "t2"],
        "on": true, "map": {},
    }));
    let claims = Token::parse(&text).unwrap().verify(&ours.key()).unwrap();
    assert!(claims.is_from("me") && !claims.is_from("m"));
    assert!(claims.is_for("y") && !claims.is_for("x y") && !claims.is_for("z"));
    for (name, value, expected) in [
        ("sub", "a", true),
        ("aud", "x", true),
        ("iss", "you", false),
        ("scope", "write", true),
        ("scope", "read write", true),
        ("scope", "wri", false),
        ("level", "3", true),
        ("teams", "t2", true),
        ("teams", "t3", false),
        ("on", "true", true),
        ("map", "{}", false),
        ("none", "", false),
    ] {
        assert_eq!(
            claims.has(name, &[value.into()]),
            expected,
            "{name} {value}"
        );
    }
}

/// What a real Backstage issued: `cargo xtask backstage-check --record` wrote it down.
const RECORDED: &str = include_str!("../../../tests/data/backstage-tokens.json");

fn recorded_keys(recorded: &Value, path: &str) -> Vec<Jwk> {
    serde_json::from_value(recorded["keys"][path]["keys"].clone()).unwrap()
}

#[tokio::test]
async fn a_real_backstages_tokens_are_good_when_they_are_issued_and_no_forgery_is() {
    crypto::install();
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let users = recorded_keys(&recorded, "/api/auth/.well-known/jwks.json");
    let caller = recorded_keys(&recorded, "/api/caller/.backstage/auth/v1/jwks.json");
    let backstage = Backstage::holding(&users, &[("caller", &caller)]);
    let here = recorded["target"].as_str().unwrap().parse().unwrap();
    let then = recorded["recordedAt"].as_u64().unwrap();
    let judge = async |text: &str, now: u64| {
        let token = Token::parse(text)?;
        backstage.principal(&token, &here, at(now)).await
    };
    let mut good = 0;
    for token in recorded["tokens"].as_array().unwrap() {
        let (text, kind) = (token["token"].as_str().unwrap(), &token["kind"]);
        let found = judge(text, then).await;
        let Some(name) = token["principal"].as_str() else {
            assert!(found.is_err(), "{kind}: {found:?}");
            continue;
        };
        let found = found.unwrap().unwrap();
        assert_eq!(found.name(), name, "{kind}");
        assert_eq!(found.actor(), token["actor"].as_str(), "{kind}");
        assert_eq!(found.is_limited(), kind == "limited user");
        let later = then + 3600 + 60;
        assert_eq!(why(judge(text, later).await), "it has expired", "{kind}");
        good += 1;
    }
    assert_eq!(good, 4);
    let forged = recorded["refused"].as_array().unwrap();
    assert!(forged.len() > 100, "{}", forged.len());
    for token in forged {
        let text = token["token"].as_str().unwrap();
        let found = judge(text, then).await;
        let known = found.as_ref().ok().and_then(Option::as_ref);
        // A limited token is one of these: as a bearer it opens nothing that wants a whole one.
        let opens = known.is_some_and(|caller: &Principal| !caller.is_limited());
        assert!(!opens, "{} {}: {found:?}", token["of"], token["form"]);
    }
}
