//! Secrets from every origin, and everything that could show one: none of it does.

use super::{folder, greenroom_with};
use greenroom_tests::{Host, Setup, configured, variant};
use serde_json::Value;
use std::fmt::Write;

/// In each of the values below, and nowhere else.
const CANARY: &str = "c4n4ry";

const SCHEMA: &str = r#"{ "properties": {
    "harmless": { "type": "string", "visibility": "secret" },
    "deep": { "deepVisibility": "secret" },
    "number": { "type": "integer" },
    "mode": { "enum": ["safe"] },
    "list": { "type": "array", "maxItems": 1 },
    "pattern": { "pattern": "^[0-9]*$" }
} }"#;

/// By the name of its key, by where it comes from, by the schema.
const SECTION: &str = r#"
      token: "name-c4n4ry"
      apiKeys: [list-c4n4ry, { id: "map-c4n4ry" }]
      variable: 'Bearer ${CANARY_VARIABLE}'
      env: { $env: CANARY_ENV }
      file: { $file: secrets/canary }
      include: { $include: 'secrets/more.yaml#part' }
      url: https://jane:url-c4n4ry@example.com/
      harmless: schema-c4n4ry "quoted" \ and so on
      deep: { a: { b: deep-c4n4ry } }
"#;

/// What no line may hold. Those after the first are what becomes of values in other spellings.
const FORBIDDEN: [&str; 2] = [CANARY, "MIIEcanaryKeyOfTheFile"];

const VARIABLES: [(&str, &str); 3] = [
    ("CANARY_VARIABLE", "variable-c4n4ry"),
    ("CANARY_ENV", "env-c4n4ry"),
    (
        "APP_CONFIG_plugins_configured_config_app",
        "app-config-c4n4ry",
    ),
];

const FILES: [(&str, &str); 2] = [
    (
        "secrets/canary",
        "-----BEGIN-----\nMIIEcanaryKeyOfTheFile\nfile-c4n4ry-line\n-----END-----\n",
    ),
    (
        "secrets/more.yaml",
        "part: { password: 'include-c4n4ry' }\nother: other-c4n4ry\n",
    ),
];

fn yaml(more: &str) -> String {
    format!("plugins:\n  configured:\n    config:{SECTION}{more}")
}

fn setup(schema: &str, more: &str) -> Setup {
    let setup = Setup::new().config(&yaml(more)).log("trace");
    std::fs::create_dir(setup.folder().join("secrets")).unwrap();
    for (name, text) in FILES {
        std::fs::write(setup.folder().join(name), text).unwrap();
    }
    let setup = VARIABLES
        .iter()
        .fold(setup, |setup, (name, value)| setup.variable(name, value));
    setup.plugin("configured", &configured(schema))
}

fn clean(what: &str, text: &str) {
    for forbidden in FORBIDDEN {
        let lines = text.lines().filter(|line| line.contains(forbidden));
        let lines: Vec<_> = lines.collect();
        assert!(
            lines.is_empty(),
            "{what} shows {forbidden}:\n{}",
            lines.join("\n")
        );
    }
}

/// All that the host has written and printed.
fn host_is_clean(host: &Host) {
    clean("the log", &host.log());
    let printed = host
        .printed()
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>();
    clean("what serve printed", &printed.join("\n"));
}

/// Runs commands with and without `--json`; what they say, and that none of it shows a secret.
fn commands_are_clean(host: &Host, commands: &[&[&str]]) -> String {
    let mut all = String::new();
    for command in commands {
        for json in [&[][..], &["--json"]] {
            let output = host.command(&[*command, json].concat());
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            clean(&format!("{command:?} {json:?}"), &said);
            writeln!(all, "{said}").unwrap();
        }
    }
    all
}

const CONFIG: [&str; 4] = ["--config", "app-config.yaml", "--config", "fixed.yaml"];

#[test]
fn the_plugin_reads_them_and_nobody_else_does() {
    let host = setup(SCHEMA, "").start();
    // Else there would be nothing to find.
    let read = host.get("/api/configured/config");
    assert_eq!(read.status, 200);
    for origin in [
        "name",
        "list",
        "map",
        "variable",
        "env",
        "include",
        "url",
        "schema",
        "deep",
        "app-config",
    ] {
        assert!(
            read.text().contains(&format!("{origin}-{CANARY}")),
            "{origin}: {}",
            read.text()
        );
    }
    assert!(
        read.text().contains("MIIEcanaryKeyOfTheFile") && read.text().contains("file-c4n4ry-line")
    );
    // The plugin says all of it, in every way that it has.
    for (path, status) in [
        ("log", 204),
        ("stdout", 204),
        ("stderr", 204),
        ("panic", 502),
        ("fail", 500),
        ("section", 500),
    ] {
        let answer = host.get(&format!("/api/configured/{path}"));
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        if status >= 500 {
            clean(path, &answer.text());
        }
    }
    host.wait_for_log(&["trapped", "***"]);
    host.wait_for_log(&["apiKeys=", "***"]);
    let said = commands_are_clean(
        &host,
        &[
            &["plugins"],
            &[&["check"], &CONFIG[..]].concat(),
            &["inspect", "plugins/configured.wasm"],
            &["rollback", "configured"],
            &["backup", "copy"],
            &["remove", "configured"],
        ],
    );
    assert!(said.contains("configured"), "{said}");
    host_is_clean(&host);
    // What is kept on the disk for others to read.
    let manifest = std::fs::read_to_string(host.folder().join("copy/manifest.json"));
    clean("the manifest", &manifest.expect("the backup was made"));
}

