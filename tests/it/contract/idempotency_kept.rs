//! `Idempotency-Key` over restarts, builds, time, and a request that died half-way.

use super::{
    TODOS, durable,
    idempotency::{post, replayed},
    path_of,
};
use greenroom_tests::{todo, variant};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn a_key_holds_over_a_restart_and_a_crash() {
    let body = json!({"title": "t"});
    let host = durable();
    let first = post(&host, "k", &body);
    let host = host.restart();
    let again = post(&host, "k", &body);
    assert_eq!(
        (again.status, replayed(&again), again.text()),
        (201, true, first.text())
    );
    let later = post(&host, "later", &body);
    let host = host.crash();
    for (key, answer) in [("k", &first), ("later", &later)] {
        let again = post(&host, key, &body);
        assert_eq!(
            (again.status, replayed(&again), again.text()),
            (201, true, answer.text()),
            "{key}"
        );
        assert_eq!(
            post(&host, key, &json!({"title": "other"})).status,
            422,
            "{key}"
        );
    }
    assert_eq!(host.get(TODOS).json().as_array().unwrap().len(), 2);
}

#[test]
fn a_key_holds_over_a_new_build_and_its_rollback() {
    let body = json!({"title": "t"});
    let host = super::host();
    let first = post(&host, "k", &body);
    let deployed = host
        .deploy("todo", &variant(&todo(), "another build"))
        .unwrap();
    assert_eq!(deployed["outcome"], json!("deployed"));
    let again = post(&host, "k", &body);
    assert_eq!(
        (again.status, replayed(&again), again.text()),
        (201, true, first.text())
    );
    host.ask(&["rollback", "todo"]);
    let again = post(&host, "k", &body);
    assert_eq!(
        (again.status, replayed(&again), again.text()),
        (201, true, first.text())
    );
    assert_eq!(host.get(TODOS).json(), json!([first.json()]));
}

/// Changes one field of a stopped host's only record, and leaves its other bytes as the plugin wrote them.
fn edit_record(folder: &Path, field: &str, edit: impl FnOnce(&Value) -> Value) {
    let store = rusqlite::Connection::open(folder.join("db/todo.kv.sqlite")).unwrap();
    let bytes: Vec<u8> = store
        .query_row("SELECT value FROM entries", [], |row| row.get(0))
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let (old, new) = (&record[field], edit(&record[field]));
    let edited = text.replace(&format!("\"{field}\":{old}"), &format!("\"{field}\":{new}"));
    assert_ne!(edited, text, "{field} is not in {text}");
    assert_eq!(
        store
            .execute("UPDATE entries SET value = $1", [edited.into_bytes()])
            .unwrap(),
        1
    );
}

fn earlier(by: i64) -> impl Fn(&Value) -> Value {
    move |time| json!(time.as_i64().expect("milliseconds") - by)
}

#[test]
fn a_key_is_free_again_after_24_hours() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let body = json!({"title": "yesterday"});
    let host = durable();
    let first = post(&host, "k", &body);
    // A minute less than a day: it still holds.
    let host = host.restart_after(|folder| edit_record(folder, "expires", earlier(DAY - 60_000)));
    let again = post(&host, "k", &body);
    assert_eq!(
        (again.status, replayed(&again), again.text()),
        (201, true, first.text())
    );
    let host = host.restart_after(|folder| edit_record(folder, "expires", earlier(60_000)));
    let today = json!({"title": "today"});
    let fresh = post(&host, "k", &today);
    assert_eq!(
        (fresh.status, replayed(&fresh)),
        (201, false),
        "another body is as good: the old record is over"
    );
    assert_ne!(fresh.json()["id"], first.json()["id"]);
    assert!(replayed(&post(&host, "k", &today)), "the new record holds");
    assert_eq!(post(&host, "k", &body).status, 422);
    assert_eq!(host.get(TODOS).json(), json!([fresh.json(), first.json()]));
}

#[test]
fn who_comes_after_a_winner_that_died_finishes_its_work() {
    let body = json!({"title": "t", "entityRef": "r"});
    let host = durable();
    let first = post(&host, "k", &body);
    // As after a crash between the record and the row.
    let host = host.restart_after(|folder| {
        edit_record(folder, "done", |_| json!(false));
        let database = rusqlite::Connection::open(folder.join("db/todo.sqlite")).unwrap();
        assert_eq!(database.execute("DELETE FROM todos", []).unwrap(), 1);
    });
    let again = post(&host, "k", &body);
    assert_eq!((again.status, again.text()), (201, first.text()));
    assert_eq!(
        host.get(&path_of(&first.json())).json(),
        first.json(),
        "the row is there now"
    );
    assert_eq!(
        host.get(&format!("{TODOS}?entityRef=r"))
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // And now it is done: a deleted item is not made again.
    assert_eq!(
        host.request("DELETE", &path_of(&first.json()))
            .send()
            .status,
        204
    );
    assert_eq!(post(&host, "k", &body).text(), first.text());
    assert_eq!(host.get(TODOS).text(), "[]");
}

#[test]
fn an_undone_record_whose_row_is_there_makes_no_second() {
    let body = json!({"title": "t"});
    let host = durable();
    let first = post(&host, "k", &body);
    let host = host.restart_after(|folder| edit_record(folder, "done", |_| json!(false)));
    assert_eq!(
        host.request("PATCH", &path_of(&first.json()))
            .json(&json!({"completed": true}))
            .send()
            .status,
        200
    );
    let again = post(&host, "k", &body);
    assert_eq!((again.status, again.text()), (201, first.text()));
    let list = host.get(TODOS).json();
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["completed"]),
        (1, &json!(true))
    );
}
