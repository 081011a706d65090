//! What a 401 says, what it does not, and who needs no credential.

use super::*;

fn closed() -> (Backstage, Host) {
    let backstage = Backstage::start();
    let cors = "  cors: {origin: 'http://localhost:3000', credentials: true}\n";
    let config = backstage.config_with(&[STATIC]) + cors;
    let host = host("none", &config);
    (backstage, host)
}

#[test]
fn the_body_is_backstages() {
    let (_backstage, host) = closed();
    for (method, target) in [
        ("GET", "/api/one/echo"),
        ("GET", "/api/one"),
        ("GET", "/api/one/?x=%2F&y"),
        ("POST", "/api/one/echo"),
        ("DELETE", "/api/two/nothing"),
        ("OPTIONS", "/api/one/echo"),
        ("BREW", "/api/one/"),
    ] {
        let asked = json!({"method": method, "url": target});
        let missing = host.request(method, target).send();
        assert_missing(&missing);
        assert_eq!(missing.json()["request"], asked);
        let bad = host
            .request(method, target)
            .header("authorization", "Bearer nonsense")
            .send();
        assert_refused(&bad, target);
        assert_eq!(bad.json()["request"], asked);
    }
    assert_eq!(
        host.plugin("one")["requests"],
        json!(0),
        "the plugin was not asked"
    );
}

#[test]
fn head_says_it_without_a_body() {
    let (backstage, host) = closed();
    for (token, status) in [
        ("", 401),
        ("nonsense", 401),
        (backstage.user().as_str(), 200),
    ] {
        let request = host.request("HEAD", ECHO);
        let answer = match token {
            "" => request.send(),
            _ => request
                .header("authorization", format!("Bearer {token}"))
                .send(),
        };
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{token}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
}

/// A browser asks before it sends a token; the answer to the real request can be read by its page.
#[test]
fn a_preflight_needs_none() {
    let (backstage, host) = closed();
    let preflight = host
        .request("OPTIONS", ECHO)
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization")
        .send();
    assert_eq!(preflight.status, 204);
    let allowed = preflight.header("access-control-allow-headers");
    assert_eq!(allowed.as_deref(), Some("authorization"));
    assert_eq!(preflight.header("www-authenticate"), None);
    let from_page = |token: &str| {
        host.request("GET", ECHO)
            .header("origin", "http://localhost:3000")
            .header("authorization", format!("Bearer {token}"))
            .send()
    };
    let good = from_page(&backstage.user());
    assert_eq!(principal(&good), JANE);
    let bad = from_page("nonsense");
    assert_refused(&bad, "from a page");
    for answer in [good, bad] {
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin.as_deref(), Some("http://localhost:3000"));
    }
}

#[test]
fn health_and_unknown_places_ask_nobody() {
    let (backstage, host) = closed();
    let expired = backstage.user_who(|claims| claims["exp"] = json!(now() - 100));
    for token in ["nonsense", "static-token", &expired, &backstage.user()] {
        for (target, status) in [
            ("/.backstage/health/v1/liveness", 200),
            ("/.backstage/health/v1/readiness", 200),
            ("/api/none/x", 404),
            ("/", 404),
        ] {
            assert_eq!(ask(&host, target, token).status, status, "{target}");
        }
    }
    assert_eq!(backstage.server.paths(), Vec::<String>::new());
}

/// The host's own question to a new build is no client's.
#[test]
fn a_probe_needs_none() {
    let backstage = Backstage::start();
    let url = backstage.server.url("");
    let config = format!(
        "backend: {{auth: {{backstage: {{url: '{url}'}}}}}}\nplugins: {{one: {{probe: /ready}}}}"
    );
    let host = host("none", &config);
    assert_eq!(host.plugin("one")["state"], json!("live"));
    assert_missing(&host.get("/api/one/ready"));
    let failing = chameleon("policies=none;ready=fail;answer=two;");
    assert!(host.deploy("one", &failing).is_err());
    let better = chameleon("policies=none;answer=three;");
    host.deploy("one", &better).unwrap();
    assert_eq!(
        ask(&host, "/api/one/version", &backstage.user()).text(),
        "three"
    );
}

/// Why is in the log, with the request and where it came from.
#[test]
fn the_reason_is_in_the_log() {
    let (backstage, host) = closed();
    let forged = SigningKey::new("users-1");
    let claims = backstage.user_claims(now() + 600, |_| {});
    for (id, token) in [
        (
            "is-expired",
            backstage.user_who(|claims| claims["exp"] = json!(now() - 100)),
        ),
        (
            "is-forged",
            forged.sign(&forged.header("vnd.backstage.user"), &claims),
        ),
        ("is-for-two", backstage.plugin("two")),
        ("is-nonsense", "nonsense-of-mine".to_owned()),
    ] {
        let answer = host
            .request("GET", ECHO)
            .header("x-request-id", id)
            .header("authorization", format!("Bearer {token}"))
            .send();
        assert_refused(&answer, id);
        let line = host.wait_for_log(&["\"INFO\"", &format!("\"{id}\""), "127.0.0.1"]);
        assert!(parts(&token).all(|part| !line.contains(part)), "{line}");
        assert!(!line.contains("nonsense-of-mine"), "{line}");
    }
    let expired = host.wait_for_log(&["\"is-expired\"", "127.0.0.1"]);
    assert!(expired.contains("expired"), "{expired}");
}

/// The path that a policy opens is the one that was asked for, whoever asks.
#[test]
fn no_path_talks_its_way_past() {
    let backstage = Backstage::start();
    let host = host("/version", &backstage.config());
    for target in [
        "/api/one/version/../echo",
        "/api/one//version/echo",
        "/api/one/%76ersion",
        "/api/one/echo?/version",
        "/api/one/echo;/version",
        "/api/one/versions",
        "/api/one/.backstage/auth/v1/cookie/../../../../version",
    ] {
        let status = ask(&host, target, "nonsense").status;
        // What lies below the open path is the plugin's to refuse.
        assert!(
            status == 401 || (status == 404 && target.starts_with("/api/one/version/")),
            "{target}: {status}"
        );
    }
}
