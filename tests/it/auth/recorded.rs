//! Tokens that a real Backstage issued: `cargo xtask backstage-check --record` wrote them down. An hour later they have
//! expired; that they were good when they were issued, the unit tests of the host show with the clock of that moment.

use super::*;
use greenroom_tests::repository;

fn recorded() -> Value {
    let file = repository().join("tests/data/backstage-tokens.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// A host in front of the recorded keys.
fn replayed(recorded: &Value) -> (KeyServer, Host) {
    let server = KeyServer::start();
    for (path, set) in recorded["keys"].as_object().unwrap() {
        let keys = set["keys"].as_array().unwrap();
        assert!(!keys.is_empty(), "{path}");
        server.answer(path, Answer::Keys(keys.clone()));
    }
    let target = recorded["target"].as_str().unwrap();
    let url = server.url("");
    let host = Setup::new()
        .plugin(target, &chameleon("policies=cookie:/echo;"))
        .config(&format!(
            "backend: {{auth: {{backstage: {{url: '{url}'}}}}}}"
        ))
        .start();
    (server, host)
}

#[test]
fn what_was_good_expires_after_an_hour() {
    let recorded = recorded();
    let (server, host) = replayed(&recorded);
    let target = format!("/api/{}/version", recorded["target"].as_str().unwrap());
    let tokens = recorded["tokens"].as_array().unwrap();
    let kinds: Vec<_> = tokens
        .iter()
        .map(|token| token["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "user",
            "limited user",
            "plugin",
            "plugin for a user",
            "plugin for another"
        ]
    );
    // Right after a recording; the leeway of clocks comes on top, so that the minutes around the end are no test.
    let recorded_at = recorded["recordedAt"].as_i64().unwrap();
    let fresh = now() < recorded_at + 3600;
    for (n, token) in tokens.iter().enumerate() {
        let id = format!("recorded-{n}");
        let text = token["token"].as_str().unwrap();
        let answer = host
            .request("GET", &target)
            .header("x-request-id", &id)
            .header("authorization", format!("Bearer {text}"))
            .send();
        if fresh && matches!(kinds[n], "user" | "plugin" | "plugin for a user") {
            assert_eq!(answer.status, 200, "{}", kinds[n]);
            continue;
        }
        assert_refused(&answer, kinds[n]);
        if fresh {
            continue;
        }
        // Its signature was found to be good before its time was looked at.
        let line = host.wait_for_log(&[&format!("\"{id}\""), "127.0.0.1"]);
        assert!(line.contains("expired"), "{}: {line}", kinds[n]);
    }
    for path in server.paths() {
        assert!(recorded["keys"].get(&path).is_some(), "{path}");
    }
    let cookie = format!("backstage-auth={}", tokens[1]["token"].as_str().unwrap());
    let echo = target.replace("version", "echo");
    let answer = host.request("GET", &echo).header("cookie", cookie).send();
    match fresh {
        true => assert_eq!(answer.status, 200, "the cookie"),
        false => assert_refused(&answer, "the cookie"),
    }
}

#[test]
fn what_was_forged_is_refused() {
    let recorded = recorded();
    let (_server, host) = replayed(&recorded);
    let target = format!("/api/{}/version", recorded["target"].as_str().unwrap());
    let refused = recorded["refused"].as_array().unwrap();
    assert!(refused.len() > 100, "{}", refused.len());
    for form in refused {
        let token = form["token"].as_str().unwrap();
        let answer = ask(&host, &target, token);
        assert_refused(&answer, &format!("{}: {}", form["of"], form["form"]));
    }
}
