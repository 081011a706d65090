//! Errors of SQL, by their names.

use super::*;

/// Runs it as a write and as a query: both must answer this error.
fn refused(host: &Host, text: &str, error: &str) -> Value {
    let mut last = Value::Null;
    for op in ["query", "execute"] {
        last = sql(host, &json!({"op": op, "sql": text}));
        assert_eq!(last["error"], error, "{op} {text}: {last}");
    }
    last
}

#[test]
fn a_broken_constraint_says_its_kind_and_where() {
    let host = plain();
    run(
        &host,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT, c INTEGER, p INTEGER REFERENCES t (id),
         UNIQUE (a, b), CONSTRAINT positive CHECK (c > 0))",
    );
    run(&host, "CREATE TABLE w (k TEXT PRIMARY KEY) WITHOUT ROWID");
    run(&host, "INSERT INTO t (id, a, b) VALUES (1, 'a', 'b')");
    run(&host, "INSERT INTO w VALUES ('k')");
    for (text, kind, table, columns, constraint) in [
        (
            "INSERT INTO t (a, b) VALUES ('a', 'b')",
            "unique",
            json!("t"),
            json!(["a", "b"]),
            json!(null),
        ),
        (
            "INSERT INTO t (id, a) VALUES (1, 'x')",
            "primary-key",
            json!("t"),
            json!(["id"]),
            json!(null),
        ),
        (
            "INSERT INTO w VALUES ('k')",
            "primary-key",
            json!("w"),
            json!(["k"]),
            json!(null),
        ),
        (
            "INSERT INTO t (a) VALUES (NULL)",
            "not-null",
            json!("t"),
            json!(["a"]),
            json!(null),
        ),
        (
            "INSERT INTO t (a, c) VALUES ('y', 0)",
            "check",
            json!(null),
            json!([]),
            json!("positive"),
        ),
        (
            "INSERT INTO t (a, p) VALUES ('z', 99)",
            "foreign-key",
            json!(null),
            json!([]),
            json!(null),
        ),
    ] {
        let answer = refused(&host, text, "constraint");
        let found = (
            &answer["kind"],
            &answer["table"],
            &answer["columns"],
            &answer["constraint"],
        );
        assert_eq!(
            found,
            (&json!(kind), &table, &columns, &constraint),
            "{text}: {answer}"
        );
        assert!(
            answer["message"]
                .as_str()
                .unwrap()
                .contains("constraint failed")
        );
    }
    run(&host, "CREATE UNIQUE INDEX lower_b ON t (lower(b))");
    let index = sql(
        &host,
        &json!({"op": "execute", "sql": "INSERT INTO t (a, b) VALUES ('other', 'B')"}),
    );
    assert_eq!(
        (&index["kind"], &index["constraint"]),
        (&json!("unique"), &json!("lower_b")),
        "{index}"
    );
    run(
        &host,
        "CREATE TRIGGER never BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'not on Sundays'); END",
    );
    let trigger = sql(&host, &json!({"op": "execute", "sql": "DELETE FROM t"}));
    assert_eq!(
        (&trigger["error"], &trigger["kind"]),
        (&json!("constraint"), &json!("other")),
        "{trigger}"
    );
    assert_eq!(trigger["message"], "not on Sundays");
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[1]]));
}

#[test]
fn text_that_is_no_statement_is_invalid() {
    let host = plain();
    for text in [
        "",
        " ; ",
        "-- nothing",
        "SELEC 1",
        "SELECT",
        "SELECT * FROM nowhere",
        "SELECT nothing",
        "SELECT 1; SELECT 2",
        "SELECT (",
        "SELECT unknown_function(1)",
    ] {
        refused(&host, text, "invalid-statement");
    }
    let answer = sql(&host, &json!({"op": "query", "sql": "SELECT ä, FROM t"}));
    assert_eq!(
        (&answer["error"], &answer["position"]),
        (&json!("invalid-statement"), &json!(11)),
        "{answer}"
    );
    assert!(
        answer["nativeCode"].is_number() && answer["sqlstate"].is_null(),
        "{answer}"
    );
    // A comment or a semicolon at the end is part of one statement.
    assert_eq!(rows(&host, "SELECT 1; -- done\n"), json!([[1]]));
}

#[test]
fn what_leaves_the_plugins_own_database_is_denied() {
    let host = plain();
    run(&host, "CREATE TABLE t (n)");
    for text in [
        "ATTACH DATABASE '/tmp/greenroom-escape.sqlite' AS other",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/greenroom-escape.sqlite'",
        "SELECT load_extension('/tmp/x.so')",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = OFF",
        "PRAGMA journal_mode=delete",
        "PRAGMA synchronous = OFF",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA max_page_count = 1000000",
        "PRAGMA user_version = 5",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA temp_store_directory = '/'",
        "PRAGMA database_list",
        "PRAGMA query_only = OFF",
        "SELECT * FROM pragma_database_list",
        "CREATE TEMP TABLE hidden (n)",
        "CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')",
    ] {
        let answer = sql(&host, &json!({"op": "execute", "sql": text}));
        assert_eq!(answer["error"], "denied", "execute {text}: {answer}");
        let answer = sql(&host, &json!({"op": "query", "sql": text}));
        assert_eq!(answer["error"], "denied", "query {text}: {answer}");
        let text = json!({"sql": text});
        let answer = sql(
            &host,
            &json!({"op": "batch", "statements": [{"sql": "INSERT INTO t VALUES (1)"}, text]}),
        );
        assert_eq!(answer["error"], "denied", "batch {text}: {answer}");
    }
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[0]]));
    assert!(!Path::new("/tmp/greenroom-escape.sqlite").exists());
    assert_eq!(rows(&host, "PRAGMA foreign_keys"), json!([[1]]));
    assert_eq!(rows(&host, "PRAGMA table_info(t)")[0][1], "n");
}

