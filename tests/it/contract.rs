//! The todo plugin's HTTP contract, as a client sees it.

mod bodies;
mod conditions;
mod document;
mod idempotency;
mod idempotency_kept;
mod items;
mod list;
mod media;
mod pages;
mod paths;
mod syntax;
mod tutorial;

use greenroom_tests::{Host, Response, Setup, todo};
use serde_json::{Value, json};

const TODOS: &str = "/api/todo/todos";

/// A host with the todo plugin, its data in memory.
fn host() -> Host {
    Setup::new().plugin("todo", &todo()).start()
}

/// The same with its data on disk.
fn durable() -> Host {
    Setup::durable().plugin("todo", &todo()).start()
}

/// Creates a todo and answers it.
fn create(host: &Host, title: &str) -> Value {
    created(host, &json!({ "title": title }))
}

fn created(host: &Host, body: &Value) -> Value {
    let answer = host.post(TODOS, body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn path_of(item: &Value) -> String {
    format!("{TODOS}/{}", item["id"].as_str().expect("an id"))
}

fn titles(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("a list")
        .iter()
        .map(|item| item["title"].as_str().expect("a title"))
        .collect()
}

/// An error of the plugin, word for word.
#[track_caller]
fn assert_error(answer: &Response, status: u16, message: &str) {
    assert_eq!(
        (answer.status, answer.json()),
        (status, json!({ "error": message }))
    );
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
}
