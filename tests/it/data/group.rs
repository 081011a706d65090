//! Writes that wait together are committed together; a bad one among them must cost the others nothing.

use super::*;
use std::os::unix::fs::PermissionsExt;

const GOOD: usize = 50;

/// Fifty inserts and one bad call, all queued behind a transaction that holds the writer. The inserts must all be kept.
/// Returns what the bad call was answered.
fn among_good(host: &Host, bad: &Value) -> Value {
    run(host, "CREATE TABLE good (n INTEGER PRIMARY KEY)");
    let answer = std::thread::scope(|scope| {
        let holder = scope.spawn(|| host.get("/api/chameleon/tx-hold?ms=700").json());
        let insert = |n: usize| {
            scope.spawn(move || {
                let call =
                    json!({"op": "execute", "sql": "INSERT INTO good VALUES ($1)", "params": [n]});
                (n, sql(host, &call))
            })
        };
        let mut good: Vec<_> = (0..GOOD / 2).map(insert).collect();
        let bad = scope.spawn(|| sql(host, bad));
        good.extend((GOOD / 2..GOOD).map(insert));
        for insert in good {
            let (n, answer) = insert.join().unwrap();
            assert_eq!(answer["ok"]["rowsAffected"], 1, "insert {n}: {answer}");
        }
        assert_eq!(holder.join().unwrap(), json!({"ok": null}));
        bad.join().unwrap()
    });
    assert_eq!(
        rows(host, "SELECT count(*), min(n), max(n) FROM good"),
        json!([[GOOD, 0, GOOD - 1]])
    );
    answer
}

#[test]
fn a_broken_constraint_costs_its_own_job_alone() {
    let host = plain();
    run(&host, "CREATE TABLE t (n INTEGER PRIMARY KEY)");
    let batch = json!({"op": "batch", "statements": [{"sql": "INSERT INTO t VALUES (1)"}, {"sql": "INSERT INTO t VALUES (1)"}]});
    assert_eq!(among_good(&host, &batch)["kind"], "primary-key");
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[0]]));
}

#[test]
fn or_rollback_costs_its_own_job_alone() {
    let host = plain();
    run(&host, "CREATE TABLE t (n INTEGER PRIMARY KEY)");
    run(&host, "INSERT INTO t VALUES (1)");
    let batch = json!({"op": "batch", "statements": [{"sql": "INSERT INTO t VALUES (2)"}, {"sql": "INSERT OR ROLLBACK INTO t VALUES (1)"}]});
    let answer = among_good(&host, &batch);
    assert_eq!(
        (&answer["error"], &answer["kind"]),
        (&json!("constraint"), &json!("primary-key")),
        "{answer}"
    );
    assert_eq!(rows(&host, "SELECT n FROM t"), json!([[1]]));
}

#[test]
fn raise_rollback_costs_its_own_job_alone() {
    let host = plain();
    run(&host, "CREATE TABLE t (n INTEGER)");
    run(
        &host,
        "CREATE TRIGGER no BEFORE INSERT ON t WHEN new.n = 13 BEGIN SELECT RAISE(ROLLBACK, 'no thirteen'); END",
    );
    let batch = json!({"op": "batch", "statements": [{"sql": "INSERT INTO t VALUES (1)"}, {"sql": "INSERT INTO t VALUES (13)"}]});
    let answer = among_good(&host, &batch);
    assert_eq!(
        (&answer["error"], &answer["message"]),
        (&json!("constraint"), &json!("no thirteen")),
        "{answer}"
    );
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[0]]));
}

#[test]
fn a_foreign_key_that_fails_at_commit_costs_its_own_job_alone() {
    let host = plain();
    run(&host, "CREATE TABLE p (id INTEGER PRIMARY KEY)");
    run(
        &host,
        "CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    let orphan = json!({"op": "execute", "sql": "INSERT INTO c VALUES (99)"});
    let answer = among_good(&host, &orphan);
    assert_eq!(
        (&answer["error"], &answer["kind"]),
        (&json!("constraint"), &json!("foreign-key")),
        "{answer}"
    );
    assert_eq!(rows(&host, "SELECT count(*) FROM c"), json!([[0]]));
    // Within one batch the parent may come last.
    let batch = json!({"op": "batch", "statements": [{"sql": "INSERT INTO c VALUES (5)"}, {"sql": "INSERT INTO p VALUES (5)"}]});
    assert!(sql(&host, &batch)["error"].is_null());
}

/// The databases lie on a file system of 8 MiB, in a mount namespace of the host's own.
#[test]
fn a_job_that_fills_the_disk_costs_itself_alone() {
    let setup = Setup::durable().plugin("chameleon", &chameleon(""));
    std::fs::create_dir(setup.folder().join("db")).unwrap();
    let wrapper = setup.folder().join("on-a-small-disk");
    let script = format!(
        "#!/bin/sh\nexec unshare --map-root-user --mount sh -c \
         'mount -t tmpfs -o size=8m tmpfs db && exec {} \"$@\"' sh \"$@\"\n",
        greenroom_tests::binary().display()
    );
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let host = setup.binary(&wrapper).start();
    run(&host, "CREATE TABLE t (v)");
    let batch = json!({"op": "batch", "statements": vec![json!({"sql": "INSERT INTO t VALUES (randomblob(1000000))"}); 12]});
    let answer = among_good(&host, &batch);
    assert_eq!(answer["error"], "storage-full", "{answer}");
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[0]]));
    // What fits is still taken.
    run(&host, "INSERT INTO t VALUES (randomblob(100000))");
}

#[test]
fn a_job_that_fills_the_database_costs_itself_alone() {
    let host = with_limits("{sql: {database: 1MiB}}");
    run(&host, "CREATE TABLE t (v)");
    let batch = json!({"op": "batch", "statements": vec![json!({"sql": "INSERT INTO t VALUES (randomblob(300000))"}); 5]});
    let answer = among_good(&host, &batch);
    assert_eq!(
        (&answer["error"], &answer["kind"]),
        (&json!("limit-exceeded"), &json!("database-size")),
        "{answer}"
    );
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[0]]));
}

#[test]
fn an_endless_job_with_a_deadline_costs_itself_alone() {
    // A statement has its request's time. The endless one is sent by a request that began 3 s before the others.
    let host = with_limits(
        "{timeout: 8s, sql: {timeout: 60s, transactionIdle: 30s, transactionTime: 30s}}",
    );
    run(&host, "CREATE TABLE t (n INTEGER)");
    run(&host, "INSERT INTO t VALUES (1)");
    let endless = "UPDATE t SET n = (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c)";
    let bad = json!({"op": "tx", "access": "read-only", "steps": [
        {"op": "query", "sql": "SELECT 1"},
        {"op": "sleep", "ms": 3300},
        {"op": "outside", "call": {"op": "execute", "sql": endless}},
    ]});
    std::thread::scope(|scope| {
        let bad = scope.spawn(|| host.post("/api/chameleon/sql", &bad));
        std::thread::sleep(std::time::Duration::from_secs(3));
        among_good(&host, &json!({"op": "query", "sql": "SELECT 1"}));
        let bad = bad.join().unwrap();
        let told = if bad.status == 200 {
            bad.json()["ok"]["steps"][2]["error"] == "timed-out"
        } else {
            bad.status == 504
        };
        assert!(told, "{}: {}", bad.status, bad.text());
    });
    assert_eq!(rows(&host, "SELECT n FROM t"), json!([[1]]));
}
