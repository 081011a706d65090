//! Every core service, asserted from inside of the sandbox: the fixture has the checks, and the host is set up for them
//! here. What a plugin cannot see (the log, audit events, answers of the host's own) is looked at from outside.

mod auth;
mod lifecycle;
mod log;

use greenroom_tests::{Host, Response, Setup, chameleon, fixture};
use serde_json::Value;

const ID: &str = "core-services";

/// Those that the fixture's checks of permissions are made for.
const POLICIES: &str = r#"
permit (principal, action == Action::"thing.read", resource);
forbid (principal, action == Action::"thing.read", resource)
when { resource has hidden && resource.hidden };
permit (principal is User, action == Action::"thing.delete", resource)
when { resource has owner && resource.owner == principal };
"#;

fn setup(config: &str) -> Setup {
    Setup::new().config(config).plugin(ID, &fixture(ID))
}

/// With the policies, and this line of the configuration.
fn with_policies(config: &str) -> Host {
    let config = format!("permissions: {{policies: ./a.cedar}}\n{config}\n");
    let setup = setup(&config);
    std::fs::write(setup.folder().join("a.cedar"), POLICIES).unwrap();
    setup.start()
}

/// `check` is a path of the fixture.
fn ask(host: &Host, check: &str) -> Response {
    host.get(&format!("/api/{ID}/{check}"))
}

#[track_caller]
fn assert_ok(answer: &Response, what: &str) {
    let text = answer.text();
    assert_eq!((answer.status, &*text), (200, "ok"), "{what}");
}

/// A check that has to fail here, and says this.
#[track_caller]
fn assert_not_ok(answer: &Response, part: &str) {
    let text = answer.text();
    assert!(answer.status == 500 && text.contains(part), "{text}");
}

/// What the file `audit.log` has of this kind.
fn audit_events(host: &Host, id: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(host.folder().join("audit.log")).unwrap_or_default();
    // The last one may be under way.
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let events = whole.map(|line| serde_json::from_str(line).unwrap());
    let mut events: Vec<Value> = events.collect();
    events.retain(|event| event["eventId"] == id);
    events
}

#[test]
fn permissions_are_decided_by_the_policies() {
    let host = with_policies("");
    assert_ok(&ask(&host, "permissions"), "with policies");
    assert_not_ok(&ask(&host, "permissions/without"), "any needed: true");
    let host = setup("").start();
    assert_ok(&ask(&host, "permissions/without"), "without policies");
    assert_not_ok(&ask(&host, "permissions"), "any needed: false");
}

/// The first section is the one that the fixture expects.
const SECTIONS: &str = "
plugins:
  core-services:
    config:
      greeting: 'Hello $${you}'
      nested: { number: 5, flag: true, list: [1, two] }
      token: a-secret-of-core-services
  other:
    config: { theirs: of-another-plugin }
";

#[test]
fn a_section_of_the_configuration_is_its_plugins_alone() {
    let host = setup(SECTIONS)
        .plugin("other", &chameleon(""))
        .plugin("same", &fixture(ID))
        .start();
    assert_ok(&ask(&host, "config"), "its own");
    // There is something that it could see.
    let theirs = host.get("/api/other/config").json();
    assert_eq!(theirs["theirs"], "of-another-plugin");
    // The section is the id's, not the component's.
    assert_not_ok(&host.get("/api/same/config"), "the section: []");
    host.wait_for_log(&["the token is ***"]);
    assert!(!host.log().contains("a-secret-of-core-services"));
}

#[test]
fn keys_and_values_are_kept_for_the_plugin_that_wrote_them() {
    let database = "database: {client: better-sqlite3, connection: {directory: ./db}}";
    for store in ["sqlite", "memory"] {
        let config = format!("backend: {{cache: {{store: {store}}}, {database}}}");
        let host = setup(&config).plugin("another", &fixture(ID)).start();
        assert_ok(&ask(&host, "keyvalue"), store);
        assert_ok(&ask(&host, "keyvalue/unseen"), "before it is written");
        assert_ok(&ask(&host, "keyvalue/keep"), store);
        assert_ok(&ask(&host, "keyvalue/kept"), store);
        let theirs = host.get("/api/another/keyvalue/unseen");
        assert_ok(&theirs, "another plugin");
        let host = host.restart();
        let after = match store {
            "sqlite" => "keyvalue/kept",
            _ => "keyvalue/unseen",
        };
        assert_ok(&ask(&host, after), "after a restart");
    }
}

/// Of this machine, and not in the default `ipAllowList`.
const CLIENT: &str = "127.0.0.2";

/// The section tells the fixture what the limit is.
const FOUR_AN_HOUR: &str = "
backend:
  auditor: { file: ./audit.log }
  rateLimit: { window: 1h, incomingRequestLimit: 4 }
plugins: { core-services: { config: { limit: 4 } } }
";

#[test]
fn no_more_requests_than_the_limit_reach_the_plugin() {
    let host = setup(FOUR_AN_HOUR).start();
    let count = || {
        let request = host.request("GET", &format!("/api/{ID}/rate-limit/count"));
        request.coming_from(CLIENT).send()
    };
    for turn in 1..4 {
        assert_ok(&count(), "within the limit");
        let so_far = format!("requests that got here: \"{turn}\"");
        assert_not_ok(&ask(&host, "rate-limit/held"), &so_far);
    }
    assert_ok(&count(), "the last within the limit");
    for _ in 0..6 {
        assert_eq!(count().status, 429);
    }
    // Asked from an address that is not counted.
    assert_ok(&ask(&host, "rate-limit/held"), "what got through");
    host.wait_until("the refusal is told", |host| {
        !audit_events(host, "rate-limited").is_empty()
    });
}
