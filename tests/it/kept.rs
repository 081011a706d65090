//! Components that were built long ago go on working: `tests/data/first-contract.wasm` is the chameleon built from the
//! first contract (`greenroom:plugin@0.1.0`, `greenroom:sql@0.1.0`). It is never built again.
//!
//! So do folders: `tests/data/first-host/` is what the first host that kept data wrote, as SQL, `tests/data/counted-keys/`
//! the key-value file of the first one that counted keys. A change of what is written brings a folder of its own here.

use greenroom_tests::{Host, Setup, chameleon, repository, variant};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

#[test]
fn a_component_of_the_first_contract_is_served() {
    let path = repository().join("tests/data/first-contract.wasm");
    let host = Setup::durable()
        .plugin("chameleon", &std::fs::read(&path).unwrap())
        .start();
    let inspected = host.ask(&["inspect", path.to_str().unwrap()]);
    assert_eq!(inspected["problem"], json!(null));
    assert_eq!(inspected["descriptor"]["id"], "chameleon");
    assert_eq!(host.get("/api/chameleon/version").status, 200);
    let sql = json!({"op": "query", "sql": "SELECT $1 + 1", "params": [41]});
    let answer = host.post("/api/chameleon/sql", &sql);
    assert_eq!(
        answer.json()["ok"]["rows"],
        json!([[42]]),
        "{}",
        answer.text()
    );
    let set = json!({"op": "set", "bucket": "b", "key": "k", "value": "v"});
    let answer = host.post("/api/chameleon/kv", &set).json();
    assert!(answer["error"].is_null(), "{answer}");
}

/// `db/` as that host left it: the databases in WAL mode, and the builds that were live.
fn first_host(folder: &Path, builds: &[&[u8]]) {
    let state = folder.join("db/plugins.state");
    std::fs::create_dir_all(state.join("builds")).unwrap();
    for name in ["chameleon", "chameleon.kv"] {
        database(
            &folder.join(format!("db/{name}.sqlite")),
            "first-host",
            name,
        );
    }
    let mut order = Vec::new();
    for build in builds {
        let hash = hex::encode(Sha256::digest(build));
        std::fs::write(state.join(format!("builds/{hash}.wasm")), build).unwrap();
        order.push(hash);
    }
    let order = json!({ "builds": order }).to_string();
    std::fs::write(state.join("chameleon.json"), order).unwrap();
    std::fs::write(folder.join("db/greenroom.lock"), "999999999\n").unwrap();
}

fn database(path: &Path, of: &str, name: &str) {
    let text = repository().join(format!("tests/data/{of}/{name}.sql"));
    let database = rusqlite::Connection::open(path).unwrap();
    let wal = database.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()));
    wal.unwrap();
    database
        .execute_batch(&std::fs::read_to_string(text).unwrap())
        .unwrap();
}

fn value(host: &Host, key: &str) -> Value {
    let get = json!({"op": "get", "bucket": "b", "key": key});
    host.post("/api/chameleon/kv", &get).json()["ok"].clone()
}

fn counts(host: &Host) -> Value {
    host.get("/api/chameleon/rows").json()
}

#[test]
fn the_data_of_the_first_host_is_served_written_and_migrated() {
    let build = chameleon("answer=now;migrations=base;");
    let before = variant(&build, "before");
    let setup = Setup::durable().plugin("chameleon", &build);
    first_host(setup.folder(), &[&build, &before]);
    let host = setup.start();
    assert_eq!(host.plugin("chameleon")["problem"], json!(null));
    assert_eq!(counts(&host), json!({"parents": 2, "children": 2}));
    assert_eq!(
        (value(&host, "k"), value(&host, "old")),
        (json!("kept"), json!(null))
    );
    let more = host.request("POST", "/api/chameleon/rows?child=1").send();
    assert_eq!((more.status, more.json()["id"].clone()), (201, json!(3)));
    // The builds that it kept are there to go back to.
    let back = host.ask(&["rollback", "chameleon"]);
    assert_eq!(back["build"], hex::encode(Sha256::digest(&before)));
    // And migrations go on from where they were, of both kinds.
    for migrations in ["base,add", "base,add,drop"] {
        let build = chameleon(&format!("answer={migrations};migrations={migrations};"));
        host.deploy("chameleon", &build).unwrap();
    }
    assert_eq!(counts(&host), json!({"parents": 3, "children": 3}));
    let host = host.restart();
    assert_eq!(counts(&host), json!({"parents": 3, "children": 3}));
}

#[test]
fn the_copy_that_the_first_host_left_of_a_migration_comes_back() {
    let build = chameleon("answer=now;migrations=base;");
    let setup = Setup::durable().plugin("chameleon", &build);
    first_host(setup.folder(), &[&build]);
    let file = setup.folder().join("db/chameleon.sqlite");
    let copy = setup.folder().join("db/chameleon.sqlite.before-migration");
    database(&copy, "first-host", "chameleon");
    let half = rusqlite::Connection::open(file).unwrap();
    half.execute_batch("DROP TABLE child; DELETE FROM parent")
        .unwrap();
    drop(half);
    let host = setup.start();
    assert_eq!(counts(&host), json!({"parents": 2, "children": 2}));
    assert!(!copy.exists());
}

#[test]
fn keys_are_counted_whoever_wrote_them() {
    for of in ["first-host", "counted-keys"] {
        let setup = Setup::new()
            .config(
                "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
                 plugins: {chameleon: {limits: {keyvalue: {keys: 3}}}}",
            )
            .plugin("chameleon", &chameleon(""));
        std::fs::create_dir(setup.folder().join("db")).unwrap();
        let file = setup.folder().join("db/chameleon.kv.sqlite");
        database(&file, of, "chameleon.kv");
        let mut host = setup.start();
        let set = |host: &Host, key: &str| {
            let set = json!({"op": "set", "bucket": "b", "key": key, "value": "new"});
            host.post("/api/chameleon/kv", &set).json()["error"].clone()
        };
        // One of the two that are there has ended: three fit in all.
        assert_eq!(set(&host, "two"), json!(null), "{of}");
        assert_eq!(set(&host, "three"), json!(null), "{of}");
        assert_eq!(set(&host, "four"), "other", "{of}");
        host = host.restart();
        assert_eq!(set(&host, "four"), "other", "{of}");
        assert_eq!(value(&host, "k"), "kept");
    }
}
