//! Every limit of `limits.sql`, by the error it ends in.

use super::*;

fn exceeded(answer: &Value, kind: &str, maximum: u64) {
    assert_eq!(
        *answer,
        json!({"error": "limit-exceeded", "kind": kind, "maximum": maximum})
    );
}

#[test]
fn statements_parameters_and_batches_are_bounded() {
    let host = with_limits("{sql: {statement: 1KiB, parameters: 3, batch: 2}}");
    run(&host, "CREATE TABLE t (n)");
    let long = format!("SELECT '{}'", "x".repeat(1024));
    for op in ["query", "row", "packed", "execute"] {
        exceeded(
            &sql(&host, &json!({"op": op, "sql": long})),
            "statement-length",
            1024,
        );
        let four = json!({"op": op, "sql": "SELECT $1, $2, $3, $4", "params": [1, 2, 3, 4]});
        exceeded(&sql(&host, &four), "parameter-count", 3);
    }
    let fitting = format!("SELECT '{}'", "x".repeat(1024 - 9));
    assert_eq!(fitting.len(), 1024);
    assert!(sql(&host, &json!({"op": "query", "sql": fitting}))["error"].is_null());
    let three = json!({"op": "query", "sql": "SELECT $1, $2, $3", "params": [1, 2, 3]});
    assert_eq!(sql(&host, &three)["ok"]["rows"], json!([[1, 2, 3]]));

    let one = json!({"sql": "INSERT INTO t VALUES (1)"});
    exceeded(
        &sql(
            &host,
            &json!({"op": "batch", "statements": [one, one, one]}),
        ),
        "batch-statements",
        2,
    );
    exceeded(
        &sql(
            &host,
            &json!({"op": "many", "sql": "INSERT INTO t VALUES ($1)", "sets": [[1], [2], [3]]}),
        ),
        "batch-statements",
        2,
    );
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[0]]));
    assert_eq!(
        sql(
            &host,
            &json!({"op": "many", "sql": "INSERT INTO t VALUES ($1)", "sets": [[1], [2]]})
        ),
        json!({"ok": 2})
    );
}

#[test]
fn results_are_bounded_in_rows_and_bytes() {
    let host = with_limits("{sql: {rows: 10, result: 4KiB, value: 2KiB}}");
    let numbers = |n: u32| {
        format!(
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {n}) SELECT n FROM c"
        )
    };
    for op in ["query", "packed"] {
        exceeded(
            &sql(&host, &json!({"op": op, "sql": numbers(11)})),
            "result-rows",
            10,
        );
        let ten = sql(&host, &json!({"op": op, "sql": numbers(10)}));
        assert_eq!(ten["ok"]["rows"].as_array().unwrap().len(), 10, "{ten}");
        let wide =
            json!({"op": op, "sql": "SELECT zeroblob(2000), zeroblob(2000), zeroblob(2000)"});
        exceeded(&sql(&host, &wide), "result-bytes", 4096);
    }
    // The first row of many is one row.
    assert_eq!(
        sql(&host, &json!({"op": "row", "sql": numbers(1_000_000)})),
        json!({"ok": [1]})
    );
    // A write that returns too much is undone.
    run(&host, "CREATE TABLE t (n)");
    let write = format!("INSERT INTO t {} RETURNING n", numbers(11));
    exceeded(
        &sql(&host, &json!({"op": "query", "sql": write})),
        "result-rows",
        10,
    );
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[0]]));
}

