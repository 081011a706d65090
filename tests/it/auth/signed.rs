//! Tokens of users that the right key signed, and that say what is not to be believed.

use super::*;

/// Each change to the claims of a good token makes it one that is refused.
#[track_caller]
fn refuse_claims(host: &Host, backstage: &Backstage, changes: &[(&str, Value)]) {
    for (name, value) in changes {
        let token = backstage.user_who(|claims| claims[*name] = value.clone());
        assert_refused(&ask(host, ECHO, &token), &format!("{name}: {value}"));
    }
    assert_eq!(principal(&ask(host, ECHO, &backstage.user())), JANE);
}

#[test]
fn times_that_are_over_or_still_to_come() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    refuse_claims(
        &host,
        &backstage,
        &[
            ("exp", json!(now() - 35)),
            ("exp", json!(now() - 86_400)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!(1e300)),
            ("exp", json!((now() + 3600).to_string())),
            ("exp", json!([now() + 3600])),
            ("exp", json!(true)),
            ("exp", Value::Null),
            ("iat", json!(now() + 600)),
            ("iat", json!("yesterday")),
            ("iat", Value::Null),
            ("nbf", json!(now() + 600)),
            ("nbf", json!("now")),
        ],
    );
    for name in ["exp", "iat"] {
        let token = backstage.user_who(|claims| drop(claims.as_object_mut().unwrap().remove(name)));
        assert_refused(&ask(&host, ECHO, &token), &format!("no {name}"));
    }
}

#[test]
fn clocks_may_be_half_a_minute_apart() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    for (name, time) in [("exp", -3), ("iat", 27), ("nbf", 27)] {
        let token = backstage.user_who(|claims| claims[name] = json!(now() + time));
        assert_eq!(principal(&ask(&host, ECHO, &token)), JANE, "{name}");
    }
    let fraction = backstage.user_who(|claims| claims["exp"] = json!(3600.5 + now() as f64));
    assert_eq!(principal(&ask(&host, ECHO, &fraction)), JANE);
}

#[test]
fn subjects_that_are_no_user() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let long = format!("user:default/{}", "j".repeat(600));
    let subjects = [
        "",
        " ",
        "jane",
        "user:",
        "user:jane",
        "user:default/",
        "user:/jane",
        "user:default/a/b",
        "group:default/team-a",
        "service:ci",
        "plugin:catalog",
        "none",
        "user:default/jane\r\nx-greenroom-principal: user:default/root",
        "user:default/ja ne",
        "user:default/jane\0",
        "user:default/j\u{e4}ne",
        &long,
    ];
    let subjects: Vec<_> = subjects
        .into_iter()
        .map(|sub| ("sub", json!(sub)))
        .collect();
    refuse_claims(&host, &backstage, &subjects);
    let others = [json!(7), json!(null), json!([JANE]), json!({"name": JANE})];
    refuse_claims(&host, &backstage, &others.map(|sub| ("sub", sub)));
}

#[test]
fn audiences_that_are_not_backstage() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let audiences = [
        json!("one"),
        json!(""),
        json!("Backstage"),
        json!("backstage "),
        json!(["one"]),
        json!([]),
        json!({"aud": "backstage"}),
        Value::Null,
    ];
    refuse_claims(&host, &backstage, &audiences.map(|aud| ("aud", aud)));
}

#[test]
fn an_issuer_that_is_named_is_the_only_one() {
    let backstage = Backstage::start();
    let url = backstage.server.url("");
    let issuer = backstage.issuer();
    let config = format!("backend: {{auth: {{backstage: {{url: '{url}', issuer: '{issuer}'}}}}}}");
    let host = host("none", &config);
    refuse_claims(
        &host,
        &backstage,
        &[
            ("iss", json!("https://elsewhere.example.com/api/auth")),
            ("iss", json!(format!("{issuer}/"))),
            ("iss", json!(url)),
            ("iss", json!("")),
            ("iss", Value::Null),
        ],
    );
    // Backstage's plugins name no issuer.
    assert_eq!(
        principal(&ask(&host, ECHO, &backstage.plugin("one"))),
        "plugin:catalog"
    );
}

#[test]
fn without_an_issuer_in_the_configuration_any_is_good_that_has_the_keys() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    for issuer in ["http://localhost:7007/api/auth", ""] {
        let token = backstage.user_who(|claims| claims["iss"] = issuer.into());
        assert_eq!(principal(&ask(&host, ECHO, &token)), JANE, "{issuer:?}");
    }
}

