//! Statements that never end, and those beside them.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const ENDLESS: &str =
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c";

#[test]
fn four_endless_queries_keep_nobody_else_waiting() {
    let component = chameleon("");
    let config = "plugins: {greedy: {limits: {sql: {timeout: 4s}}}}";
    let host = Setup::new()
        .config(config)
        .plugin("greedy", &component)
        .plugin("neighbour", &component)
        .start();
    for plugin in ["greedy", "neighbour"] {
        let made = sql_of(
            &host,
            plugin,
            &json!({"op": "execute", "sql": "CREATE TABLE t (n)"}),
        );
        assert!(made["error"].is_null(), "{made}");
    }
    let running = AtomicUsize::new(4);
    let beside = std::thread::scope(|scope| {
        for op in ["query", "row", "packed", "query"] {
            let (running, host) = (&running, &host);
            scope.spawn(move || {
                let answer = sql_of(host, "greedy", &json!({"op": op, "sql": ENDLESS}));
                running.fetch_sub(1, SeqCst);
                assert_eq!(answer["error"], "timed-out", "{answer}");
            });
        }
        let watched: Vec<_> = ["neighbour", "greedy"]
            .into_iter()
            .map(|plugin| {
                let (running, host) = (&running, &host);
                scope.spawn(move || {
                    let mut rounds = 0;
                    while running.load(SeqCst) == 4 {
                        assert_eq!(host.get(&format!("/api/{plugin}/version")).text(), "1.0.0");
                        let written = sql_of(
                            host,
                            plugin,
                            &json!({"op": "execute", "sql": "INSERT INTO t VALUES (1)"}),
                        );
                        assert_eq!(written["ok"]["rowsAffected"], 1, "{plugin}: {written}");
                        let read = sql_of(
                            host,
                            plugin,
                            &json!({"op": "query", "sql": "SELECT count(*) FROM t"}),
                        );
                        rounds += 1;
                        assert_eq!(read["ok"]["rows"], json!([[rounds]]), "{plugin}: {read}");
                    }
                    rounds
                })
            })
            .collect();
        watched
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    // Each round is three requests, and the four end 4 s after their start.
    assert!(
        beside.iter().all(|rounds| *rounds >= 5),
        "rounds beside them: {beside:?}"
    );
}

#[test]
fn a_request_that_is_out_of_time_ends_its_statement() {
    let host = with_limits("{timeout: 1s, sql: {timeout: 60s}}");
    run(&host, "CREATE TABLE t (n)");
    run(&host, "INSERT INTO t VALUES (1)");
    for call in [
        json!({"op": "query", "sql": ENDLESS}),
        json!({"op": "execute", "sql": format!("UPDATE t SET n = ({ENDLESS})")}),
    ] {
        let answer = host.post("/api/chameleon/sql", &call);
        let told = if answer.status == 200 {
            answer.json()["error"] == "timed-out"
        } else {
            answer.status == 504
        };
        assert!(told, "{}: {}", answer.status, answer.text());
        // Neither a reader nor the writer is still busy with it.
        run(&host, "INSERT INTO t VALUES (2)");
        rows(&host, "SELECT count(*) FROM t");
    }
    assert_eq!(rows(&host, "SELECT n FROM t LIMIT 1"), json!([[1]]));
}
