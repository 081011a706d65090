//! Tables that are rebuilt under their children.

use super::*;

#[test]
fn a_rebuilt_table_keeps_its_children() {
    let host = Setup::durable()
        .plugin("chameleon", &build("v1", "base"))
        .start();
    for _ in 0..5 {
        assert_eq!(
            host.request("POST", "/api/chameleon/rows?child=1")
                .send()
                .status,
            201
        );
    }
    host.deploy("chameleon", &build("v2", "base,cascade"))
        .unwrap();
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 5, "children": 5})
    );
    check_constraints(&host);
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 4, "children": 4})
    );
}

/// The rebuilt table's own, and the foreign keys that were off while it was rebuilt.
fn check_constraints(host: &Host) {
    let empty = sql(
        host,
        &json!({"op": "execute", "sql": "INSERT INTO parent (name) VALUES ('')"}),
    );
    assert_eq!(
        (&empty["error"], &empty["kind"]),
        (&json!("constraint"), &json!("check")),
        "{empty}"
    );
    let orphan = sql(
        host,
        &json!({"op": "execute", "sql": "INSERT INTO child (parent_id) VALUES (-1)"}),
    );
    assert_eq!(orphan["kind"], "foreign-key", "{orphan}");
    run(host, "DELETE FROM parent WHERE id = 1");
}

#[test]
fn a_million_rows_are_rebuilt_with_all_of_their_children() {
    const ROWS: u64 = 1_000_000;
    let config = format!("{DURABLE}\nplugins: {{chameleon: {{limits: {{holdTimeout: 120s}}}}}}");
    let host = Setup::new()
        .config(&config)
        .plugin("chameleon", &build("v1", "base"))
        .start();
    let host = host.restart_after(|folder| {
        let database = rusqlite::Connection::open(file(folder)).unwrap();
        let count = format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS})"
        );
        let fill = format!(
            "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN;
             {count} INSERT INTO parent (id, name) SELECT n, 'row ' || n FROM n;
             {count} INSERT INTO child (id, parent_id) SELECT n, n FROM n;
             COMMIT;"
        );
        database.execute_batch(&fill).unwrap();
    });
    let sums = "SELECT (SELECT sum(id) FROM parent), (SELECT sum(length(name)) FROM parent), (SELECT sum(parent_id) FROM child)";
    let before = rows(&host, sums);
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.deploy("chameleon", &build("v2", "base,cascade")));
        host.wait_until("the requests are held", |host| {
            copy_of(host).exists() || deploy.is_finished()
        });
        // Held, or already let go: never refused.
        let answer = host.get("/api/chameleon/version");
        assert_eq!((answer.status, &*answer.text()), (200, "v2"));
        deploy.join().unwrap().unwrap();
    });
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": ROWS, "children": ROWS})
    );
    assert_eq!(rows(&host, sums), before);
    check_constraints(&host);
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": ROWS - 1, "children": ROWS - 1})
    );
}
