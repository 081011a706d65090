//! Which files are read, how they merge, and what is said about keys that are not used.

use super::{check, folder, greenroom, greenroom_with};
use greenroom_tests::todo;
use serde_json::json;

/// Where `greenroom plugins` looks for the host, from its message that nobody is there.
fn socket(said: &super::Said) -> String {
    assert_eq!(said.code, 1, "{said:?}");
    let rest = said.err.split_once("answers at ").expect("the message").1;
    rest.split_once(". ")
        .expect("the remedy follows")
        .0
        .to_owned()
}

#[test]
fn without_a_file_it_says_what_to_write() {
    let folder = folder(&[]);
    for command in ["serve", "check", "plugins"] {
        let said = greenroom(folder.path(), &[command]);
        assert_eq!(said.code, 64, "{said:?}");
        assert!(said.err.contains("there is no app-config.yaml"), "{said:?}");
        assert!(said.err.contains("--config FILE"), "{said:?}");
    }
    let said = greenroom(folder.path(), &["check", "--config", "nope.yaml"]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("cannot read nope.yaml"), "{said:?}");
}

#[test]
fn later_files_win_and_paths_start_at_the_file_that_names_them() {
    let folder = folder(&[
        (
            "base/app-config.yaml",
            "backend:\n  admin: { socket: ./base.sock }\n  listen: ':1'\n",
        ),
        (
            "local.yaml",
            "backend:\n  admin: { socket: run/local.sock }\n",
        ),
    ]);
    let root = folder.path().canonicalize().unwrap();
    let base = greenroom(&root, &["plugins", "--config", "base/app-config.yaml"]);
    assert_eq!(socket(&base), root.join("base/base.sock").to_string_lossy());
    let both = ["--config", "base/app-config.yaml", "--config", "local.yaml"];
    let merged = greenroom(&root, &[&["plugins"], &both[..]].concat());
    assert_eq!(
        socket(&merged),
        root.join("run/local.sock").to_string_lossy()
    );
    // The remedy is a whole command line.
    let command = "greenroom serve --config base/app-config.yaml --config local.yaml";
    assert!(merged.err.contains(command), "{merged:?}");
    let reversed = ["--config", "local.yaml", "--config", "base/app-config.yaml"];
    let reversed = greenroom(&root, &[&["plugins"], &reversed[..]].concat());
    assert_eq!(
        socket(&reversed),
        root.join("base/base.sock").to_string_lossy()
    );
}

#[test]
fn the_local_file_is_read_where_there_is_one() {
    let folder = folder(&[
        ("app-config.yaml", "backend:\n  listen: ':1'\n"),
        (
            "app-config.local.yaml",
            "backend:\n  admin: { socket: ./mine.sock }\n",
        ),
    ]);
    let root = folder.path().canonicalize().unwrap();
    let said = greenroom(&root, &["plugins"]);
    assert_eq!(socket(&said), root.join("mine.sock").to_string_lossy());
}

#[test]
fn the_socket_can_be_named_itself() {
    let folder = folder(&[]);
    let path = folder.path().join("other.sock");
    let said = greenroom(
        folder.path(),
        &["plugins", "--socket", path.to_str().unwrap()],
    );
    assert_eq!(socket(&said), path.to_string_lossy());
    let said = greenroom(folder.path(), &["plugins", "--json", "--socket", "x.sock"]);
    assert_eq!(said.code, 1);
    assert!(
        said.json()["error"]
            .as_str()
            .unwrap()
            .contains("greenroom serve")
    );
}

#[test]
fn variables_are_filled_in() {
    let yaml = "backend:\n  admin: { socket: '${SOCKET:-./default.sock}' }\n";
    let folder = folder(&[("app-config.yaml", yaml)]);
    let root = folder.path().canonicalize().unwrap();
    let said = greenroom(&root, &["plugins"]);
    assert_eq!(socket(&said), root.join("default.sock").to_string_lossy());
    let said = greenroom_with(&root, &["plugins"], &[("SOCKET", "./set.sock")]);
    assert_eq!(socket(&said), root.join("set.sock").to_string_lossy());
}

#[test]
fn check_tells_what_it_found() {
    let folder = folder(&[(
        "app-config.yaml",
        "app: { title: x }\nbackend:\n  csp: {}\n  baseUrl: http://localhost:7007\nsearch: {}\nours: {}\n",
    )]);
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    std::fs::write(folder.path().join("plugins/todo.wasm"), todo()).unwrap();
    let said = greenroom(folder.path(), &["check"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("ok      todo  "), "{said:?}");
    assert!(said.out.contains("the configuration is valid"), "{said:?}");
    // One note for all keys of Backstage, one for all that nobody knows.
    let notes = "note: keys of Backstage that are not used here: backend.baseUrl, backend.csp, app and search\n\
                 note: keys that are not known here: ours\n";
    assert_eq!(said.err, notes);

    std::fs::write(folder.path().join("plugins/broken.wasm"), "x").unwrap();
    std::fs::write(folder.path().join("plugins/Not_An_Id.wasm"), "x").unwrap();
    let said = greenroom(folder.path(), &["check", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    let found = said.json();
    assert_eq!(found["notes"].as_array().unwrap().len(), 2, "{found}");
    let plugins = &found["plugins"];
    assert_eq!(plugins["todo"]["descriptor"]["id"], "todo");
    assert_eq!(plugins["todo"]["problem"], json!(null));
    assert_eq!(plugins["broken"]["problem"]["stage"], "file");
    assert_eq!(plugins.as_object().unwrap().len(), 2, "{found}");
}

#[test]
fn a_store_in_memory_is_worth_a_warning() {
    let said = check("backend: { cache: { store: memory } }\n");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("Idempotency-Key"), "{said:?}");
    let said = check("backend: { cache: { store: sqlite } }\n");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
}
