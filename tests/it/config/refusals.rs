//! Configurations that are refused: exit status 64, the place, and what to write instead.

use super::{check, folder, greenroom, greenroom_with};
use serde_json::json;

/// (app-config.yaml, where it is wrong, what the message says besides)
const WRONG: [(&str, &str, &[&str]); 14] = [
    (
        "backend:\n  databse:\n    client: better-sqlite3\n",
        "2:3",
        &["`backend.databse` is not a key", "did you mean `database`?"],
    ),
    (
        "backend: {}\nplugin:\n  directory: ./plugins\n",
        "2:1",
        &["`plugin` is not a key", "did you mean `plugins`?"],
    ),
    (
        "plugins:\n  todo:\n    required: true\n    limts:\n      memory: 64MiB\n",
        "4:5",
        &[
            "`plugins.todo.limts` is not a key",
            "did you mean `limits`?",
        ],
    ),
    (
        "plugins:\n  todo:\n    colour: green\n",
        "3:5",
        &[
            "the keys here are access, component, config, health, keyvalue, limits, probe and required",
        ],
    ),
    (
        "plugins:\n  todo:\n    limits: { memry: 64MiB }\n",
        "3:15",
        &["did you mean `memory`?"],
    ),
    (
        "plugins:\n  todo:\n    limits:\n      timeout: 10\n",
        "4:16",
        &["say the unit, as in `10s`"],
    ),
    (
        "plugins:\n  todo:\n    access: everyone\n",
        "3:13",
        &["`plugins.todo.access`", "open"],
    ),
    ("plugins:\n  Todo_App: {}\n", "2:3", &["no plugin id"]),
    // Those whose absence would change safety or data.
    (
        "backend:\n  database:\n    client: pg\n    connection:\n      host: localhost\n",
        "3:13",
        &[
            "Greenroom cannot use the database `pg` yet",
            "client: better-sqlite3",
        ],
    ),
    (
        "backend:\n  cache:\n    store: redis\n    connection: redis://localhost\n",
        "3:12",
        &["Greenroom cannot use redis yet", "store: sqlite"],
    ),
    (
        "backend:\n  https:\n    certificate:\n      cert: x\n",
        "2:3",
        &["Greenroom does not serve TLS yet", "backend.trustProxy"],
    ),
    (
        "backend:\n  trustProxy: true\n",
        "2:15",
        &["trustProxy: loopback"],
    ),
    (
        "backend:\n  database:\n    connection:\n      directory: ${TODO_TOKEN}/db\n",
        "4:18",
        &[
            "the environment has no variable `TODO_TOKEN`",
            "${TODO_TOKEN:-DEFAULT}",
        ],
    ),
    (
        "backend:\n\tlisten: 7007\n",
        "2:2",
        &["a tab cannot indent YAML", "indent with spaces"],
    ),
];

#[test]
fn every_refusal_names_its_place_and_a_remedy() {
    for (yaml, place, parts) in WRONG {
        let said = check(yaml);
        assert_eq!(said.code, 64, "{yaml}\n{said:?}");
        assert_eq!(said.out, "", "{yaml}");
        let place = format!("[app-config.yaml:{place}]");
        for part in [place.as_str()].iter().chain(parts) {
            assert!(said.err.contains(part), "no {part:?} in\n{}", said.err);
        }
    }
}

#[test]
fn the_message_shows_the_lines() {
    let said = check("backend:\n  databse:\n    client: better-sqlite3\n");
    let expected = "  × `backend.databse` is not a key
   ╭─[app-config.yaml:2:3]
 1 │ backend:
 2 │   databse:
   ·   ───┬───
   ·      ╰── not known
 3 │     client: better-sqlite3
   ╰────
  help: did you mean `database`?
";
    assert_eq!(said.err, expected);
}

/// `serve` stops before it opens a port, whatever it is told to listen on.
#[test]
fn serve_refuses_what_check_refuses() {
    let (yaml, place, _) = WRONG[0];
    let folder = folder(&[("app-config.yaml", yaml)]);
    let said = greenroom(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, 64, "{said:?}");
    assert_eq!(said.out, "");
    assert!(said.err.contains(place), "{said:?}");
    assert!(!folder.path().join("greenroom.sock").exists());
}

#[test]
fn all_problems_are_told_at_once_and_to_programs_as_json() {
    let yaml = "backend:\n  https: true\nplugins:\n  todo:\n    acess: open\n";
    let folder = folder(&[("app-config.yaml", yaml)]);
    for command in ["check", "serve"] {
        let said = greenroom(folder.path(), &[command, "--json"]);
        assert_eq!((said.code, said.err.as_str()), (64, ""), "{said:?}");
        let told = said.json();
        let problems = told["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 2, "{told}");
        let at = |n: usize| {
            let problem = &problems[n];
            json!([problem["file"], problem["line"], problem["column"]])
        };
        assert_eq!(at(0), json!(["app-config.yaml", 2, 10]));
        assert_eq!(at(1), json!(["app-config.yaml", 5, 5]));
        assert_eq!(problems[1]["help"], "did you mean `access`?");
        assert!(
            told["error"]
                .as_str()
                .unwrap()
                .contains("app-config.yaml:5:5")
        );
    }
}

/// The value is not shown: it may be a secret.
#[test]
fn a_variable_with_a_bad_value_is_named_and_its_value_is_not() {
    let yaml = "backend:\n  listen:\n    port: ${LISTEN_PORT}\n";
    let folder = folder(&[("app-config.yaml", yaml)]);
    let said = greenroom_with(folder.path(), &["check"], &[("LISTEN_PORT", "hunter2")]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("with this variable's value"), "{said:?}");
    assert!(!said.err.contains("hunter2"), "{said:?}");
}

/// A plugin that the configuration names and that is not there would not be served.
#[test]
fn check_fails_when_a_named_component_is_missing() {
    let said = check("plugins:\n  todo:\n    component: ./nowhere.wasm\n");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("todo") && said.out.contains("nowhere.wasm"),
        "{said:?}"
    );
}

/// The host would never be ready.
#[test]
fn check_fails_when_a_required_plugin_is_missing() {
    let said = check("plugins:\n  todo:\n    required: true\n");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("todo.wasm"), "{said:?}");
}