#[test]
fn values_are_bounded_on_both_ways() {
    let host = with_limits("{sql: {value: 64KiB}}");
    run(&host, "CREATE TABLE t (v)");
    let (fits, over) = ("x".repeat(65_536), "x".repeat(65_537));
    let insert = |text: &str| {
        sql(
            &host,
            &json!({"op": "execute", "sql": "INSERT INTO t VALUES ($1)", "params": [text]}),
        )
    };
    assert!(insert(&fits)["error"].is_null());
    exceeded(&insert(&over), "value-size", 65_536);
    for text in [
        "SELECT zeroblob(65537)",
        "SELECT randomblob(500000000)",
        "SELECT hex(zeroblob(40000))",
        "SELECT v || v FROM t",
    ] {
        for op in ["query", "row", "packed"] {
            exceeded(
                &sql(&host, &json!({"op": op, "sql": text})),
                "value-size",
                65_536,
            );
        }
    }
    // What a statement builds inside may be four times as long, for a row counts as one; then it ends too.
    let double = json!({"op": "execute", "sql": "UPDATE t SET v = v || v"});
    let ended = (0..3)
        .map(|_| sql(&host, &double))
        .find(|answer| !answer["error"].is_null());
    exceeded(
        &ended.expect("65,536 bytes doubled three times"),
        "value-size",
        65_536,
    );
    exceeded(
        &sql(&host, &json!({"op": "query", "sql": "SELECT v FROM t"})),
        "value-size",
        65_536,
    );
    assert_eq!(
        rows(&host, "SELECT length(substr(v, 1, 65536)) FROM t"),
        json!([[65_536]])
    );
}

#[test]
fn a_full_database_still_reads_and_deletes() {
    let host = with_limits("{sql: {database: 1MiB}}");
    run(&host, "CREATE TABLE t (v)");
    let mut stored = 0;
    let full = loop {
        let answer = sql(
            &host,
            &json!({"op": "execute", "sql": "INSERT INTO t VALUES (randomblob(100000))"}),
        );
        if !answer["error"].is_null() {
            break answer;
        }
        stored += 1;
        assert!(stored < 11, "the limit is 1 MiB");
    };
    exceeded(&full, "database-size", 1 << 20);
    assert!(stored > 5, "{stored}");
    assert_eq!(
        rows(&host, "SELECT count(*), sum(length(v)) FROM t"),
        json!([[stored, stored * 100_000]])
    );
    run(&host, "DELETE FROM t");
    run(&host, "INSERT INTO t VALUES (randomblob(100000))");
}

#[test]
fn open_transactions_are_bounded() {
    let host = plain();
    // Read-only ones within each other; each but the innermost answers what the one inside did.
    let nested = (0..5).fold(json!({"op": "query", "sql": "SELECT 1"}), |call, _| {
        let inner = json!({"op": "outside", "call": call});
        json!({"op": "tx", "access": "read-only", "steps": [inner]})
    });
    let mut answer = sql(&host, &nested);
    for _ in 0..4 {
        answer = answer["ok"]["steps"][0].take();
    }
    exceeded(&answer, "open-transactions", 4);
    assert_eq!(rows(&host, "SELECT 1"), json!([[1]]));
}

#[test]
fn an_endless_statement_ends_at_its_time() {
    let host = with_limits("{sql: {timeout: 400ms}}");
    run(&host, "CREATE TABLE t (n INTEGER)");
    run(&host, "INSERT INTO t VALUES (1)");
    let endless =
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c";
    let timed_out = json!({"error": "timed-out", "message": ""});
    for op in ["query", "row", "packed", "execute"] {
        assert_eq!(
            sql(&host, &json!({"op": op, "sql": endless})),
            timed_out,
            "{op}"
        );
    }
    let update = format!("UPDATE t SET n = ({endless})");
    assert_eq!(
        sql(&host, &json!({"op": "execute", "sql": update})),
        timed_out
    );
    let steps =
        json!([{"op": "execute", "sql": "UPDATE t SET n = 2"}, {"op": "query", "sql": endless}]);
    let answer = sql(&host, &json!({"op": "tx", "steps": steps}));
    assert_eq!(answer["ok"]["steps"][1], timed_out, "{answer}");
    let answer = sql(
        &host,
        &json!({"op": "tx", "access": "read-only", "steps": [{"op": "query", "sql": endless}]}),
    );
    assert_eq!(answer["ok"]["steps"][0], timed_out, "{answer}");
    run(&host, "INSERT INTO t VALUES (3)");
}
