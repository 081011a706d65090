//! "Keep the data": the two lines of README.md, put where it says.

use super::{
    inline,
    served::Clone,
    shown::{README, blocks, readme},
};

#[test]
fn todos_survive_a_restart() {
    let yaml: Vec<_> = blocks(README)
        .into_iter()
        .filter(|(language, _)| language == "yaml")
        .collect();
    let [(_, lines)] = &yaml[..] else {
        panic!("{yaml:?}");
    };
    let replaced = "    connection: ':memory:'\n";
    assert!(readme().contains(&format!("`{}`", replaced.trim())));
    let clone = Clone::new();
    let config = clone.path().join("app-config.yaml");
    let before = std::fs::read_to_string(&config).unwrap();
    assert_eq!(before.matches(replaced).count(), 1, "{before}");
    std::fs::write(&config, before.replace(replaced, lines)).unwrap();

    assert!(inline().iter().any(|command| command == "greenroom check"));
    let checked = clone.shell("target/release/greenroom check", "");
    assert!(checked.status.success(), "{checked:?}");

    let host = clone.serve();
    let create = "curl -sS -X POST http://localhost:7007/api/todo/todos -H 'Content-Type: application/json' \
                  -d '{\"title\": \"kept\"}'";
    let created = clone.shell(create, &host.port());
    assert!(created.status.success(), "{created:?}");
    host.interrupt();

    assert!(clone.path().join("db/todo.sqlite").is_file());
    let backup = clone.shell("target/release/greenroom backup monday", "");
    assert!(backup.status.success(), "{backup:?}");
    let host = clone.serve();
    // What comes after the backup, and goes with the restore.
    let created = clone.shell(create, &host.port());
    assert!(created.status.success(), "{created:?}");
    host.interrupt();
    let restored = clone.shell("target/release/greenroom restore monday --replace", "");
    assert!(restored.status.success(), "{restored:?}");
    assert!(clone.path().join("db/todo.sqlite.before-restore").is_file());
    let host = clone.serve();
    let list = clone.shell(
        "curl -sS http://localhost:7007/api/todo/todos",
        &host.port(),
    );
    let todos: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(todos[0]["title"], "kept", "{todos}");
    assert_eq!(todos.as_array().map(Vec::len), Some(1), "{todos}");
    host.interrupt();
}
