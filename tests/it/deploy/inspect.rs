//! `greenroom inspect` and `greenroom check`: what would serve, without serving it.

use super::{greenroom, id_of, stderr, stdout};
use greenroom_tests::{Setup, chameleon, fixture, todo};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Output};

fn read(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn inspect(folder: &Path, component: &[u8], args: &[&str]) -> Output {
    fs::write(folder.join("x.wasm"), component).expect("the folder");
    greenroom(folder, &[&["inspect", "x.wasm"], args].concat())
}

#[test]
fn inspect_shows_what_a_component_is() {
    let folder = tempfile::tempdir().unwrap();
    let todo = todo();
    let output = inspect(folder.path(), &todo, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found = read(&output);
    assert_eq!(found["hash"], *id_of(&todo));
    assert_eq!(found["size"], todo.len());
    assert_eq!(found["descriptor"]["id"], "todo");
    assert_eq!(
        found["descriptor"]["policies"],
        json!([{"path": "/", "access": "unauthenticated"}])
    );
    assert_eq!(found["descriptor"]["migrations"][0]["version"], 1);
    assert!(found["problem"].is_null());
    let imports = found["imports"].as_array().unwrap();
    assert!(
        imports.iter().all(|import| import["offered"] == true),
        "{found}"
    );
    for name in [
        "greenroom:sql/client@0.1.0",
        "wasi:keyvalue/store@0.2.0-draft2",
    ] {
        assert!(
            imports.iter().any(|import| import["name"] == name),
            "{name}: {found}"
        );
    }
    let exports = found["exports"].as_array().unwrap();
    assert!(
        exports.contains(&json!("greenroom:plugin/lifecycle@0.1.0")),
        "{found}"
    );
    let version = found["descriptor"]["version"].as_str().unwrap();

    let output = inspect(folder.path(), &todo, &[]);
    assert_eq!(
        (output.status.code(), stderr(&output)),
        (Some(0), String::new())
    );
    let text = stdout(&output);
    let row = |name: &str, value: &str| {
        let found = text
            .lines()
            .any(|l| l.starts_with(name) && l.ends_with(value));
        assert!(found, "{name} {value}: {text}");
    };
    row("id", " todo");
    row("version", version);
    row("hash", &id_of(&todo));
    row("size", &format!(" {} bytes", todo.len()));
    row("policy", "/ unauthenticated");
    row("migration", " 1 create_todos (additive)");
    row("import", " greenroom:sql/client@0.1.0");
    row("export", " greenroom:plugin/lifecycle@0.1.0");
    assert!(!text.contains("problem"), "{text}");
}

#[test]
fn inspect_says_why_a_component_would_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = inspect(folder.path(), &fixture("missing-import"), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found = read(&output);
    let missing: Vec<_> = found["imports"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|import| import["offered"] == false)
        .collect();
    assert_eq!(missing.len(), 3, "{found}");
    assert_eq!(found["problem"]["stage"], "imports");
    let text = stdout(&inspect(folder.path(), &fixture("missing-import"), &[]));
    assert_eq!(
        text.matches("(this host does not have it)").count(),
        3,
        "{text}"
    );
    assert!(text.contains("problem"), "{text}");

    let output = inspect(folder.path(), &fixture("no-http"), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(read(&output)["problem"]["stage"], "exports");
    assert_eq!(read(&output)["descriptor"]["id"], "no-http");
    let output = inspect(folder.path(), &chameleon("describe=trap;"), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(read(&output)["problem"]["stage"], "describe");

    for (bytes, part) in [
        (&b""[..], "the file is empty"),
        (b"\0asm\x01\0\0\0", "core WebAssembly module"),
        (b"PK\x03\x04", "not WebAssembly"),
        (&fixture("plain")[..5000], "cut off"),
    ] {
        let output = inspect(folder.path(), bytes, &[]);
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(1), String::new())
        );
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
        let output = inspect(folder.path(), bytes, &["--json"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            read(&output)["error"].as_str().unwrap().contains(part),
            "{output:?}"
        );
    }
    let output = greenroom(folder.path(), &["inspect", "absent.wasm"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("absent.wasm"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn inspect_shows_a_plain_component_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = inspect(folder.path(), &fixture("plain"), &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(read(&output)["descriptor"].is_null());
    let text = stdout(&inspect(folder.path(), &fixture("plain"), &[]));
    assert!(text.contains("a plain wasi:http component"), "{text}");
}

#[test]
fn check_tells_what_would_serve() {
    let setup = Setup::new()
        .plugin("good", &chameleon("version=3.1.4;"))
        .plugin("broken", b"not wasm");
    let folder = setup.folder();
    fs::write(folder.join("app-config.yaml"), "app: {title: unused}\n").unwrap();
    let output = greenroom(folder, &["check"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = stdout(&output);
    let line = |parts: &[&str]| {
        let found = text
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "{parts:?}: {text}");
    };
    line(&["ok", "good", "3.1.4"]);
    line(&["refused", "broken", "file", "not WebAssembly"]);
    line(&["the configuration is valid", "2 plugins", "1 refused"]);
    assert!(stderr(&output).contains("note: "), "{}", stderr(&output));

    let output = greenroom(folder, &["check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found = read(&output);
    assert_eq!(found["plugins"]["good"]["descriptor"]["version"], "3.1.4");
    assert_eq!(found["plugins"]["broken"]["problem"]["stage"], "file");
    assert!(!found["notes"].as_array().unwrap().is_empty());

    fs::remove_file(folder.join("plugins/broken.wasm")).unwrap();
    let output = greenroom(folder, &["check", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    fs::write(
        folder.join("app-config.yaml"),
        "plugins: {good: {requierd: true}}\n",
    )
    .unwrap();
    let output = greenroom(folder, &["check", "--json"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(
        read(&output)["error"]
            .as_str()
            .unwrap()
            .contains("requierd"),
        "{output:?}"
    );
    // It opened no port and no database.
    assert!(!folder.join("greenroom.sock").exists());
}

#[test]
fn check_says_that_a_required_plugin_has_no_file() {
    let setup = Setup::new();
    let folder = setup.folder();
    fs::write(
        folder.join("app-config.yaml"),
        "plugins: {absent: {required: true}, elsewhere: {component: ./elsewhere.wasm}}\n",
    )
    .unwrap();
    let output = greenroom(folder, &["check", "--json"]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "the host would not become ready: {output:?}"
    );
    let found = read(&output);
    for id in ["absent", "elsewhere"] {
        assert!(
            found["plugins"][id]["problem"]["error"]
                .as_str()
                .is_some_and(|e| e.contains(".wasm")),
            "{found}"
        );
    }
}
