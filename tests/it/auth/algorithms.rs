//! Tokens in other algorithms than Backstage's ES256, recorded: `tests/data/other-algorithms.js` made them.

use super::*;
use greenroom_tests::repository;

fn recorded() -> Value {
    let file = repository().join("tests/data/other-algorithms.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn server(recorded: &Value) -> KeyServer {
    let server = KeyServer::start();
    let keys = recorded["keys"].as_array().unwrap().clone();
    server.answer("/keys", Answer::Keys(keys));
    server
}

fn with_options(server: &KeyServer, options: &str) -> Host {
    let url = server.url("/keys");
    let entry = format!("{{type: jwks, options: {{url: '{url}'{options}}}}}");
    host("none", &external_access(&[&entry]))
}

/// Name, token.
fn tokens<'a>(recorded: &'a Value, list: &str) -> Vec<(&'a Value, &'a str)> {
    let list = recorded[list].as_array().unwrap();
    assert!(list.len() > 7);
    let tokens = list.iter().map(|one| (one, one["token"].as_str().unwrap()));
    tokens.collect()
}

#[test]
fn of_rsa_and_of_other_curves() {
    let recorded = recorded();
    let server = server(&recorded);
    let host = with_options(&server, "");
    for (what, token) in tokens(&recorded, "good") {
        let answer = ask(&host, ECHO, token);
        assert_eq!(answer.status, 200, "{}: {}", what["what"], answer.text());
        assert_eq!(principal(&answer), "service:external:job");
    }
    assert_eq!(server.asked("/keys"), 1);
}

/// A key that is for one algorithm checks no other, a weak one none, and a secret in the set none at all.
#[test]
fn that_do_not_fit_the_key() {
    let recorded = recorded();
    let server = server(&recorded);
    let host = with_options(&server, "");
    for (what, token) in tokens(&recorded, "refused") {
        assert_refused(&ask(&host, ECHO, token), &what["what"].to_string());
    }
}

#[test]
fn that_are_not_among_those_wanted() {
    let recorded = recorded();
    let server = server(&recorded);
    for (options, wanted) in [
        (", algorithm: RS256", vec!["RS256"]),
        (
            ", algorithm: [EdDSA, 'PS256,ES384']",
            vec!["EdDSA", "PS256", "ES384"],
        ),
    ] {
        let host = with_options(&server, options);
        for (what, token) in tokens(&recorded, "good") {
            let answer = ask(&host, ECHO, token);
            if wanted.contains(&what["alg"].as_str().unwrap()) {
                assert_eq!(
                    principal(&answer),
                    "service:external:job",
                    "{}",
                    what["what"]
                );
            } else {
                assert_refused(&answer, &what["what"].to_string());
            }
        }
    }
}
