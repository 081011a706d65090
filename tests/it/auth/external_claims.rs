//! What `externalAccess` of type `jwks` wants of a token: issuer, audience, algorithm, subject, times, claims.

use super::{external::Provider, *};

/// Each change makes a token that is refused; without any it is good.
#[track_caller]
fn refuse(host: &Host, idp: &Provider, changes: &[(&str, Value)]) {
    assert_eq!(ask(host, ECHO, &idp.token(|_| {})).status, 200);
    for (name, value) in changes {
        let token = idp.token(|claims| claims[*name] = value.clone());
        assert_refused(&ask(host, ECHO, &token), &format!("{name}: {value}"));
        let token = idp.token(|claims| drop(claims.as_object_mut().unwrap().remove(*name)));
        assert_refused(&ask(host, ECHO, &token), &format!("without {name}"));
    }
}

/// Each change makes a token that is good as well.
#[track_caller]
fn accept(host: &Host, idp: &Provider, changes: &[(&str, Value)]) {
    for (name, value) in changes {
        let token = idp.token(|claims| claims[*name] = value.clone());
        let told = principal(&ask(host, ECHO, &token));
        assert!(
            told.starts_with("service:external:"),
            "{name}: {value}: {told}"
        );
    }
}

#[test]
fn issuer() {
    let idp = Provider::start("idp-1");
    let host = idp.host(", issuer: 'https://idp.example.com/'");
    let wrong = [
        json!("https://idp.example.com"),
        json!("http://idp.example.com/"),
        json!("https://idp.example.com/x"),
        json!("https://IDP.example.com/"),
        json!(""),
        json!(7),
        json!({}),
    ];
    refuse(&host, &idp, &wrong.map(|iss| ("iss", iss)));
    for options in [
        ", issuer: [other, 'https://idp.example.com/']",
        ", issuer: 'other https://idp.example.com/'",
        ", issuer: 'other,https://idp.example.com/'",
    ] {
        let host = idp.host(options);
        accept(
            &host,
            &idp,
            &[
                ("iss", json!("other")),
                ("iss", json!("https://idp.example.com/")),
            ],
        );
        refuse(&host, &idp, &[("iss", json!("another"))]);
    }
}

#[test]
fn audience() {
    let idp = Provider::start("idp-1");
    let host = idp.host(", audience: greenroom");
    let wrong = [
        json!("Greenroom"),
        json!("greenroom "),
        json!("greenroom2"),
        json!("green"),
        json!(["other"]),
        json!([]),
        json!([["greenroom"]]),
        json!("greenroom other"),
        json!({"aud": "greenroom"}),
        json!(true),
    ];
    refuse(&host, &idp, &wrong.map(|aud| ("aud", aud)));
    accept(
        &host,
        &idp,
        &[
            ("aud", json!(["greenroom"])),
            ("aud", json!(["other", "greenroom"])),
        ],
    );
    let host = idp.host(", audience: [greenroom, 'a b']");
    accept(
        &host,
        &idp,
        &[
            ("aud", json!("a")),
            ("aud", json!("b")),
            ("aud", json!(["b", "x"])),
        ],
    );
    refuse(&host, &idp, &[("aud", json!("a b"))]);
}

#[test]
fn issuer_and_audience_are_free_where_nothing_is_said() {
    let idp = Provider::start("idp-1");
    let host = idp.host("");
    let free = [
        ("iss", json!("anybody")),
        ("iss", Value::Null),
        ("aud", json!([])),
        ("aud", Value::Null),
    ];
    accept(&host, &idp, &free);
}

#[test]
fn subject() {
    let idp = Provider::start("idp-1");
    let host = idp.host("");
    let long = "s".repeat(600);
    let wrong = [
        json!(""),
        json!("a b"),
        json!("a\r\nb"),
        json!("a\tb"),
        json!("a\0b"),
        json!("j\u{e4}ne"),
        json!(long),
        json!(7),
        json!(["job"]),
        json!({"name": "job"}),
        json!(false),
        Value::Null,
    ];
    refuse(&host, &idp, &wrong.map(|sub| ("sub", sub)));
}

#[test]
fn times() {
    let idp = Provider::start("idp-1");
    let host = idp.host("");
    for (name, value) in [
        ("exp", json!(now() - 35)),
        ("exp", json!(-1)),
        ("exp", json!("tomorrow")),
        ("exp", json!(1e300)),
        ("nbf", json!(now() + 600)),
        ("nbf", json!("now")),
        ("iat", json!(now() + 600)),
    ] {
        let token = idp.token(|claims| claims[name] = value.clone());
        assert_refused(&ask(&host, ECHO, &token), &format!("{name}: {value}"));
    }
    let near = [
        ("exp", json!(now() - 3)),
        ("nbf", json!(now() + 27)),
        ("iat", json!(now() + 27)),
    ];
    accept(&host, &idp, &near);
}

#[test]
fn algorithm() {
    let idp = Provider::start("idp-1");
    for (options, good) in [
        (", algorithm: ES256", true),
        (", algorithm: [RS256, ES256]", true),
        (", algorithm: 'RS256,ES256'", true),
        (", algorithm: 'RS256 ES256'", true),
        (", algorithm: RS256", false),
        (", algorithm: [ES384, EdDSA]", false),
    ] {
        let host = idp.host(options);
        let answer = ask(&host, ECHO, &idp.token(|_| {}));
        if good {
            assert_eq!(principal(&answer), "service:external:job", "{options}");
        } else {
            assert_refused(&answer, options);
        }
    }
}

#[test]
fn claims() {
    let idp = Provider::start("idp-1");
    let host = idp.host(", claims: {team: [red, blue], level: 3, admin: true}");
    let token = |team: Value, level: Value, admin: Value| {
        idp.token(|claims| {
            claims["team"] = team;
            claims["level"] = level;
            claims["admin"] = admin;
        })
    };
    for (team, level, admin) in [
        (json!("red"), json!(3), json!(true)),
        (json!("blue"), json!("3"), json!("true")),
        (
            json!(["green", "blue"]),
            json!([1, 3]),
            json!([false, true]),
        ),
        (json!("green red"), json!(3), json!(true)),
    ] {
        let answer = ask(&host, ECHO, &token(team, level, admin));
        assert_eq!(principal(&answer), "service:external:job");
    }
    for (team, level, admin) in [
        (json!("green"), json!(3), json!(true)),
        (json!("Red"), json!(3), json!(true)),
        (json!("redblue"), json!(3), json!(true)),
        (json!("red,blue"), json!(3), json!(true)),
        (json!([]), json!(3), json!(true)),
        (json!([["red"]]), json!(3), json!(true)),
        (json!({"red": "red"}), json!(3), json!(true)),
        (Value::Null, json!(3), json!(true)),
        (json!("red"), json!(4), json!(true)),
        (json!("red"), json!(33), json!(true)),
        (json!("red"), Value::Null, json!(true)),
        (json!("red"), json!(3), json!(false)),
        (json!("red"), json!(3), json!(1)),
    ] {
        let what = format!("{team} {level} {admin}");
        assert_refused(&ask(&host, ECHO, &token(team, level, admin)), &what);
    }
    assert_refused(&ask(&host, ECHO, &idp.token(|_| {})), "none of the claims");
}
