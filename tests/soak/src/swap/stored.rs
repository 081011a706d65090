//! What clients wrote while swaps went on. It is looked for after each window, and what was found is deleted: a database
//! that grew would fill the caches of its connections, and the memory of the host would tell nothing of the swaps.

use crate::load::Work;
use anyhow::{Context, Result, ensure};
use greenroom_tests::{Connection, Host, Request};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Of them as many in each plugin's database stay, which the clients read.
pub(super) const KEPT: u64 = 20;
/// In a page of todos, the most that its API gives.
const PAGE: usize = 1000;

/// Rows that are there when every acknowledged write is there once.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Parents with one child.
    pub(super) families: u64,
    pub(super) todos: u64,
    /// Those of before, found and deleted.
    pub(super) found: u64,
    /// The last parent that stays, and the todos.
    parent: i64,
    stay: HashSet<String>,
}

impl Stored {
    /// Makes what the clients read, and says what those of each plugin ask for.
    pub(super) fn first(host: &Host) -> (Self, Vec<Work>, Vec<Work>) {
        let mut stored = Self::default();
        let (mut reads, mut todo_reads) = (Vec::new(), Vec::new());
        for n in 0..KEPT {
            let row = host.post("/api/swapped/rows?child=1", &json!({})).json();
            stored.families += 1;
            stored.parent = row["id"].as_i64().expect("an id");
            let call = json!({"op": "row", "sql": "SELECT name FROM parent WHERE id = $1", "params": [row["id"]]});
            let mut read = Work::post("/api/swapped/sql", &call);
            read.status = 200;
            let todo = host.post("/api/todo/todos", &json!({"title": format!("todo {n}")}));
            stored.todos += 1;
            let id = todo.json()["id"].as_str().expect("an id").to_owned();
            reads.extend([Work::get("/api/swapped/version"), read]);
            todo_reads.push(Work::get(&format!("/api/todo/todos/{id}")));
            stored.stay.insert(id);
        }
        (stored, reads, todo_reads)
    }

    /// All that were acknowledged.
    pub(super) fn all(&self) -> u64 {
        self.found + self.families + self.todos
    }

    /// Looks for all, and leaves those of the start. Says what is not as it should be.
    pub(super) fn clear(&mut self, host: &Host) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        let new = self.families - KEPT;
        let told = self.families(host)?;
        let wanted = json!([[self.families, self.families, 0], new, new]);
        if told != wanted {
            wrong.push(format!(
                "families, children, strange ones, deleted: {told}, and not {wanted}"
            ));
        }
        let todos = self.todos(host)?;
        let newer = self.todos - KEPT;
        if todos != newer {
            wrong.push(format!("{todos} todos, and not {newer}"));
        }
        self.found += new + newer;
        self.families = KEPT;
        self.todos = KEPT;
        Ok(wrong)
    }

    /// How many there were, and how many of each table were deleted.
    fn families(&self, host: &Host) -> Result<Value> {
        let counts =
            "SELECT (SELECT count(*) FROM parent WHERE name = 'row'), (SELECT count(*) FROM child),
             (SELECT count(*) FROM parent WHERE name = 'row' AND
              (SELECT count(*) FROM child WHERE parent_id = parent.id) <> 1)";
        let newer = "name = 'row' AND id > $1";
        let delete = [
            format!("DELETE FROM child WHERE parent_id IN (SELECT id FROM parent WHERE {newer})"),
            format!("DELETE FROM parent WHERE {newer}"),
        ];
        let statements = delete.map(|sql| json!({"sql": sql, "params": [self.parent]}));
        let ask = |call: Value| {
            let answer = host.request("POST", "/api/swapped/sql").json(&call);
            let mut answer = answer.try_send().map_err(anyhow::Error::msg)?.json();
            ensure!(answer["error"].is_null(), "{call}: {answer}");
            Ok(answer["ok"].take())
        };
        let counts = ask(json!({"op": "row", "sql": counts}))?;
        let deleted = ask(json!({"op": "batch", "statements": statements}))?;
        let rows = |n: usize| deleted[n]["rowsAffected"].clone();
        Ok(json!([counts, rows(0), rows(1)]))
    }

    /// Deletes those that do not stay, and says how many they were.
    fn todos(&self, host: &Host) -> Result<u64> {
        let mut connection = Connection::open(host.address());
        let mut ask = |method: &str, target: &str, status: u16| {
            let request = Request::new(host.address(), method, target);
            let answer = connection.send(request).map_err(anyhow::Error::msg)?;
            let text = answer.text();
            ensure!(
                answer.status == status,
                "{method} {target}: {} {text}",
                answer.status
            );
            Ok(answer)
        };
        let mut deleted = 0;
        loop {
            let page = ask("GET", &format!("/api/todo/todos?limit={PAGE}"), 200)?.json();
            let ids = page
                .as_array()
                .context("no todos")?
                .iter()
                .map(|todo| &todo["id"]);
            let newer: Vec<_> = ids
                .filter_map(Value::as_str)
                .filter(|id| !self.stay.contains(*id))
                .collect();
            if newer.is_empty() {
                return Ok(deleted);
            }
            for id in newer {
                ask("DELETE", &format!("/api/todo/todos/{id}"), 204)?;
                deleted += 1;
            }
        }
    }
}
