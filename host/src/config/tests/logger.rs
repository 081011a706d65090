use super::{super::LogFormat, super::Severity, Setup, config, read, wrong};
use serde_json::json;
use tracing::Level;

fn logger(text: &str) -> super::super::Logger {
    config(&format!("backend: {{ logger: {text} }}"))
        .backend
        .logger
}

fn levels(text: &str) -> String {
    logger(text).levels.to_string()
}

#[test]
fn without_keys_it_is_as_backstages() {
    let backend = config("").backend;
    assert_eq!(backend.logger.levels.to_string(), "info");
    assert_eq!(backend.logger.format, LogFormat::Auto);
    assert!(backend.logger.meta.is_empty() && !backend.logger.requests);
    assert_eq!(backend.auditor.file, None);
    let level = |severity| backend.auditor.level(severity);
    assert_eq!(
        Severity::ALL.map(level),
        [Level::DEBUG, Level::INFO, Level::INFO, Level::INFO]
    );
}

#[test]
fn levels_and_overrides_are_read() {
    for (text, expected) in [
        ("{ level: warn }", "warn"),
        ("{ level: silly }", "trace"),
        ("{ level: 'off' }", "off"),
        (
            "{ overrides: [{ matchers: { plugin: todo }, level: debug }] }",
            "info,plugin::todo=debug",
        ),
        (
            "{ level: error, overrides: [{ matchers: { plugin: [a, b] }, level: warn }] }",
            "error,plugin::a=warn,plugin::b=warn",
        ),
        (
            "{ overrides: [{ matchers: { target: ['greenroom::http', plugin] }, level: debug }] }",
            "info,greenroom::http=debug,plugin=debug",
        ),
        // The first that names it counts.
        (
            "{ overrides: [{ matchers: { plugin: a }, level: warn }, { matchers: { plugin: [a, b] }, level: error }] }",
            "info,plugin::a=warn,plugin::b=error",
        ),
    ] {
        assert_eq!(levels(text), expected, "{text}");
    }
}

#[test]
fn the_rest_is_read() {
    let read = logger(
        "{ format: json, requests: true, meta: { service: edge, rack: 7, labels: { zone: a } } }",
    );
    assert_eq!(read.format, LogFormat::Json);
    assert!(read.requests);
    let mut meta = read.meta;
    meta.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        meta,
        [
            ("labels".to_owned(), json!({ "zone": "a" })),
            ("rack".to_owned(), json!(7)),
            ("service".to_owned(), json!("edge")),
        ]
    );
    let setup = Setup::new(&[(
        "app-config.yaml",
        "backend: { auditor: { file: ./audit.log, severityLogLevelMappings: { low: info, critical: error } } }",
    )]);
    let auditor = setup.load(&[]).unwrap().backend.auditor;
    assert_eq!(auditor.file, Some(setup.path().join("audit.log")));
    assert_eq!(
        Severity::ALL.map(|severity| auditor.level(severity)),
        [Level::INFO, Level::INFO, Level::INFO, Level::ERROR]
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let many = "{ matchers: { plugin: a }, level: info }, ".repeat(101);
    let long = "x".repeat(2000);
    for (text, part) in [
        ("{ level: loud }", "`backend.logger.level` takes a level"),
        ("{ level: [info] }", "takes a level"),
        ("{ format: xml }", "`auto`, `json` or `text`"),
        ("{ requests: 1 }", "true or false"),
        ("{ overrides: { plugin: a } }", "takes a list of overrides"),
        ("{ overrides: [{ level: info }] }", "has no `matchers`"),
        (
            "{ overrides: [{ matchers: { plugin: a } }] }",
            "has no `level`",
        ),
        (
            "{ overrides: [{ matchers: {}, level: info }] }",
            "names nothing",
        ),
        (
            "{ overrides: [{ matchers: { plugin: A_B }, level: info }] }",
            "the id of a plugin",
        ),
        (
            "{ overrides: [{ matchers: { plugin: '/^cat/i' }, level: info }] }",
            "patterns are not read here",
        ),
        (
            "{ overrides: [{ matchers: { target: 'a b' }, level: info }] }",
            "takes a target",
        ),
        (
            "{ overrides: [{ matchers: { service: rootHttpRouter }, level: info }] }",
            "matchers.service`: lines are not matched",
        ),
        (
            "{ overrides: [{ matchers: { plugin: a, target: b }, level: info }] }",
            "stands beside `plugin`",
        ),
        (
            "{ overrides: [{ matchers: { plugin: a }, level: info, name: b }] }",
            "name` is not a key",
        ),
        (
            format!("{{ overrides: [{many}] }}").as_str(),
            "takes 100 overrides at most",
        ),
        ("{ meta: { level: x } }", "a field of this name already"),
        ("{ meta: { 'a b': x } }", "a name is 1 to 64"),
        (
            format!("{{ meta: {{ zone: {long} }} }}").as_str(),
            "a value has 1 KiB at most",
        ),
        ("{ fromat: json }", "fromat` is not a key"),
    ] {
        let error = wrong(&format!("backend: {{ logger: {text} }}"));
        assert!(error.contains(part), "{text}: {error}");
    }
    for (text, part) in [
        ("{ file: '' }", "the path of a file"),
        (
            "{ severityLogLevelMappings: { low: trace } }",
            "`debug`, `info`, `warn` or `error`",
        ),
        (
            "{ severityLogLevelMappings: { lower: info } }",
            "lower` is not a key",
        ),
        ("{ flie: x }", "flie` is not a key"),
    ] {
        let error = read(&format!("backend: {{ auditor: {text} }}"))
            .expect_err(text)
            .render();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_plugins_share_of_the_log_is_a_size() {
    let limit = |text: &str| config(text).plugins.of(&"todo".parse().unwrap()).limits.log;
    assert_eq!(limit(""), 256 << 10);
    assert_eq!(
        limit("plugins: { todo: { limits: { log: 1MiB } } }"),
        1 << 20
    );
    let error = wrong("plugins: { todo: { limits: { log: 10 } } }");
    assert!(error.contains("too small"), "{error}");
}

#[test]
fn texts_that_may_be_shown_are_a_list() {
    let read = config("backend: { logger: { redactAllowlist: [' abc ', '7007'] } }");
    assert_eq!(read.notes, [""; 0]);
    assert_eq!(
        Vec::from_iter(read.backend.logger.redact_allowlist),
        ["7007", "abc"]
    );
    for value in ["abc", "[7007]", "{ a: b }"] {
        let error = wrong(&format!(
            "backend: {{ logger: {{ redactAllowlist: {value} }} }}"
        ));
        assert!(error.contains("redactAllowlist"), "{value}: {error}");
    }
    let setup = Setup::new(&[(
        "app-config.yaml",
        "backend: { logger: { redactAllowlist: ['${SHOWN}'] } }\n\
         plugins: { todo: { config: { a: '${SHOWN}', b: '${HIDDEN}' } } }",
    )]);
    let setup = setup
        .with("SHOWN", "shown-after-all")
        .with("HIDDEN", "not-shown-at-all");
    let secrets = setup.load(&[]).unwrap().secrets.masks();
    assert_eq!(
        secrets.redact("shown-after-all not-shown-at-all"),
        "shown-after-all ***"
    );
}
