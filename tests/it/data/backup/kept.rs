//! `tests/data/first-backup/` is a backup of format 1, which hosts take since ed47fb9, of the todo plugin with its first
//! migration, but for its component. Today's commands and today's todo plugin read it.

use super::*;
use greenroom_tests::todo;

#[test]
fn a_backup_of_format_1_comes_back() {
    let setup = Setup::durable().plugin("todo", &todo());
    copy_folder(
        &repository().join("tests/data/first-backup"),
        &setup.folder().join("bak"),
    );
    greenroom(prepared(&setup), &["restore", "bak"]).unwrap();
    let host = setup.start();
    assert_eq!(host.plugin("todo")["problem"], json!(null));
    let titles = || {
        let todos = host.get("/api/todo/todos").json();
        let todos = todos.as_array().expect("a list").clone();
        todos.into_iter().map(|mut todo| todo["title"].take())
    };
    assert_eq!(titles().collect::<Vec<_>>(), ["second", "first"]);
    let first = "/api/todo/todos/01a22429-8f27-73d8-a5f6-2e8545c969e6";
    let wanted = json!({
        "id": "01a22429-8f27-73d8-a5f6-2e8545c969e6",
        "title": "first",
        "entityRef": "component:default/my-service",
        "createdAt": "2026-11-28T21:57:13.127Z",
        "completed": false,
    });
    assert_eq!(host.get(first).json(), wanted);
    // Written further, and of the entity alone.
    let made = host.post(
        "/api/todo/todos",
        &json!({"title": "third", "entityRef": "component:default/my-service"}),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let host = host.restart();
    let of_entity = host.get("/api/todo/todos?entityRef=component:default/my-service");
    let of_entity = of_entity.json();
    let of_entity: Vec<_> = of_entity
        .as_array()
        .expect("a list")
        .iter()
        .map(|todo| &todo["title"])
        .collect();
    assert_eq!(of_entity, ["third", "first"]);
}
