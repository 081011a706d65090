//! What is in the files, read beside the host that serves them.

use super::ledger::{GROUP, Ledger};
use greenroom_tests::Host;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Found {
    pub(super) lost: u64,
    pub(super) half: u64,
    pub(super) damages: Vec<String>,
}

pub(super) fn check(host: &Host, ledger: &Ledger) -> Found {
    let mut found = Found::default();
    for file in ["todo", "rows", "rows.kv", "steps"] {
        let database = open(host, file);
        let verdict: String = database
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap_or_else(|e| e.to_string());
        if verdict != "ok" {
            found.damages.push(format!("{file}.sqlite: {verdict}"));
        }
        match file {
            "todo" => {
                let stored = names(&database, "SELECT id FROM todos");
                found.lost += ledger.todos.difference(&stored).count() as u64;
            }
            "rows" => groups(&database, &ledger.groups, &mut found),
            "steps" => groups(&database, &ledger.steps, &mut found),
            _ => {}
        }
    }
    let call = json!({"op": "increment", "bucket": "b", "key": "k", "delta": 0});
    let counter = host.post("/api/rows/kv", &call).json()["ok"].as_u64();
    found.lost += ledger.increments.saturating_sub(counter.unwrap_or(0));
    let copy = host.folder().join("db/steps.sqlite.before-migration");
    if copy.exists() {
        found.damages.push(format!("{} is left", copy.display()));
    }
    found
}

fn groups(database: &Connection, acknowledged: &BTreeSet<String>, found: &mut Found) {
    let whole = format!("SELECT name FROM parent GROUP BY name HAVING count(*) = {GROUP}");
    let half = format!("SELECT name FROM parent GROUP BY name HAVING count(*) <> {GROUP}");
    found.lost += acknowledged.difference(&names(database, &whole)).count() as u64;
    found.half += names(database, &half).len() as u64;
}

fn open(host: &Host, file: &str) -> Connection {
    let path = host.folder().join(format!("db/{file}.sqlite"));
    let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    database
        .busy_timeout(std::time::Duration::from_secs(10))
        .expect("a timeout");
    database
}

fn names(database: &Connection, query: &str) -> BTreeSet<String> {
    let mut statement = database.prepare(query).expect("the plugin's table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|name| name.expect("a text")).collect()
}
