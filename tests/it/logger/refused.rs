//! Audit events of who was refused: bounded, and without what they sent.

use super::audit::{event, events, file};
use greenroom_tests::{Host, Setup, chameleon};
use serde_json::Value;

const TOKEN: &str = "a-token-that-nobody-has";
/// Events of one client in a minute; the next one says that there are more.
const TOLD: usize = 100;

fn closed(more: &str) -> Host {
    let token = "{token: one-that-is-good, subject: ci}";
    Setup::new()
        .plugin("a", &chameleon("policies=none;"))
        .config(&format!(
            "backend:\n  auditor: {{file: ./audit.log}}\n  auth: {{externalAccess: [{{type: static, options: {token}}}]}}\n{more}"
        ))
        .start()
}

fn of(host: &Host, id: &str) -> Vec<Value> {
    let all = events(&file(host)).into_iter();
    all.filter(|event| event["eventId"] == id).collect()
}

#[test]
fn a_refused_login_is_told_with_where_it_came_from() {
    let host = closed("");
    let login = || {
        let request = host.request("GET", "/api/a/version?key=secret");
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        request.header("user-agent", "curl/8").send().status
    };
    assert_eq!(login(), 401);
    let told = event(&host, "the refusal", |event| {
        event["eventId"] == "login-refused"
    });
    assert_eq!(told["plugin"], "a", "{told}");
    assert_eq!(told["status"], "failed", "{told}");
    assert_eq!(told["severityLevel"], "medium", "{told}");
    assert_eq!(told["actor"]["actorId"], "none", "{told}");
    assert_eq!(told["actor"]["ip"], "127.0.0.1", "{told}");
    assert_eq!(told["actor"]["userAgent"], "curl/8", "{told}");
    assert_eq!(told["request"]["method"], "GET", "{told}");
    assert_eq!(told["request"]["url"], "/api/a/version", "{told}");
    assert_eq!(told["error"], "it is no token that is known here", "{told}");
    // Without a credential nobody tried anything.
    assert_eq!(host.get("/api/a/version").status, 401);

    for _ in 0..TOLD + 20 {
        assert_eq!(login(), 401);
    }
    host.wait_until("the last that is told is there", |host| {
        of(host, "login-refused")
            .iter()
            .any(|event| event["meta"]["more"].is_string())
    });
    // A deploy comes after all of them.
    host.deploy("a", &chameleon("version=2.0.0;policies=none;"))
        .unwrap();
    event(&host, "the deploy", |event| {
        event["meta"]["version"] == "2.0.0"
    });
    let refused = of(&host, "login-refused");
    assert_eq!(refused.len(), TOLD + 1);
    let text = std::fs::read_to_string(file(&host)).unwrap();
    assert!(!text.contains(TOKEN) && !text.contains("key=secret"));
    assert!(!host.log().contains(TOKEN));
}

#[test]
fn a_client_that_sends_too_much_is_told_once_a_window() {
    let host = closed("  rateLimit: {window: 10m, incomingRequestLimit: 3, ipAllowList: []}\n");
    let mut answers: Vec<u16> = Vec::new();
    for _ in 0..10 {
        answers.push(host.get("/api/a/version").status);
    }
    assert_eq!(answers[..3], [401; 3]);
    assert_eq!(answers[3..], [429; 7]);
    let told = event(&host, "the client", |event| {
        event["eventId"] == "rate-limited"
    });
    assert_eq!(told["status"], "failed", "{told}");
    assert_eq!(told["actor"]["ip"], "127.0.0.1", "{told}");
    assert_eq!(told["meta"]["limit"], "global", "{told}");
    host.deploy("a", &chameleon("version=2.0.0;policies=none;"))
        .unwrap();
    event(&host, "the deploy", |event| {
        event["meta"]["version"] == "2.0.0"
    });
    assert_eq!(of(&host, "rate-limited").len(), 1);
}
