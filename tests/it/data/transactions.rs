//! Open transactions: what they see, and how they end when nobody ends them.

use super::*;

const INSERT: &str = "INSERT INTO t VALUES (1)";

fn started(limits: &str) -> Host {
    let host = with_limits(limits);
    run(&host, "CREATE TABLE t (n INTEGER)");
    host
}

fn tx(host: &Host, steps: Value, end: &str) -> Value {
    let answer = sql(
        host,
        &json!({"op": "tx", "access": "read-write", "steps": steps, "end": end}),
    );
    assert!(answer["error"].is_null(), "{answer}");
    answer["ok"].clone()
}

fn count(host: &Host) -> Value {
    rows(host, "SELECT count(*) FROM t")[0][0].clone()
}

#[test]
fn it_sees_its_own_writes_and_keeps_them_when_committed() {
    let host = started("{}");
    let insert = json!({"op": "execute", "sql": INSERT});
    let read = json!({"op": "query", "sql": "SELECT count(*) FROM t"});
    let packed = json!({"op": "packed", "sql": "SELECT count(*) FROM t"});
    let row = json!({"op": "row", "sql": "SELECT count(*) FROM t"});
    let outside = json!({"op": "outside", "call": read});
    let many = json!({"op": "many", "sql": "INSERT INTO t VALUES ($1)", "sets": [[2], [3]]});
    let answer = tx(
        &host,
        json!([insert, read, packed, row, outside, many]),
        "commit",
    );
    let steps = &answer["steps"];
    assert_eq!(steps[1]["ok"]["rows"], json!([[1]]));
    assert_eq!(steps[2]["ok"]["rows"], json!([[1]]));
    assert_eq!(steps[3]["ok"], json!([1]));
    assert_eq!(
        steps[4]["ok"]["rows"],
        json!([[0]]),
        "nobody else sees them yet"
    );
    assert_eq!(steps[5], json!({"ok": 2}));
    assert_eq!(answer["end"], json!({"ok": null}));
    assert_eq!(count(&host), 3);
    for end in ["rollback", "drop"] {
        tx(&host, json!([insert]), end);
        assert_eq!(count(&host), 3, "{end}");
    }
}

#[test]
fn savepoints_take_back_a_part() {
    let host = started("{}");
    let insert = |n: u32| json!({"op": "execute", "sql": format!("INSERT INTO t VALUES ({n})")});
    let (mark, back) = (
        json!({"op": "savepoint"}),
        |n: u32| json!({"op": "rollback-to", "savepoint": n}),
    );
    let steps = json!([
        insert(1),
        mark,
        insert(2),
        mark,
        insert(3),
        back(1),
        insert(4),
        back(2),
        back(9),
        back(1),
        insert(5)
    ]);
    let answer = tx(&host, steps, "commit");
    let steps = &answer["steps"];
    assert_eq!(
        (&steps[1], &steps[3]),
        (&json!({"ok": 1}), &json!({"ok": 2}))
    );
    assert_eq!(
        steps[7]["error"], "invalid-parameter",
        "a later one is gone: {answer}"
    );
    assert_eq!(
        steps[8]["error"], "invalid-parameter",
        "it was never made: {answer}"
    );
    assert_eq!(rows(&host, "SELECT n FROM t"), json!([[1], [5]]));
}

#[test]
fn an_error_leaves_it_open_unless_it_ends_it() {
    let host = started("{}");
    run(&host, "CREATE UNIQUE INDEX one ON t (n)");
    let insert = |sql: &str| json!({"op": "execute", "sql": sql});
    let many = json!({"op": "many", "sql": "INSERT INTO t VALUES ($1)", "sets": [[7], [1]]});
    let answer = tx(
        &host,
        json!([
            insert(INSERT),
            insert(INSERT),
            many,
            insert("INSERT INTO t VALUES (2)")
        ]),
        "commit",
    );
    assert_eq!(answer["steps"][1]["kind"], "unique");
    assert_eq!(answer["steps"][2]["kind"], "unique");
    assert_eq!(answer["end"], json!({"ok": null}), "{answer}");
    assert_eq!(rows(&host, "SELECT n FROM t"), json!([[1], [2]]));

    let ending = insert("INSERT OR ROLLBACK INTO t VALUES (1)");
    let answer = tx(
        &host,
        json!([
            insert("INSERT INTO t VALUES (8)"),
            ending,
            insert("INSERT INTO t VALUES (9)")
        ]),
        "commit",
    );
    assert_eq!(answer["steps"][1]["kind"], "unique", "{answer}");
    assert_eq!(answer["steps"][2]["error"], "closed", "{answer}");
    assert_eq!(answer["end"]["error"], "closed", "{answer}");
    assert_eq!(rows(&host, "SELECT n FROM t"), json!([[1], [2]]));
}

