//! `externalAccess` of type `static`.

use super::*;

const ONE: &str = "static-token-one";
const TWO: &str = "Static.Token~two+/=";

fn with_two_tokens(policies: &str) -> Host {
    let entries = [
        format!("{{type: static, options: {{token: {ONE}, subject: ci}}}}"),
        format!("{{type: static, options: {{token: '{TWO}', subject: 'external:night-shift'}}}}"),
    ];
    host(policies, &external_access(&[&entries[0], &entries[1]]))
}

#[test]
fn a_static_token_is_its_subject() {
    let host = with_two_tokens("none");
    for (token, subject) in [(ONE, "service:ci"), (TWO, "service:external:night-shift")] {
        for target in [ECHO, "/api/two/echo"] {
            assert_eq!(principal(&ask(&host, target, token)), subject);
        }
    }
}

#[test]
fn the_whole_token_counts_and_nothing_else_does() {
    let host = with_two_tokens("none");
    let forms = [
        ONE[..ONE.len() - 1].to_owned(),
        ONE[1..].to_owned(),
        ONE[..8].to_owned(),
        format!("{ONE}x"),
        format!("x{ONE}"),
        format!("{ONE}{ONE}"),
        format!("{ONE}{TWO}"),
        format!("{ONE},{TWO}"),
        format!("{ONE},"),
        format!("\"{ONE}\""),
        format!("'{ONE}'"),
        format!("{ONE}%20"),
        ONE.replace('-', "%2D"),
        ONE.to_uppercase(),
        TWO.to_lowercase(),
        TWO.trim_end_matches('=').to_owned(),
        base64url(ONE),
        "ci".to_owned(),
        "*".to_owned(),
        "null".to_owned(),
        "undefined".to_owned(),
        "a".repeat(ONE.len()),
        "x".repeat(8000),
    ];
    for form in &forms {
        assert_refused(&ask(&host, ECHO, form), form);
    }
    assert_eq!(principal(&ask(&host, ECHO, ONE)), "service:ci");
}

#[test]
fn the_scheme_may_be_written_in_any_case() {
    let host = with_two_tokens("none");
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer    "] {
        let answer = host
            .request("GET", ECHO)
            .header("authorization", format!("{scheme}{ONE}"))
            .send();
        assert_eq!(principal(&answer), "service:ci", "{scheme:?}");
    }
}

#[test]
fn what_is_not_one_bearer_token_is_no_credential() {
    let host = with_two_tokens("none");
    for value in [
        "".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        ONE.to_owned(),
        format!("Basic {ONE}"),
        format!("Token {ONE}"),
        format!("Bearer{ONE}"),
        format!("Bearer:{ONE}"),
        format!("Bearer={ONE}"),
        format!("Bearer {ONE} {ONE}"),
        format!("Bearer {ONE} x"),
        format!("XBearer {ONE}"),
        format!("Bearer Bearer {ONE}"),
    ] {
        let answer = host
            .request("GET", ECHO)
            .header("authorization", &value)
            .send();
        assert_missing(&answer);
    }
}

#[test]
fn of_two_authorization_headers_neither_counts() {
    let host = with_two_tokens("none");
    let good = format!("Bearer {ONE}");
    for other in [good.as_str(), "Bearer x", "Basic eDp5", ""] {
        for (first, second) in [(good.as_str(), other), (other, good.as_str())] {
            let answer = host
                .request("GET", ECHO)
                .header("authorization", first)
                .header("Authorization", second)
                .send();
            assert_missing(&answer);
        }
    }
}

#[test]
fn a_token_anywhere_else_does_not_count() {
    let host = with_two_tokens("none");
    for target in [
        format!("{ECHO}?access_token={ONE}"),
        format!("{ECHO}?token={ONE}"),
        format!("{ECHO}?authorization=Bearer%20{ONE}"),
    ] {
        assert_missing(&host.get(&target));
    }
    for (name, value) in [
        ("x-authorization", format!("Bearer {ONE}")),
        ("proxy-authorization", format!("Bearer {ONE}")),
        ("authorisation", format!("Bearer {ONE}")),
        ("x-api-key", ONE.to_owned()),
        ("cookie", format!("backstage-auth={ONE}")),
        ("cookie", format!("authorization=Bearer {ONE}")),
        ("x-greenroom-principal", "service:ci".to_owned()),
    ] {
        assert_missing(&host.request("GET", ECHO).header(name, value).send());
    }
}

#[test]
fn every_method_and_body_carries_it() {
    let host = with_two_tokens("none");
    let bearer = format!("Bearer {ONE}");
    let posted = host
        .request("POST", ECHO)
        .header("authorization", &bearer)
        .body("x".repeat(100_000))
        .send();
    assert_eq!(principal(&posted), "service:ci");
    assert_eq!(posted.json()["body"], 100_000);
    let head = host
        .request("HEAD", ECHO)
        .header("authorization", &bearer)
        .send();
    assert_eq!(head.status, 200);
    let options = host
        .request("OPTIONS", ECHO)
        .header("authorization", &bearer)
        .send();
    assert_eq!(
        options.header("allow").as_deref(),
        Some("GET, HEAD, POST, OPTIONS"),
        "the plugin's own answer"
    );
}

#[test]
fn a_long_token_works_as_well() {
    let long = "t".repeat(4096);
    let entry = format!("{{type: static, options: {{token: {long}, subject: long}}}}");
    let host = host("none", &external_access(&[&entry]));
    assert_eq!(principal(&ask(&host, ECHO, &long)), "service:long");
    assert_refused(&ask(&host, ECHO, &long[1..]), "one letter less");
}
