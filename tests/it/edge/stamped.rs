//! The headers that every answer carries, and those that none does.

use super::{host, host_with};
use greenroom_tests::{Host, Response, Setup, chameleon};
use std::collections::BTreeSet;

/// Answers of every sort: of the plugin, of the host, with and without a body.
fn all_sorts(host: &Host) -> Vec<(&'static str, Response)> {
    let sorts = [
        ("GET", "/api/chameleon/version", 200),
        ("HEAD", "/api/chameleon/version", 200),
        ("GET", "/api/chameleon/missing", 404),
        ("PUT", "/api/chameleon/version", 405),
        ("OPTIONS", "/api/chameleon/version", 204),
        ("GET", "/api/chameleon/trap", 502),
        ("GET", "/api/chameleon/answer?n=400000&length=no", 200),
        ("GET", "/api/chameleon/headers", 200),
        ("GET", "/api/none", 404),
        ("GET", "/", 404),
        ("GET", "/.backstage/health/v1/liveness", 200),
        ("POST", "/.backstage/health/v1/liveness", 405),
    ];
    let mut answers = Vec::new();
    for (method, target, status) in sorts {
        let answer = host.request(method, target).send();
        assert_eq!(answer.status, status, "{method} {target}");
        answers.push((target, answer));
    }
    answers.push((
        "304",
        host.request("GET", "/api/chameleon/version")
            .header("if-none-match", "*")
            .send(),
    ));
    answers
}

#[test]
fn every_answer_has_the_security_headers_and_no_signature() {
    let host = host();
    for (target, answer) in all_sorts(&host) {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "SAMEORIGIN"),
        ] {
            assert_eq!(
                answer.header(name).as_deref(),
                Some(value),
                "{name} of {target}"
            );
        }
        let policy = answer
            .header("content-security-policy")
            .unwrap_or_else(|| panic!("no policy on {target}"));
        for part in [
            "default-src 'self'",
            "object-src 'none'",
            "frame-ancestors 'self'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        for name in [
            "server",
            "x-powered-by",
            "strict-transport-security",
            "access-control-allow-origin",
        ] {
            assert_eq!(answer.header(name), None, "{name} of {target}");
        }
        let date = answer
            .header("date")
            .unwrap_or_else(|| panic!("no date on {target}"));
        assert!(date.ends_with(" GMT") && !date.contains("1970"), "{date}");
        assert_eq!(
            answer.headers.get_all("x-request-id").iter().count(),
            1,
            "{target}"
        );
    }
}

#[test]
fn a_plugins_own_policies_stand() {
    let host = host();
    let target = "/api/chameleon/answer?header=content-security-policy:default-src%20'none'&header=referrer-policy:origin&header=x-frame-options:DENY&header=x-content-type-options:sniff&header=strict-transport-security:max-age=1";
    let answer = host.get(target);
    for (name, value) in [
        ("content-security-policy", "default-src 'none'"),
        ("referrer-policy", "origin"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(answer.header("strict-transport-security"), None);
}

#[test]
fn a_sane_request_id_is_taken_and_another_is_made() {
    let host = host();
    let with = |id: &str| {
        host.request("GET", "/api/chameleon/echo")
            .header("x-request-id", id)
            .send()
    };
    let longest = "x".repeat(128);
    for id in [
        "abc",
        "A.b_9-",
        "8e03978e-40d5-43e8-bc93-6894a57f9324",
        longest.as_str(),
    ] {
        let answer = with(id);
        assert_eq!(answer.header("x-request-id").as_deref(), Some(id));
        assert_eq!(
            super::arrived(&answer.json(), "x-request-id").as_deref(),
            Some(id),
            "the plugin sees it too"
        );
    }
    let too_long = "x".repeat(129);
    let mut made = BTreeSet::new();
    for id in [
        "",
        "a b",
        "a\"b",
        "a,b",
        "ä",
        "<b>",
        "../x",
        too_long.as_str(),
    ] {
        let answer = with(id);
        let new = answer.header("x-request-id").expect("an id");
        assert!(new.len() == 36 && new != id, "{id}: {new}");
        assert_eq!(
            super::arrived(&answer.json(), "x-request-id"),
            Some(new.clone())
        );
        assert!(made.insert(new), "an id was given twice");
    }
    let twice = host
        .request("GET", "/api/chameleon/echo")
        .header("x-request-id", "a")
        .header("x-request-id", "b")
        .send();
    assert_eq!(twice.header("x-request-id").map(|id| id.len()), Some(36));
    for (_, answer) in all_sorts(&host) {
        assert!(
            made.insert(answer.header("x-request-id").unwrap()),
            "an id was given twice"
        );
    }
}

#[test]
fn the_request_id_is_in_the_log() {
    let host = host();
    host.request("GET", "/api/chameleon/log?text=hello+there")
        .header("x-request-id", "find-me-1")
        .send();
    host.wait_for_log(&[
        "hello there",
        "\"request\":\"find-me-1\"",
        "\"plugin\":\"chameleon\"",
    ]);
    host.request("GET", "/api/chameleon/panic")
        .header("x-request-id", "find-me-2")
        .send();
    host.wait_for_log(&["the fixture was told to panic", "\"request\":\"find-me-2\""]);
}

#[test]
fn https_is_believed_from_a_trusted_proxy_alone() {
    let target = "/api/chameleon/echo";
    let ask = |host: &Host, name: &str, value: &str| {
        host.request("GET", target).header(name, value).send()
    };
    let https = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-proto", "HTTPS, http"),
        ("forwarded", "for=1.2.3.4;proto=https"),
        ("forwarded", "Proto=\"https\", proto=http"),
    ];
    let http = [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-proto", "http, https"),
        ("forwarded", "proto=http"),
        ("forwarded", "for=https"),
        ("x-forwarded-ssl", "on"),
    ];
    let host = host_with("backend: {trustProxy: 127.0.0.1}");
    for (name, value) in https {
        let hsts = ask(&host, name, value).header("strict-transport-security");
        assert!(
            hsts.is_some_and(|hsts| hsts.starts_with("max-age=")),
            "{name}: {value}"
        );
    }
    for (name, value) in http {
        assert_eq!(
            ask(&host, name, value).header("strict-transport-security"),
            None,
            "{name}: {value}"
        );
    }
    let seen = ask(&host, "x-forwarded-for", "1.2.3.4").json();
    assert_eq!(
        super::arrived(&seen, "x-forwarded-for").as_deref(),
        Some("1.2.3.4"),
        "the plugin sees what a trusted proxy says"
    );
    let prefix = ask(&host, "x-forwarded-prefix", "/forged").json();
    assert_eq!(
        super::arrived(&prefix, "x-forwarded-prefix").as_deref(),
        Some("/api/chameleon"),
        "not even from a proxy"
    );
    // No proxy is trusted, or another one.
    for host in [
        super::host(),
        Setup::new()
            .plugin("chameleon", &chameleon(""))
            .config("backend: {trustProxy: 10.0.0.0/8}")
            .start(),
    ] {
        for (name, value) in https {
            let answer = ask(&host, name, value);
            assert_eq!(
                answer.header("strict-transport-security"),
                None,
                "{name}: {value}"
            );
            assert_eq!(
                super::arrived(&answer.json(), name),
                None,
                "{name} reached the plugin"
            );
        }
        assert_eq!(
            super::arrived(
                &ask(&host, "x-forwarded-for", "1.2.3.4").json(),
                "x-forwarded-for"
            ),
            None
        );
    }
}
