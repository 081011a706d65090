//! What plugins keep: schemas over deploys, SQL, keys.

mod apart;
mod backup;
mod cut_off;
mod endless;
mod errors;
mod group;
mod keyvalue;
mod keyvalue_draft;
mod keyvalue_sdk;
mod keyvalue_stores;
mod limits;
mod migrations;
mod rebuild;
mod refused_migrations;
mod transactions;
mod values;

use greenroom_tests::{Host, Setup, chameleon};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Databases in `db/`.
const DURABLE: &str =
    "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}";

/// A build that answers `answer` on `/version` and wants these migrations.
fn build(answer: &str, migrations: &str) -> Vec<u8> {
    chameleon(&format!("answer={answer};migrations={migrations};"))
}

/// A chameleon without migrations, in memory, with these `limits` (a YAML map).
fn with_limits(limits: &str) -> Host {
    Setup::new()
        .plugin("chameleon", &chameleon(""))
        .config(&format!("plugins: {{chameleon: {{limits: {limits}}}}}"))
        .start()
}

fn plain() -> Host {
    with_limits("{}")
}

/// One call of `greenroom:sql`, by the chameleon: `{"ok": ...}` or `{"error": ...}`.
fn sql(host: &Host, call: &Value) -> Value {
    sql_of(host, "chameleon", call)
}

fn sql_of(host: &Host, plugin: &str, call: &Value) -> Value {
    let answer = host.post(&format!("/api/{plugin}/sql"), call);
    assert_eq!(answer.status, 200, "{call}: {}", answer.text());
    answer.json()
}

/// A statement that must work.
fn run(host: &Host, text: &str) -> Value {
    let answer = sql(host, &json!({"op": "execute", "sql": text}));
    assert!(answer["error"].is_null(), "{text}: {answer}");
    answer["ok"].clone()
}

/// The rows of a statement that must work.
fn rows(host: &Host, text: &str) -> Value {
    let answer = sql(host, &json!({"op": "query", "sql": text}));
    assert!(answer["error"].is_null(), "{text}: {answer}");
    answer["ok"]["rows"].clone()
}

/// One call of `wasi:keyvalue`.
fn kv(host: &Host, plugin: &str, call: &Value) -> Value {
    let answer = host.post(&format!("/api/{plugin}/kv"), call);
    assert_eq!(answer.status, 200, "{call}: {}", answer.text());
    answer.json()
}

fn version(host: &Host) -> String {
    host.get("/api/chameleon/version").text()
}

fn file(folder: &Path) -> PathBuf {
    folder.join("db/chameleon.sqlite")
}

/// The copy that an exclusive migration works under.
fn copy_of(host: &Host) -> PathBuf {
    host.folder().join("db/chameleon.sqlite.before-migration")
}

/// All of the plugin's schema.
fn schema(host: &Host) -> Value {
    rows(
        host,
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_greenroom%' ESCAPE '\\' ORDER BY name",
    )
}

/// What the host remembers of the migrations that ran: version, name, when. Only while no host runs.
fn remembered(folder: &Path) -> Vec<(u32, String, String)> {
    let database = rusqlite::Connection::open(file(folder)).unwrap();
    let mut list = database
        .prepare("SELECT version, name, applied_at FROM _greenroom_migrations ORDER BY version")
        .unwrap();
    let rows = list
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}