#[test]
fn transactions_as_text_are_denied() {
    let host = plain();
    run(&host, "CREATE TABLE t (n)");
    for text in [
        "BEGIN",
        "begin immediate",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "ROLLBACK TO a",
        "/* hidden */ COMMIT",
    ] {
        refused(&host, text, "denied");
        // Inside of an open one too, and it goes on.
        let call = json!({"op": "tx", "steps": [{"op": "execute", "sql": "INSERT INTO t VALUES (1)"}, {"op": "execute", "sql": text}]});
        let answer = sql(&host, &call);
        assert_eq!(
            answer["ok"]["steps"][1]["error"], "denied",
            "{text}: {answer}"
        );
        assert_eq!(answer["ok"]["end"], json!({"ok": null}), "{text}: {answer}");
    }
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[9]]));
}

#[test]
fn the_hosts_tables_are_not_the_plugins() {
    let host = Setup::new()
        .plugin("chameleon", &build("v1", "base"))
        .start();
    for text in [
        "SELECT * FROM _greenroom_migrations",
        "select checksum from main._GREENROOM_MIGRATIONS",
        "SELECT (SELECT count(*) FROM _greenroom_migrations)",
        "UPDATE _greenroom_migrations SET additive = 1",
        "DELETE FROM _greenroom_migrations",
        "DROP TABLE _greenroom_migrations",
        "ALTER TABLE _greenroom_migrations RENAME TO mine",
        "CREATE TABLE _greenroom_mine (n)",
        "CREATE INDEX i ON _greenroom_migrations (name)",
        "CREATE TRIGGER i AFTER INSERT ON _greenroom_migrations BEGIN DELETE FROM parent; END",
    ] {
        refused(&host, text, "denied");
    }
    // A view does not see them either, and a plugin's table cannot be given such a name.
    let view = sql(
        &host,
        &json!({"op": "execute", "sql": "CREATE VIEW peek AS SELECT * FROM _greenroom_migrations"}),
    );
    if view["error"].is_null() {
        refused(&host, "SELECT * FROM peek", "denied");
    }
    refused(
        &host,
        "ALTER TABLE parent RENAME TO _greenroom_parent",
        "denied",
    );
    refused(&host, "UPDATE sqlite_schema SET sql = ''", "denied");
    assert_eq!(host.get("/api/chameleon/rows").status, 200);
}

#[test]
fn text_that_is_no_utf8_is_a_conversion_error() {
    let host = plain();
    run(&host, "CREATE TABLE t (v)");
    run(&host, "INSERT INTO t VALUES (CAST(x'ff00fe' AS TEXT))");
    for op in ["query", "row", "packed"] {
        for text in [
            "SELECT CAST(x'ff' AS TEXT)",
            "SELECT v FROM t",
            "INSERT INTO t VALUES (CAST(x'c3' AS TEXT)) RETURNING v",
        ] {
            let answer = sql(&host, &json!({"op": op, "sql": text}));
            assert_eq!(answer["error"], "conversion", "{op} {text}: {answer}");
        }
    }
    assert_eq!(
        rows(&host, "SELECT CAST(v AS BLOB) FROM t"),
        json!([[{"blob": [255, 0, 254]}]]),
        "the failed inserts are not there"
    );
}

#[test]
fn a_read_only_transaction_refuses_writes() {
    let host = plain();
    run(&host, "CREATE TABLE t (n)");
    let write = json!({"op": "execute", "sql": "INSERT INTO t VALUES (1)"});
    let returning = json!({"op": "query", "sql": "INSERT INTO t VALUES (1) RETURNING n"});
    let many = json!({"op": "many", "sql": "INSERT INTO t VALUES ($1)", "sets": [[1]]});
    let read = json!({"op": "query", "sql": "SELECT count(*) FROM t"});
    let answer = sql(
        &host,
        &json!({"op": "tx", "access": "read-only", "steps": [write, returning, many, read]}),
    );
    let steps = &answer["ok"]["steps"];
    for step in 0..3 {
        assert_eq!(steps[step]["error"], "read-only", "{answer}");
    }
    assert_eq!(steps[3]["ok"]["rows"], json!([[0]]), "{answer}");
    assert_eq!(answer["ok"]["end"], json!({"ok": null}));
}
