//! `backend.health`, and `plugins.<id>.health`.

use super::{config, wrong};
use crate::config::HealthChecks;
use std::time::Duration;

fn checks(value: &str) -> HealthChecks {
    let config = config(&format!("plugins: {{ todo: {{ health: {value} }} }}"));
    config.plugins.of(&"todo".parse().unwrap()).health
}

#[test]
fn plugins_are_asked_every_ten_seconds_unless_told_otherwise() {
    let default = HealthChecks {
        on: true,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        failures: 3,
    };
    assert_eq!(config("").plugins.defaults.health, default);
    for same in ["~", "{}", "true"] {
        assert_eq!(checks(same), default, "{same}");
    }
    assert!(!checks("false").on);
    let set = checks("{ interval: 1m, timeout: 500ms, failures: 1 }");
    assert_eq!(
        set,
        HealthChecks {
            on: true,
            interval: Duration::from_secs(60),
            timeout: Duration::from_millis(500),
            failures: 1,
        }
    );
    for bad in [
        "1",
        "[]",
        "{ interval: 10 }",
        "{ interval: 99ms }",
        "{ interval: 2h }",
        "{ timeout: 0s }",
        "{ timeout: 61s }",
        "{ failures: 0 }",
        "{ failures: 1001 }",
        "{ intervall: 1s }",
        "{ colour: green }",
    ] {
        let message = wrong(&format!("plugins: {{ todo: {{ health: {bad} }} }}"));
        assert!(message.contains("plugins.todo.health"), "{bad}: {message}");
    }
}

#[test]
fn headers_of_the_endpoints_are_names_and_texts() {
    assert!(config("").backend.health_headers.is_empty());
    let headers = config(
        "backend: { health: { headers: { X-Probe: 'greenroom 1', cache-control: no-store, x-none: ~ } } }",
    );
    assert_eq!(headers.notes, [""; 0]);
    let expected = [("X-Probe", "greenroom 1"), ("cache-control", "no-store")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers.backend.health_headers, expected);
    for bad in [
        "{ headers: [] }",
        "{ headers: { x: '' } }",
        "{ headers: { x: ' ' } }",
        "{ headers: { x: 1 } }",
        "{ headers: { x: true } }",
        "{ headers: { x: {} } }",
        "{ headers: { x: \"a\\nb\" } }",
        "{ headers: { x: ä } }",
        "{ headers: { 'x y': a } }",
        "{ headers: { '': a } }",
        "{ headers: { Content-Length: '5' } }",
        "{ headers: { transfer-encoding: chunked } }",
        "{ header: { x: a } }",
    ] {
        let message = wrong(&format!("backend: {{ health: {bad} }}"));
        assert!(message.contains("backend.health"), "{bad}: {message}");
    }
    let many: String = (0..33).map(|n| format!("x-{n}: a, ")).collect();
    let message = wrong(&format!(
        "backend: {{ health: {{ headers: {{ {many} }} }} }}"
    ));
    assert!(message.contains("more than 32"), "{message}");
}
