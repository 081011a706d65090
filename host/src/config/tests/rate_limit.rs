//! `backend.rateLimit`.

use super::{config, read, wrong};
use crate::config::{RateLimit, RateLimits};
use std::time::Duration;

fn limits(value: &str) -> Option<RateLimits> {
    config(&format!("backend: {{ rateLimit: {value} }}"))
        .backend
        .rate_limit
}

fn global(value: &str) -> RateLimit {
    limits(value).and_then(|limits| limits.global).expect(value)
}

fn notes(backend: &str) -> Vec<String> {
    config(&format!("backend: {{ {backend} }}")).notes
}

#[test]
fn it_is_off_until_it_is_asked_for_and_has_the_defaults_of_backstage() {
    assert!(config("").backend.rate_limit.is_none());
    assert!(limits("false").is_none());
    assert!(limits("~").is_none());
    for on in ["true", "{}", "{ global: true }"] {
        let limits = limits(on).unwrap();
        assert!(limits.plugins.is_empty(), "{on}");
        let limit = limits.global.unwrap();
        assert_eq!((limit.window, limit.requests), (Duration::from_secs(60), 5));
        assert!(!limit.skip_successful && !limit.skip_failed);
        for (client, exempt) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::1", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(limit.exempts(client.parse().unwrap()), exempt, "{client}");
        }
    }
}

#[test]
fn reads_every_key() {
    let limit = global(
        "{ window: { minutes: 1, seconds: 30 }, incomingRequestLimit: '100', ipAllowList: ['10.1.2.3/8', '0:0:0:0:0:0:0:1', '::ffff:1.2.3.4'], skipSuccessfulRequests: true, skipFailedRequests: true }",
    );
    assert_eq!(
        (limit.window, limit.requests),
        (Duration::from_secs(90), 100)
    );
    assert!(limit.skip_successful && limit.skip_failed);
    let exempt: Vec<_> = limit.exempt.iter().map(ToString::to_string).collect();
    assert_eq!(exempt, ["10.0.0.0/8", "::1/128", "1.2.3.4/32"]);
    assert!(global("{ ipAllowList: [] }").exempt.is_empty());
    assert_eq!(global("{ ipAllowList: 10.0.0.1 }").exempt.len(), 1);
    assert_eq!(global("{ window: 100ms }").window.as_millis(), 100);
}

#[test]
fn a_plugins_limit_takes_nothing_over_from_the_global_one() {
    let limits = limits(
        "{ global: false, window: 1h, incomingRequestLimit: 7, plugin: { todo: { window: 3s }, notes: true, off: false, gone: ~ } }",
    )
    .unwrap();
    assert!(limits.global.is_none());
    let named: Vec<_> = limits.plugins.keys().map(ToString::to_string).collect();
    assert_eq!(named, ["notes", "todo"]);
    let todo = &limits.plugins["todo"];
    assert_eq!((todo.window, todo.requests), (Duration::from_secs(3), 5));
    assert_eq!(limits.plugins["notes"].window, Duration::from_secs(60));
}

#[test]
fn refuses_what_it_cannot_do() {
    for bad in [
        "5",
        "x",
        "[]",
        "{ window: 60 }",
        "{ window: 10ms }",
        "{ window: 25h }",
        "{ incomingRequestLimit: 0 }",
        "{ incomingRequestLimit: -1 }",
        "{ incomingRequestLimit: 1000000001 }",
        "{ incomingRequestLimit: many }",
        "{ ipAllowList: [localhost] }",
        "{ ipAllowList: ['10.0.0.0/33'] }",
        "{ ipAllowList: [1] }",
        "{ ipAllowList: {} }",
        "{ global: 1 }",
        "{ skipFailedRequests: 1 }",
        "{ skipSuccesfulRequests: true }",
        "{ windw: 1s }",
        "{ store: { type: redis, connection: x } }",
        "{ store: { type: paper } }",
        "{ store: memory }",
        "{ plugin: { Todo: true } }",
        "{ plugin: { todo: 5 } }",
        "{ plugin: { todo: { window: 1 } } }",
        "{ plugin: { todo: { incomingRequestLimt: 1 } } }",
    ] {
        let message = wrong(&format!("backend: {{ rateLimit: {bad} }}"));
        assert!(message.contains("backend.rateLimit"), "{bad}: {message}");
    }
    assert!(read("backend: { rateLimit: { store: { type: memory } } }").is_ok());
}

#[test]
fn says_what_it_does_not_use_and_what_limits_nobody() {
    let open = "listen: '0.0.0.0:7007'";
    assert_eq!(
        notes(&format!("{open}, rateLimit: {{ passOnStoreError: true }}")),
        ["keys of Backstage that are not used here: backend.rateLimit.passOnStoreError"]
    );
    let told = |backend: &str, what: &str| notes(backend).iter().any(|note| note.contains(what));
    assert!(told("rateLimit: { global: false }", "limits nothing"));
    assert!(told("rateLimit: true", "limits nobody"));
    assert!(told(
        "listen: 'localhost:1', rateLimit: true",
        "limits nobody"
    ));
    for some in [
        "listen: '0.0.0.0:7007', rateLimit: true",
        "trustProxy: loopback, rateLimit: true",
        "rateLimit: { ipAllowList: [] }",
        "rateLimit: { plugin: { todo: { ipAllowList: [] } } }",
    ] {
        assert_eq!(notes(some), [""; 0], "{some}");
    }
}
