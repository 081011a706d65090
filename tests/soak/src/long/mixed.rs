//! What a host of three plugins is asked in a minute.

use crate::{churn::MANNERS, load::Work};
use greenroom_tests::{Connection, Host, Request};
use rusqlite::{Connection as Raw, OpenFlags};
use serde_json::json;
use std::{collections::BTreeSet, path::Path};

/// Instances that end when nobody asks; bounds that are met within a minute.
pub(super) const CONFIG: &str = "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
     plugins: {chameleon: {limits: {chunkTimeout: 2s, streamTimeout: 10s, instanceIdle: 1s}}, \
     hostile: {limits: {timeout: 500ms, memory: 32MiB, instanceIdle: 1s}}, todo: {limits: {instanceIdle: 1s}}}";
/// Opened and closed in a minute, each in a manner of its own.
pub(super) const CONNECTIONS: u64 = 6;
/// Todos made in a minute; one of them stays.
const TODOS: u64 = 10;

/// Requests whose answers are always the same. Nothing of them stays: memory that grew by what is stored would tell
/// nothing.
pub(super) fn work(host: &Host) -> Vec<Work> {
    let stays = host.post("/api/todo/todos", &json!({"title": "stays"}));
    let id = stays.json()["id"].as_str().expect("an id").to_owned();
    let kv = |call: serde_json::Value| with(200, Work::post("/api/chameleon/kv", &call));
    let sql = |call: serde_json::Value| with(200, Work::post("/api/chameleon/sql", &call));
    let mut all = Vec::new();
    for n in 0..4 {
        all.extend([
            Work::get(&format!("/api/todo/todos/{id}")),
            Work::get("/api/todo/todos?limit=20"),
            with(404, Work::get("/api/todo/todos/none")),
            with(404, Work::get("/api/nobody/here")),
            with(400, Work::post("/api/todo/todos", &json!({"title": n}))),
            with(
                413,
                Work::post("/api/todo/todos", &json!({"title": "x".repeat(103_000)})),
            ),
            Work::get("/api/chameleon/version"),
            with(204, Work::get("/api/chameleon/log?message=as+every+minute")),
            Work::get("/api/chameleon/stream?n=200000"),
            with(
                200,
                Work::post("/api/chameleon/mirror", &json!("y".repeat(20_000))),
            ),
            kv(json!({"op": "set", "bucket": "default", "key": format!("k{n}"), "fill": 1000})),
            kv(json!({"op": "get", "bucket": "default", "key": format!("k{n}")})),
            kv(json!({"op": "increment", "bucket": "default", "key": "n", "delta": 1})),
            sql(json!({"op": "packed", "sql": "SELECT name FROM parent LIMIT 10"})),
            sql(json!({"op": "row", "sql": "SELECT nothing FROM nowhere"})),
            Work::get("/api/todo/openapi.json"),
        ]);
    }
    all.push(with(502, Work::get("/api/chameleon/trap")));
    all
}

fn with(status: u16, mut work: Work) -> Work {
    work.status = status;
    work
}

/// Requests that end at a limit.
pub(super) fn hostile(host: &Host, minute: u64) -> Result<u64, String> {
    let (path, statuses): (_, &[u16]) = match minute % 3 {
        0 => ("spin", &[504]),
        // On a busy machine it is out of time before it is out of memory.
        1 => ("bomb", &[502, 504]),
        _ => ("hang", &[504]),
    };
    let answer = host
        .request("GET", &format!("/api/hostile/{path}"))
        .try_send()?;
    if statuses.contains(&answer.status) {
        Ok(1)
    } else {
        Err(format!("{path}: {} {}", answer.status, answer.text()))
    }
}

pub(super) fn connections(host: &Host, minute: u64) -> Result<u64, String> {
    for n in 0..CONNECTIONS {
        let at = usize::try_from(minute * CONNECTIONS + n).unwrap_or_default();
        let manner = &MANNERS[at % MANNERS.len()];
        (manner.act)(host.address()).map_err(|e| format!("a client that {}: {e}", manner.name))?;
    }
    Ok(CONNECTIONS)
}

/// Those that were made and stay.
#[derive(Default)]
pub(super) struct Todos {
    made: u64,
    stay: BTreeSet<String>,
}

impl Todos {
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// Makes some, changes them, and removes all but one; answers how many requests that were.
    pub(super) fn some(&mut self, host: &Host) -> Result<u64, String> {
        let mut connection = Connection::open(host.address());
        let mut asked = 0;
        let mut ask = |method: &str, target: &str, body: Option<serde_json::Value>, status: u16| {
            asked += 1;
            let mut request = Request::new(host.address(), method, target);
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = connection.send(request)?;
            if answer.status == status {
                Ok(answer)
            } else {
                let text = answer.text();
                Err(format!("{method} {target}: {} {text}", answer.status))
            }
        };
        for n in 0..TODOS {
            let body = json!({"title": format!("of today {n}")});
            let made = ask("POST", "/api/todo/todos", Some(body), 201)?;
            let id = made.json()["id"].as_str().ok_or("no id")?.to_owned();
            self.made += 1;
            let target = format!("/api/todo/todos/{id}");
            ask("PATCH", &target, Some(json!({"completed": true})), 200)?;
            ask("GET", &target, None, 200)?;
            if n == 0 {
                self.stay.insert(id);
            } else {
                ask("DELETE", &target, None, 204)?;
            }
        }
        Ok(asked)
    }

    /// What is not as it should be in the database of a host that has ended.
    pub(super) fn check(&self, folder: &Path) -> anyhow::Result<Vec<String>> {
        let path = folder.join("db/todo.sqlite");
        let database = Raw::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mut wrong = Vec::new();
        let verdict: String = database.query_row("PRAGMA integrity_check", [], |r| r.get(0))?;
        if verdict != "ok" {
            wrong.push(verdict);
        }
        let mut query =
            database.prepare("SELECT id FROM todos WHERE title <> 'stays' AND completed")?;
        let stored: BTreeSet<String> = query
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if stored != self.stay {
            let lost = self.stay.difference(&stored).count();
            let more = stored.difference(&self.stay).count();
            wrong.push(format!("{lost} todos are lost, {more} came back"));
        }
        Ok(wrong)
    }
}