#[test]
fn a_start_that_fails_tells_no_secret() {
    for how in ["fail", "panic"] {
        let host = setup(SCHEMA, &format!("      start: {how}\n")).start();
        let row = host.plugin("configured");
        assert_eq!(row["problem"]["stage"], "start", "{row}");
        assert!(
            row["problem"]["message"]
                .as_str()
                .unwrap()
                .contains("told to"),
            "{row}"
        );
        std::fs::write(
            host.folder().join("x.wasm"),
            variant(&configured(SCHEMA), "x"),
        )
        .unwrap();
        let said = commands_are_clean(
            &host,
            &[&["plugins"], &["deploy", "x.wasm", "--as", "configured"]],
        );
        assert!(said.contains("told to") && said.contains("***"), "{said}");
        host_is_clean(&host);
    }
}

#[test]
fn a_section_that_does_not_fit_tells_no_secret() {
    let misfits = "      number: number-c4n4ry\n      mode: mode-c4n4ry\n      list: [list-c4n4ry, list-c4n4ry]\n      \
                   pattern: pattern-c4n4ry\n";
    let host = setup(SCHEMA, misfits).start();
    let row = host.plugin("configured");
    assert_eq!(row["problem"]["stage"], "config", "{row}");
    let message = row["problem"]["message"].as_str().unwrap();
    for key in ["number", "mode", "list", "pattern"] {
        assert!(message.contains(&format!("config.{key}`")), "{message}");
    }
    commands_are_clean(&host, &[&["plugins"], &[&["check"], &CONFIG[..]].concat()]);
    host_is_clean(&host);
}

#[test]
fn a_change_tells_neither_the_old_nor_the_new() {
    let host = setup(SCHEMA, "").start();
    let write = |text: &str| std::fs::write(host.folder().join("app-config.yaml"), text).unwrap();
    write(&yaml("      new_token: new-c4n4ry\n"));
    host.wait_for_log(&["config: new instances have the new section"]);
    assert_eq!(host.get("/api/configured/stderr").status, 204);
    assert!(
        host.get("/api/configured/config")
            .text()
            .contains("new-c4n4ry")
    );
    write(&yaml("      number: misfit-c4n4ry\n"));
    host.wait_for_log(&["config: the new section is refused"]);
    write(&yaml("   broken: broken-c4n4ry: [\n"));
    host.wait_for_log(&["config: the change is refused"]);
    commands_are_clean(&host, &[&["plugins"], &[&["check"], &CONFIG[..]].concat()]);
    host_is_clean(&host);
}

/// Of the host's own keys: a caller's token, in the log of requests and in the file of audit events.
#[test]
fn a_callers_token_is_a_secret_too() {
    let token = format!("caller-{CANARY}");
    let more = format!(
        "backend:\n  logger: {{ requests: true }}\n  auditor: {{ file: audit.log }}\n  auth:\n    externalAccess:\n      \
         - {{ type: static, options: {{ token: {token}, subject: ci }} }}\n"
    );
    let host = setup(SCHEMA, &more).start();
    let request = host.request("GET", "/api/configured/kept");
    let answer = request
        .header("authorization", format!("Bearer {token}"))
        .send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    host.wait_for_log(&["incomingRequest", "service:ci", "/api/configured/kept"]);
    // Who writes it where it does not belong.
    host.get(&format!("/api/configured/{token}"));
    host.wait_for_log(&["incomingRequest", "/api/configured/***"]);
    commands_are_clean(
        &host,
        &[&["rollback", "configured"], &["log"], &["plugins"]],
    );
    let events = || std::fs::read_to_string(host.folder().join("audit.log")).unwrap_or_default();
    host.wait_until("the refused rollback is in the file", |_| {
        events().contains("configured.rollback")
    });
    clean("the audit events", &events());
    host_is_clean(&host);
}

/// Each makes `check` and `serve` stop, with a picture of the lines around the mistake.
#[test]
fn a_configuration_with_a_mistake_shows_no_secret() {
    let mistakes = [
        "    limts: {}\n",
        "      again: 1\n      again: 2\n",
        "      x: y: z\n",
        "\tx: 1\n",
        "      file2: { $file: none }\n",
        "      env2: { $env: CANARY_ENV, x: 1 }\n",
        "      include2: { $include: secrets/more.yaml#none }\n",
        "      name: ${no name}\n",
        "    probe: '${CANARY_ENV}'\n",
        "    limits: { memory: '${CANARY_ENV}', timeout: { $file: secrets/canary } }\n",
        "backend: { cache: { store: '${CANARY_ENV}' }, auth: { token: x-c4n4ry }, lisen: 1 }\n",
        "backend: { auth: { externalAccess: [{ type: static, options: { token: caller-c4n4ry, subjct: x } }] } }\n",
        "backend: { databse: 'postgres://jane:url-c4n4ry@db/' }\n",
        "backend: { admin: { socket: { $file: secrets/canary } }, listen: '${CANARY_ENV}' }\n",
        "---\nx: 1\n",
    ];
    for mistake in mistakes {
        let text = yaml(mistake);
        let folder = folder(&[("app-config.yaml", text.as_str()), FILES[0], FILES[1]]);
        for command in [
            &["check"][..],
            &["serve"],
            &["check", "--json"],
            &["serve", "--json"],
        ] {
            let said = greenroom_with(folder.path(), command, &VARIABLES);
            assert_eq!(said.code, 64, "{mistake}: {said:?}");
            clean(
                &format!("{command:?} with {mistake:?}"),
                &format!("{}{}", said.out, said.err),
            );
        }
    }
}
