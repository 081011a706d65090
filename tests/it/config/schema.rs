//! A plugin's section is held against the schema that the plugin gives.

use super::{folder, greenroom};
use greenroom_tests::{Host, Setup, chameleon, configured, variant};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{
    "type": "object",
    "required": ["retries"],
    "additionalProperties": false,
    "properties": {
        "retries": { "type": "integer", "minimum": 1 },
        "hosts": { "type": "array", "items": { "type": "string" } },
        "start": { "enum": ["fail", "panic", "well"] }
    }
}"#;

/// A host whose plugin `configured` has this section, written as a map of YAML.
fn host(schema: &str, section: &str) -> Host {
    let config = format!("plugins:\n  configured:\n    config: {section}\n");
    let setup = Setup::new().config(&config);
    setup.plugin("configured", &configured(schema)).start()
}

fn problem(host: &Host) -> (String, String) {
    let problem = host.plugin("configured")["problem"].clone();
    let part = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    (part("stage"), part("message"))
}

#[test]
fn a_section_that_fits_is_served() {
    let host = host(SCHEMA, "{ retries: 3, hosts: [a, b] }");
    let flat = host.get("/api/configured/config").json();
    assert_eq!(flat, json!({ "retries": "3", "hosts": "[\"a\",\"b\"]" }));
    // With the SDK, as the type that it is.
    let typed = host.get("/api/configured/section").json();
    assert_eq!(typed, json!({ "retries": 3, "hosts": ["a", "b"] }));
}

#[test]
fn a_text_may_be_the_number_that_the_schema_wants() {
    let host = host(SCHEMA, "{ retries: '${GREENROOM_NOBODY_SETS_THIS:-7}' }");
    let typed = host.get("/api/configured/section").json();
    assert_eq!(typed, json!({ "retries": 7, "hosts": [] }));
}

#[test]
fn a_section_that_does_not_fit_refuses_the_build() {
    for (section, says) in [
        (
            "{ retries: 0 }",
            "`plugins.configured.config.retries` (app-config.yaml:3:24) has to fit `minimum: 1`",
        ),
        (
            "{ retries: hunter2 }",
            "`plugins.configured.config.retries` (app-config.yaml:3:24) takes a whole number",
        ),
        (
            "{ hosts: [] }",
            "`plugins.configured.config` (app-config.yaml:3:5) needs the key \"retries\"",
        ),
        (
            "{ retries: 1, hosts: [a, {}] }",
            "`plugins.configured.config.hosts[1]`",
        ),
        (
            "{ retries: 1, hsots: [] }",
            "has keys that the plugin does not know: hsots",
        ),
        ("~", "needs the key \"retries\""),
    ] {
        let host = host(SCHEMA, section);
        assert_eq!(host.get("/api/configured/config").status, 503, "{section}");
        let (stage, message) = problem(&host);
        assert_eq!(stage, "config", "{section}: {message}");
        assert!(
            message.contains(says),
            "{section}: no {says:?} in {message}"
        );
        host.wait_for_log(&["refused", "does not fit the plugin's schema"]);
        let log = host.log();
        assert!(!log.contains("hunter2"), "{log}");
    }
}

#[test]
fn the_build_before_it_serves_on() {
    let host = host("", "{ retries: many }");
    assert_eq!(host.get("/api/configured/config").json()["retries"], "many");
    let error = host.deploy("configured", &configured(SCHEMA)).unwrap_err();
    assert!(error.contains("takes a whole number"), "{error}");
    assert_eq!(host.get("/api/configured/config").json()["retries"], "many");
    let other = variant(&configured(""), "other");
    assert!(host.deploy("configured", &other).is_ok());
}

#[test]
fn each_plugin_is_held_against_its_own() {
    let host = Setup::new()
        .config("plugins: { a: { config: { retries: 1 } }, b: { config: { hosts: 5 } }, c: { config: { x: 1 } } }")
        .plugin("a", &configured(SCHEMA))
        .plugin("b", &configured(SCHEMA))
        .plugin("c", &chameleon(""))
        .start();
    let state = |id: &str| host.plugin(id)["state"].clone();
    assert_eq!(
        (state("a"), state("b"), state("c")),
        (json!("live"), json!("failed"), json!("live"))
    );
}

