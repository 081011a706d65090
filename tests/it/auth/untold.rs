//! Nothing of a token is told: not to the log at its most talkative, not to plugins, not in answers.

use super::{external::Provider, *};

const SECRET: &str = "a-static-token-that-nobody-may-see";
/// A part of everything here that no log and no answer may have.
const UNSEEN: &str = "that-nobody-may-see";

/// Tokens of all kinds, good and bad, whose claims are as secret as they are.
fn tokens(backstage: &Backstage, idp: &Provider) -> Vec<String> {
    let unseen = |name: &str| json!(format!("{name}-{UNSEEN}"));
    let limited = backstage.limited();
    let claims = backstage.user_claims(now() + 600, |_| {});
    let (unknown, forged) = (
        SigningKey::new(&format!("a-kid-{UNSEEN}")),
        SigningKey::new("users-1"),
    );
    let as_user = |key: &SigningKey| key.sign(&key.header("vnd.backstage.user"), &claims);
    vec![
        backstage.user_who(|claims| claims["jti"] = unseen("an-id")),
        backstage.user_who(|claims| claims["exp"] = json!(now() - 100)),
        backstage.user_who(|claims| claims["sub"] = unseen("a-subject")),
        backstage.user_who(|claims| claims["exp"] = unseen("a-time")),
        backstage.user_who(|claims| claims["aud"] = unseen("an-audience")),
        as_user(&unknown),
        as_user(&forged),
        backstage.plugin("closed"),
        backstage.plugin("elsewhere"),
        backstage.plugin_which("closed", |claims| claims["sub"] = unseen("../a-plugin")),
        backstage.plugin_which("closed", |claims| claims["obo"] = unseen("a-user")),
        backstage.plugin_which("closed", |claims| claims["obo"] = limited.as_str().into()),
        limited,
        idp.token(|claims| claims["jti"] = unseen("an-id")),
        idp.token(|claims| claims["aud"] = unseen("an-audience")),
        format!(
            "{}.{}.{}",
            base64url(unseen("a-header").to_string()),
            base64url("{}"),
            base64url("{}")
        ),
    ]
}

#[test]
fn no_token_is_in_the_log_or_in_an_answer() {
    let backstage = Backstage::start();
    let idp = Provider::start("idp-1");
    let secret = format!(
        "{{type: static, options: {{token: {SECRET}, subject: ci}}, accessRestrictions: [{{plugin: closed}}]}}"
    );
    let config = backstage.config_with(&[&idp.entry(", audience: greenroom"), &secret]);
    let host = Setup::new()
        .plugin("closed", &chameleon("policies=cookie:/echo;"))
        .plugin("open", &chameleon("policies=open;"))
        .config(&config)
        .log("info,greenroom=trace,plugin=trace")
        .start();

    let mut told = String::new();
    let mut ask = |target: &str, headers: &[(&str, String)]| {
        let request = host.request("GET", target);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        let answer = request.send();
        told += &format!("{:?}{}\n", answer.headers, answer.text());
    };
    let tokens = tokens(&backstage, &idp);
    let closed = [
        "/api/closed/echo",
        "/api/closed/version",
        "/api/closed/.backstage/auth/v1/cookie",
    ];
    for token in &tokens {
        let bearer = ("authorization", format!("Bearer {token}"));
        let cookie = ("cookie", format!("backstage-auth={token}"));
        for target in closed.into_iter().chain(["/api/open/echo", "/api/none"]) {
            // A user's endpoint for cookies answers with one, which is for that user.
            if !target.ends_with("cookie") {
                ask(target, std::slice::from_ref(&bearer));
            }
            ask(target, std::slice::from_ref(&cookie));
        }
        ask("/api/closed/echo", &[bearer.clone(), bearer]);
    }
    // What no open path knows is the plugin's there, so that other words are for closed ones.
    for token in [
        SECRET,
        &SECRET[1..],
        &format!("{SECRET}-and-more"),
        &format!("{SECRET}, x"),
    ] {
        let bearer = ("authorization", format!("Bearer {token}"));
        for target in closed {
            ask(target, std::slice::from_ref(&bearer));
            ask(target, &[("cookie", format!("backstage-auth={token}"))]);
        }
    }
    ask(
        "/api/open/echo",
        &[("authorization", format!("Bearer {SECRET}"))],
    );

    // The last line that there is has to have been written before it is searched.
    assert_eq!(host.get("/api/open/log?text=the-last-line").status, 204);
    host.wait_for_log(&["the-last-line"]);
    let log = host.log();
    assert!(log.contains("expired"), "reasons are told: {log}");
    for (place, text) in [("the log", &log), ("an answer", &told)] {
        assert!(!text.contains(UNSEEN), "{place} has a secret");
        for token in &tokens {
            for part in parts(token) {
                assert!(!text.contains(part), "{place} has {part} of {token}");
            }
        }
    }
}
