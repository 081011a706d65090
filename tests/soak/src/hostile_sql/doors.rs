//! The host with the hostile plugin and the witness, and the ways in which a plugin runs a statement.

use super::list::Fate;
use greenroom_tests::{Host, Setup, chameleon};
use serde_json::{Value, json};
use std::{
    fmt,
    time::{Duration, Instant},
};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Query,
    Packed,
    Execute,
    Batch,
    Many,
    Transaction,
    ReadOnly,
}

pub(super) const DOORS: [Door; 7] = [
    Door::Query,
    Door::Packed,
    Door::Execute,
    Door::Batch,
    Door::Many,
    Door::Transaction,
    Door::ReadOnly,
];

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

pub(super) struct Sandbox {
    pub(super) host: Host,
    outside: TempDir,
}

/// What came of one call.
pub(super) struct Outcome {
    status: u16,
    /// The answer of the statement itself: `{"ok": ...}` or `{"error": ...}`.
    answer: Value,
    pub(super) whole: String,
    pub(super) took: Duration,
}

impl Outcome {
    /// What it should not be.
    pub(super) fn wrong(&self, fate: Fate, door: &Door) -> Option<String> {
        let error = self.answer["error"].as_str();
        let good = self.status == 200
            && match fate {
                Fate::Denied => {
                    error == Some("denied") || (*door == Door::ReadOnly && error.is_some())
                }
                Fate::Refused | Fate::Endless => error.is_some(),
                Fate::NoText if matches!(door, Door::Query | Door::Packed | Door::ReadOnly) => {
                    error == Some("conversion")
                }
                Fate::Answers(rows) if matches!(door, Door::Query | Door::Packed) => {
                    serde_json::from_str(rows)
                        .is_ok_and(|rows: Value| self.answer["ok"]["rows"] == rows)
                }
                // The rows that a batch leaves out.
                Fate::Answers(_) | Fate::NoText | Fate::Harmless | Fate::Heavy => {
                    error.is_some() || self.answer.get("ok").is_some()
                }
            };
        let shown = || self.whole.chars().take(300).collect::<String>();
        (!good).then(|| format!("not {fate:?} but {} {}", self.status, shown()))
    }
}

impl Sandbox {
    pub(super) fn start(timeout: Duration) -> Self {
        let component = chameleon("migrations=base;");
        let sql = format!(
            "{{timeout: {}ms, database: 32MiB, result: 4MiB}}",
            timeout.as_millis()
        );
        let host = Setup::new()
            .config(&format!(
                "backend: {{database: {{client: better-sqlite3, connection: {{directory: ./db}}}}}}\n\
                 plugins: {{hostile: {{limits: {{body: 16MiB, migrationTimeout: 2s, sql: {sql}}}}}}}"
            ))
            .plugin("hostile", &component)
            .plugin("witness", &component)
            .log("info")
            .start();
        let outside = TempDir::new().expect("a folder that stays empty");
        let sandbox = Self { host, outside };
        sandbox.must("witness", "CREATE TABLE kept (canary TEXT)");
        sandbox.must("witness", &format!("INSERT INTO kept VALUES ('{CANARY}')"));
        sandbox.must(
            "hostile",
            "CREATE TABLE own (a UNIQUE, b REFERENCES own (a))",
        );
        sandbox
    }

    /// Where nothing may appear.
    pub(super) fn outside(&self) -> &str {
        self.outside.path().to_str().expect("a folder of ours")
    }

    fn must(&self, plugin: &str, text: &str) -> Value {
        let answer = self.call(plugin, &json!({"op": "execute", "sql": text}));
        assert!(answer.1["error"].is_null(), "{text}: {answer:?}");
        answer.1
    }

    pub(super) fn rows(&self, plugin: &str, text: &str) -> Value {
        let answer = self.call(plugin, &json!({"op": "query", "sql": text}));
        assert!(answer.1["error"].is_null(), "{text}: {answer:?}");
        answer.1["ok"]["rows"].clone()
    }

    fn call(&self, plugin: &str, call: &Value) -> (u16, Value) {
        let answer = self.host.post(&format!("/api/{plugin}/sql"), call);
        let value = serde_json::from_slice(&answer.body);
        (
            answer.status,
            value.unwrap_or_else(|_| Value::from(answer.text())),
        )
    }

    /// The tables that the statements speak of: an earlier one may have dropped or filled them.
    pub(super) fn prepare(&self) {
        let few = "SELECT count(*) BETWEEN 10 AND 50 FROM t";
        if self.call("hostile", &json!({"op": "query", "sql": few})).1["ok"]["rows"] == json!([[1]])
        {
            return;
        }
        let statements = [
            "DROP TABLE IF EXISTS t",
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
            "CREATE INDEX t_name ON t (name)",
            "INSERT INTO t (name) VALUES ('one'), ('two'), ('three'), ('four'), ('five'), ('six'), ('seven'), ('eight'), ('nine'), ('ten')",
        ];
        for text in statements {
            self.must("hostile", text);
        }
    }

    pub(super) fn through(&self, door: &Door, text: &str) -> Outcome {
        let plain = json!({"sql": text});
        let of = |op: &str| json!({"op": op, "sql": text});
        let call = match door {
            Door::Query => of("query"),
            Door::Packed => of("packed"),
            Door::Execute => of("execute"),
            Door::Batch => json!({"op": "batch", "statements": [plain]}),
            Door::Many => json!({"op": "many", "sql": text, "sets": [[]]}),
            Door::Transaction => json!({"op": "tx", "steps": [of("execute")], "end": "commit"}),
            Door::ReadOnly => {
                json!({"op": "tx", "access": "read-only", "steps": [of("query")], "end": "commit"})
            }
        };
        let start = Instant::now();
        let (status, mut whole) = self.call("hostile", &call);
        let took = start.elapsed();
        let text = whole.to_string();
        let answer = match door {
            Door::Transaction | Door::ReadOnly if whole["ok"].is_object() => {
                whole["ok"]["steps"][0].take()
            }
            _ => whole,
        };
        Outcome {
            status,
            answer,
            whole: text,
            took,
        }
    }

    /// Deploys a build with this migration under an id of its own, which must be refused for it.
    pub(super) fn as_migration(&self, number: usize, text: &str) -> Option<String> {
        let behaviour = format!("migrations=text:{};", hex::encode(text));
        match self
            .host
            .deploy(&format!("migrating-{number}"), &chameleon(&behaviour))
        {
            Ok(outcome) => Some(format!("it ran: {outcome}")),
            Err(error) => (!error.contains("migration 1")).then_some(error),
        }
    }
}

/// In the witness' database, and in nothing that the hostile plugin sees.
pub(super) const CANARY: &str = "canary-of-the-witness-5f1e";