#[test]
fn writing_beside_ones_own_is_denied_at_once() {
    let host = started("{}");
    let answer = host.get("/api/chameleon/tx-self").json();
    assert_eq!(answer["execute"]["error"], "denied", "{answer}");
    assert_eq!(answer["begin"]["error"], "denied", "{answer}");
    assert_eq!(answer["read"]["ok"]["rows"], json!([[1]]), "{answer}");
    let outside = |call: Value| json!({"op": "outside", "call": call});
    let answer = tx(
        &host,
        json!([
            outside(json!({"op": "execute", "sql": INSERT})),
            outside(json!({"op": "query", "sql": "INSERT INTO t VALUES (1) RETURNING n"})),
            outside(json!({"op": "row", "sql": "INSERT INTO t VALUES (1) RETURNING n"})),
            outside(json!({"op": "packed", "sql": "INSERT INTO t VALUES (1) RETURNING n"})),
            outside(json!({"op": "many", "sql": "INSERT INTO t VALUES ($1)", "sets": [[1]]})),
            outside(json!({"op": "batch", "statements": [{"sql": INSERT}]})),
            outside(json!({"op": "tx", "access": "read-write"})),
        ]),
        "commit",
    );
    for step in answer["steps"].as_array().unwrap() {
        assert_eq!(step["error"], "denied", "{answer}");
    }
    assert_eq!(count(&host), 0);
    run(&host, INSERT);
}

#[test]
fn one_that_idles_or_stays_too_long_is_rolled_back() {
    let idle = "{sql: {transactionIdle: 200ms, transactionTime: 60s}}";
    let long = "{sql: {transactionIdle: 30s, transactionTime: 300ms}}";
    for limits in [idle, long] {
        let host = started(limits);
        let insert = json!({"op": "execute", "sql": INSERT});
        let answer = tx(
            &host,
            json!([insert, {"op": "sleep", "ms": 1500}, insert]),
            "commit",
        );
        assert_eq!(
            answer["steps"][2]["error"], "timed-out",
            "{limits}: {answer}"
        );
        assert_eq!(answer["end"]["error"], "timed-out", "{limits}: {answer}");
        assert_eq!(count(&host), 0);
        run(&host, INSERT);
    }
}

#[test]
fn a_request_that_ends_early_frees_the_writer() {
    let host =
        started("{timeout: 1s, sql: {timeout: 5s, transactionIdle: 60s, transactionTime: 60s}}");
    // The handler sleeps in its transaction until the request's time is over.
    let held = host.get("/api/chameleon/tx-hold?ms=30000");
    assert_eq!(held.status, 504, "{}", held.text());
    run(&host, INSERT);
    assert_eq!(count(&host), 1);
}

#[test]
fn one_that_the_handler_leaves_open_is_rolled_back() {
    let host = started("{sql: {timeout: 20s, transactionIdle: 5m, transactionTime: 5m}}");
    for _ in 0..3 {
        let left = host.get("/api/chameleon/tx-leak?sql=INSERT%20INTO%20t%20VALUES%20(1)");
        assert_eq!(left.status, 204, "{}", left.text());
    }
    // The writer is free again at once, and the instance that held it is not used again.
    run(&host, INSERT);
    assert_eq!(count(&host), 1);
}

#[test]
fn writers_wait_for_their_turn() {
    let host = started("{}");
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| host.get("/api/chameleon/tx-hold?ms=300").json());
        let writers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| tx(&host, json!([{"op": "execute", "sql": INSERT}]), "commit")))
            .collect();
        for writer in writers {
            assert_eq!(writer.join().unwrap()["end"], json!({"ok": null}));
        }
        assert_eq!(holder.join().unwrap(), json!({"ok": null}));
    });
    assert_eq!(count(&host), 8);
}

#[test]
fn a_read_only_one_sees_one_state() {
    let host = started("{}");
    let read = json!({"op": "query", "sql": "SELECT count(*) FROM t"});
    let write = json!({"op": "outside", "call": {"op": "execute", "sql": INSERT}});
    let answer = sql(
        &host,
        &json!({"op": "tx", "access": "read-only", "steps": [read, write, read]}),
    );
    let steps = &answer["ok"]["steps"];
    assert!(steps[1]["error"].is_null(), "{answer}");
    assert_eq!(
        (&steps[0]["ok"]["rows"], &steps[2]["ok"]["rows"]),
        (&json!([[0]]), &json!([[0]])),
        "{answer}"
    );
    assert_eq!(count(&host), 1);
}