#[test]
fn a_schema_that_is_none_refuses_the_build() {
    for (schema, says) in [
        ("{", "the plugin's schema is invalid: it is no JSON"),
        ("[]", "the plugin's schema is invalid: it is no map"),
        (
            r#"{ "type": "text" }"#,
            "the plugin's schema is invalid: at /type",
        ),
        (
            r#"{ "properties": { "a": { "$ref": "https://example.com/x.json" } } }"#,
            "no other document is fetched",
        ),
        (r#"{ "visibility": "hidden" }"#, "`visibility` takes"),
        ("trap", "schema() trapped"),
        ("spin", "schema() took longer than 5 s"),
        ("host", "schema() may not call the host"),
        ("large", "the plugin's schema is larger than 256 KiB"),
    ] {
        let host = host(schema, "{ a: 1 }");
        let (stage, message) = problem(&host);
        assert_eq!(stage, "config", "{schema}: {message}");
        assert!(message.contains(says), "{schema}: no {says:?} in {message}");
    }
}

/// Each of its parts stands for two of the one before it, so that to follow all of them takes longer than anybody has.
#[test]
fn a_schema_made_to_take_for_ever_takes_seconds() {
    let parts: Vec<String> = (1..100)
        .map(|n| format!(r##""{n}":{{"oneOf":[{{"$ref":"#/definitions/{0}"}},{{"$ref":"#/definitions/{0}"}}]}}"##, n - 1))
        .collect();
    let schema = format!(
        r##"{{"definitions":{{"0":{{"type":"object"}},{}}},"not":{{"$ref":"#/definitions/99"}}}}"##,
        parts.join(",")
    );
    let host = Setup::new()
        .plugin("configured", &configured(&schema))
        .plugin("other", &chameleon(""))
        .launch();
    host.wait_until("the other one serves", |host| {
        host.get("/api/other/version").status == 200
    });
    host.wait_until("the schema is judged", |host| {
        host.plugin("configured")["state"] != "loading"
    });
    assert_eq!(host.get("/api/other/version").status, 200);
}

fn read(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

#[test]
fn check_names_what_does_not_fit() {
    let folder = folder(&[(
        "app-config.yaml",
        "plugins:\n  good:\n    config: { retries: 1 }\n  bad:\n    config:\n      retries: 0\n",
    )]);
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    for id in ["good", "bad"] {
        let file = folder.path().join(format!("plugins/{id}.wasm"));
        std::fs::write(file, configured(SCHEMA)).unwrap();
    }
    let said = greenroom(folder.path(), &["check"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("ok      good"), "{said:?}");
    let line = "refused bad  config: the configuration does not fit the plugin's schema | \
                `plugins.bad.config.retries` (app-config.yaml:6:16) has to fit `minimum: 1`";
    assert!(said.out.contains(line), "{said:?}");
    let said = greenroom(folder.path(), &["check", "--json"]);
    let found = read(&said.out);
    assert_eq!(found["plugins"]["bad"]["problem"]["stage"], "config");
    assert_eq!(
        found["plugins"]["good"]["configSchema"]["required"],
        json!(["retries"])
    );
}

#[test]
fn inspect_shows_a_schema_and_what_is_wrong_with_it() {
    let folder = folder(&[]);
    let inspect = |component: &[u8]| {
        std::fs::write(folder.path().join("x.wasm"), component).unwrap();
        greenroom(folder.path(), &["inspect", "x.wasm", "--json"])
    };
    // Without a section, one that needs a key is no mistake.
    let said = inspect(&configured(SCHEMA));
    assert_eq!(said.code, 0, "{said:?}");
    let found = said.json();
    assert_eq!(found["configSchema"]["required"], json!(["retries"]));
    let exports = found["exports"].as_array().unwrap();
    assert!(
        exports.contains(&json!("greenroom:plugin/config-schema@0.1.0")),
        "{found}"
    );
    let said = inspect(&configured("{"));
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.json()["problem"]["stage"], "config");
    let found = inspect(&chameleon("")).json();
    assert_eq!(
        (&found["configSchema"], &found["problem"]),
        (&Value::Null, &Value::Null)
    );
}