#[test]
fn claims_that_are_no_claims() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let good = backstage.user_claims(now() + 3600, |_| {}).to_string();
    let inner = good.trim_start_matches('{');
    let nested = format!("{{\"x\":{}{},{inner}", "[".repeat(900), "]".repeat(900));
    let header = backstage.users.header("vnd.backstage.user").to_string();
    for claims in [
        "",
        " ",
        "null",
        "true",
        "7",
        "\"user:default/jane\"",
        "[]",
        "{}",
        "{",
        "{]",
        &format!("[{good}]"),
        &format!("{good}{good}"),
        &format!("{good}x"),
        &good[..good.len() - 1],
        &format!("{{\"sub\":\"user:default/root\",{inner}"),
        &format!("{{\"exp\":{},{inner}", now() + 90_000),
        &format!("{{\"aud\":\"backstage\",{inner}"),
        &nested,
        &good.replace("backstage", "back\u{0}stage"),
    ] {
        let token = backstage.users.sign_texts(&header, claims);
        let shown: String = claims.chars().take(60).collect();
        assert_refused(&ask(&host, ECHO, &token), &shown);
    }
    let invalid = backstage
        .users
        .sign_texts(&header, [good.as_bytes(), &[0xff]].concat());
    assert_refused(&ask(&host, ECHO, &invalid), "no UTF-8");
    let ent = backstage.user_who(|claims| claims["ent"] = "group:default/admins".into());
    assert_refused(&ask(&host, ECHO, &ent), "ent is no list");
}

#[test]
fn headers_that_ask_for_more_or_are_of_another_kind() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let claims = backstage.user_claims(now() + 3600, |_| {});
    let with = |name: &str, value: Value| {
        let mut header = backstage.users.header("vnd.backstage.user");
        header[name] = value;
        backstage.users.sign(&header, &claims)
    };
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("typ", json!("JWT")),
        ("typ", json!("")),
        ("typ", json!("at+jwt")),
        ("typ", json!("VND.BACKSTAGE.USER")),
        ("typ", json!("vnd.backstage.users")),
        ("typ", json!("vnd.backstage.plugin")),
        ("typ", json!("vnd.backstage.limited-user")),
        ("typ", json!(7)),
        ("typ", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES384")),
        ("alg", json!("RS256")),
        ("alg", json!("es256")),
        ("kid", json!("users-2")),
        ("kid", json!("")),
        ("kid", json!(7)),
    ] {
        assert_refused(
            &ask(&host, ECHO, &with(name, value.clone())),
            &format!("{name}: {value}"),
        );
    }
    let header = backstage.users.header("vnd.backstage.user").to_string();
    for (what, twice) in [
        ("alg", format!("{{\"alg\":\"none\",{}", &header[1..])),
        ("kid", format!("{{\"kid\":\"other\",{}", &header[1..])),
        (
            "typ",
            format!("{{\"typ\":\"vnd.backstage.plugin\",{}", &header[1..]),
        ),
    ] {
        let token = backstage.users.sign_texts(&twice, claims.to_string());
        assert_refused(&ask(&host, ECHO, &token), &format!("{what} twice"));
    }
}

/// They name where an attacker's keys lie; the host has its own.
#[test]
fn keys_that_a_header_brings_along_are_left_alone() {
    let backstage = Backstage::start();
    let elsewhere = KeyServer::start();
    let host = host("none", &backstage.config());
    let url = elsewhere.url("/keys");
    let mut header = backstage.users.header("vnd.backstage.user");
    header["jku"] = url.as_str().into();
    header["x5u"] = url.as_str().into();
    header["jwk"] = SigningKey::new("users-1").jwk();
    let claims = backstage.user_claims(now() + 3600, |_| {});
    assert_eq!(
        principal(&ask(&host, ECHO, &backstage.users.sign(&header, &claims))),
        JANE
    );
    assert_eq!(elsewhere.paths(), Vec::<String>::new());
}

#[test]
fn a_limited_token_is_for_cookies_alone() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    assert_refused(&ask(&host, ECHO, &backstage.limited()), "as a bearer token");
    let cookie = format!("backstage-auth={}", backstage.limited());
    let answer = host.request("GET", ECHO).header("cookie", cookie).send();
    assert_missing(&answer);
}

#[test]
fn tokens_have_a_size() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    // Three quarters of a token are its content.
    let of = |bytes: usize| {
        let padding = "p".repeat(bytes * 3 / 4 - 600);
        backstage.user_who(|claims| claims["padding"] = padding.into())
    };
    let fits = of(8000);
    assert!((7000..8192).contains(&fits.len()), "{}", fits.len());
    assert_eq!(principal(&ask(&host, ECHO, &fits)), JANE);
    let large = of(10_000);
    assert!((8193..15_000).contains(&large.len()), "{}", large.len());
    assert_refused(&ask(&host, ECHO, &large), "more than 8 KiB");
    for bytes in [20_000, 33_000] {
        assert_eq!(ask(&host, ECHO, &of(bytes)).status, 431, "{bytes}");
    }
}
