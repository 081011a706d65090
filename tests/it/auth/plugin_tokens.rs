//! Tokens of Backstage's plugins. Whoever sends one chooses the name in it, and with it the keys that are asked for.

use super::*;

#[test]
fn for_another_plugin() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let (one, two) = (backstage.plugin("one"), backstage.plugin("two"));
    assert_eq!(principal(&ask(&host, ECHO, &one)), "plugin:catalog");
    assert_refused(&ask(&host, ECHO, &two), "for two, at one");
    assert_refused(&ask(&host, "/api/two/echo", &one), "for one, at two");
    assert_eq!(
        principal(&ask(&host, "/api/two/echo", &two)),
        "plugin:catalog"
    );
    for aud in [
        json!(""),
        json!("one "),
        json!("ONE"),
        json!("o"),
        json!("onetwo"),
        json!(["two"]),
        json!([]),
        json!("backstage"),
        json!("*"),
        json!({"one": "one"}),
        json!(1),
        Value::Null,
    ] {
        let token = backstage.plugin_which("one", |claims| claims["aud"] = aud.clone());
        assert_refused(&ask(&host, ECHO, &token), &aud.to_string());
    }
}

#[test]
fn times() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    for (name, value) in [
        ("exp", json!(now() - 35)),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("iat", json!(now() + 600)),
        ("iat", Value::Null),
        ("nbf", json!(now() + 600)),
    ] {
        let token = backstage.plugin_which("one", |claims| claims[name] = value.clone());
        assert_refused(&ask(&host, ECHO, &token), &format!("{name}: {value}"));
    }
    let late = backstage.plugin_which("one", |claims| claims["exp"] = json!(now() - 3));
    assert_eq!(principal(&ask(&host, ECHO, &late)), "plugin:catalog");
}

#[test]
fn names_that_lead_elsewhere() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    // What the name would reach, were it put into a URL as it is.
    let keys = Answer::Keys(vec![backstage.catalog.jwk()]);
    for path in [
        "/evil",
        "/api/evil/.backstage/auth/v1/jwks.json",
        "/.backstage/auth/v1/jwks.json",
    ] {
        backstage.server.answer(path, keys.clone());
    }
    let long = "c".repeat(3000);
    for sub in [
        "../auth/.well-known/jwks.json?",
        "../../evil?",
        "../../evil#",
        "..",
        ".",
        "",
        "/",
        "\\",
        "a/b",
        "catalog/",
        "catalog/../catalog",
        "catalog/../../evil",
        "catalog%2f..%2fcatalog",
        "%2e%2e",
        "catalog?x=1",
        "catalog#",
        "catalog\r\nx: y",
        "catalog\0",
        " catalog",
        "catalog ",
        "c\u{e4}t",
        "@127.0.0.1:9/",
        "catalog@evil",
        "http://evil/",
        &long,
    ] {
        let token = backstage.plugin_which("one", |claims| claims["sub"] = sub.into());
        let shown: String = sub.chars().take(40).collect();
        assert_refused(&ask(&host, ECHO, &token), &shown);
    }
    for sub in [
        json!(7),
        json!(["catalog"]),
        json!({"id": "catalog"}),
        Value::Null,
    ] {
        let token = backstage.plugin_which("one", |claims| claims["sub"] = sub.clone());
        assert_refused(&ask(&host, ECHO, &token), &sub.to_string());
    }
    assert_eq!(
        backstage.server.paths(),
        Vec::<String>::new(),
        "nobody was asked"
    );
}

/// The key of one plugin makes no other of it.
#[test]
fn of_another_plugin() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let scaffolder = SigningKey::new("scaffolder-1");
    let theirs = "/api/scaffolder/.backstage/auth/v1/jwks.json";
    backstage
        .server
        .answer(theirs, Answer::Keys(vec![scaffolder.jwk()]));
    let token = backstage.plugin_which("one", |claims| claims["sub"] = "scaffolder".into());
    assert_refused(&ask(&host, ECHO, &token), "by catalog's key");
    let claims = json!({"sub": "scaffolder", "aud": "one", "iat": now(), "exp": now() + 600});
    let own = scaffolder.sign(&scaffolder.header("vnd.backstage.plugin"), &claims);
    assert_eq!(principal(&ask(&host, ECHO, &own)), "plugin:scaffolder");
    let mut header = scaffolder.header("vnd.backstage.plugin");
    header["kid"] = backstage.catalog.kid().into();
    assert_refused(
        &ask(&host, ECHO, &scaffolder.sign(&header, &claims)),
        "catalog's kid",
    );
}

/// Backstage answers 404 for a plugin that it does not have. That is no outage.
#[test]
fn of_a_plugin_that_is_not_there() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let nobody = SigningKey::new("nobody-1");
    for (n, id) in ["nobody", "no-body", "no_body", "x"]
        .into_iter()
        .enumerate()
    {
        let claims = json!({"sub": id, "aud": "one", "iat": now(), "exp": now() + 600, "n": n});
        let token = nobody.sign(&nobody.header("vnd.backstage.plugin"), &claims);
        assert_refused(&ask(&host, ECHO, &token), id);
        let asked = format!("/api/{id}/.backstage/auth/v1/jwks.json");
        assert_eq!(backstage.server.asked(&asked), 1, "{id}");
    }
}

/// Names are free to make up; questions to Backstage are not.
#[test]
fn made_up_names_are_a_bounded_number_of_questions() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    assert_eq!(ask(&host, ECHO, &backstage.plugin("one")).status, 200);
    assert_eq!(ask(&host, ECHO, &backstage.user()).status, 200);
    let start = std::time::Instant::now();
    let nobody = SigningKey::new("nobody-1");
    let header = nobody.header("vnd.backstage.plugin");
    let send = |id: &str| {
        let claims = json!({"sub": id, "aud": "one", "iat": now(), "exp": now() + 600});
        let status = ask(&host, ECHO, &nobody.sign(&header, &claims)).status;
        assert!([401, 503].contains(&status), "{status}");
    };
    for n in 0..400 {
        send(&format!("made-up-{n}"));
    }
    for _ in 0..50 {
        send("made-up-0");
    }
    // The host's minutes began when they did, so one more may have begun.
    let minutes = usize::try_from(start.elapsed().as_secs() / 60).unwrap() + 2;
    let asked = backstage.server.paths().len();
    assert!(
        // Those of users and of the plugin that is known come on top.
        asked <= 60 * minutes + 2,
        "{asked} questions in {minutes} minutes"
    );
    // Those who were known are known on.
    let later = backstage.plugin_which("one", |claims| claims["exp"] = json!(now() + 1800));
    assert_eq!(principal(&ask(&host, ECHO, &later)), "plugin:catalog");
    let later = backstage.user_who(|claims| claims["exp"] = json!(now() + 1800));
    assert_eq!(principal(&ask(&host, ECHO, &later)), JANE);
}
