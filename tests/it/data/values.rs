//! What goes into a statement and what comes out.

use super::*;

#[test]
fn every_type_comes_back_as_it_went_in() {
    let host = plain();
    let all = json!([null, true, false, 0, -1, i64::MAX, i64::MIN, 0.5, -1e300, "", "text", "ä€🦀\u{0}end", {"blob": []}, {"blob": [0, 255, 128]}]);
    let back = json!([null, 1, 0, 0, -1, i64::MAX, i64::MIN, 0.5, -1e300, "", "text", "ä€🦀\u{0}end", {"blob": []}, {"blob": [0, 255, 128]}]);
    let list: Vec<_> = (1..=14).map(|n| format!("${n}")).collect();
    let text = format!("SELECT {}", list.join(", "));
    for op in ["query", "packed"] {
        let answer = sql(&host, &json!({"op": op, "sql": text, "params": all}));
        assert_eq!(answer["ok"]["rows"], json!([back]), "{op}: {answer}");
    }
    assert_eq!(
        sql(&host, &json!({"op": "row", "sql": text, "params": all}))["ok"],
        back
    );

    // And through a table.
    run(&host, "CREATE TABLE t (n INTEGER PRIMARY KEY, v)");
    let sets: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(n, v)| json!([n, v]))
        .collect();
    let many = sql(
        &host,
        &json!({"op": "many", "sql": "INSERT INTO t VALUES ($1, $2)", "sets": sets}),
    );
    assert_eq!(many, json!({"ok": 14}));
    let stored: Vec<_> = back
        .as_array()
        .unwrap()
        .iter()
        .map(|v| json!([v]))
        .collect();
    assert_eq!(rows(&host, "SELECT v FROM t ORDER BY n"), json!(stored));
    assert_eq!(
        rows(&host, "SELECT group_concat(typeof(v)) FROM t"),
        json!([[
            "null,integer,integer,integer,integer,integer,integer,real,real,text,text,text,blob,blob"
        ]])
    );
}

#[test]
fn a_result_has_its_columns_even_without_rows() {
    let host = plain();
    for op in ["query", "packed"] {
        let answer = sql(
            &host,
            &json!({"op": op, "sql": "SELECT 1 AS \"an a\", 2 AS \"an a\", 3 AS ö WHERE 0"}),
        );
        assert_eq!(
            answer["ok"],
            json!({"columns": ["an a", "an a", "ö"], "rows": []}),
            "{op}"
        );
    }
    assert_eq!(
        sql(&host, &json!({"op": "row", "sql": "SELECT 1 WHERE 0"})),
        json!({"ok": null})
    );
    assert_eq!(
        sql(
            &host,
            &json!({"op": "row", "sql": "SELECT 1 UNION SELECT 2"})
        ),
        json!({"ok": [1]})
    );
    assert_eq!(
        sql(&host, &json!({"op": "dialect"})),
        json!({"ok": "sqlite"})
    );
}

#[test]
fn placeholders_are_bound_by_their_name() {
    let host = plain();
    let check = |text: &str, params: Value, expected: Value| {
        for op in ["query", "packed"] {
            let answer = sql(&host, &json!({"op": op, "sql": text, "params": params}));
            assert_eq!(answer["ok"]["rows"], json!([expected]), "{text}: {answer}");
        }
    };
    check(
        "SELECT $2, $1",
        json!(["one", "two"]),
        json!(["two", "one"]),
    );
    check(
        "SELECT $3, $1, $2, $1",
        json!([1, 2, 3]),
        json!([3, 1, 2, 1]),
    );
    check(
        "SELECT :b, :a, :b",
        json!({"a": 1, "b": 2}),
        json!([2, 1, 2]),
    );
    let ten: Vec<_> = (1..=11).collect();
    check(
        "SELECT $11, $10, $9, $8, $7, $6, $5, $4, $3, $2, $1",
        json!(ten),
        json!([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
    );
    // Values are never read as SQL.
    check(
        "SELECT $1",
        json!(["'); DROP TABLE parent; --"]),
        json!(["'); DROP TABLE parent; --"]),
    );
}

#[test]
fn values_that_do_not_fit_their_placeholders_are_refused() {
    let host = plain();
    for (text, params) in [
        ("SELECT $1", json!(null)),
        ("SELECT $1, $2", json!([1])),
        ("SELECT $1", json!([1, 2])),
        ("SELECT 1", json!([1])),
        ("SELECT $2", json!([1, 2])),
        ("SELECT :a", json!({})),
        ("SELECT :a", json!({"b": 1})),
        ("SELECT :a", json!({"a": 1, "b": 2})),
        ("SELECT :a", json!([1])),
        ("SELECT $1", json!({"a": 1})),
        ("SELECT $1, :a", json!([1])),
        ("SELECT ?", json!([1])),
        ("SELECT ?1", json!([1])),
        ("SELECT @a", json!({"a": 1})),
        ("SELECT $1", json!(["NaN!"])),
    ] {
        for op in ["query", "row", "execute"] {
            let answer = sql(&host, &json!({"op": op, "sql": text, "params": params}));
            assert_eq!(
                answer["error"], "invalid-parameter",
                "{op} {text} {params}: {answer}"
            );
            assert!(!answer["message"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn writes_say_what_they_did() {
    let host = plain();
    run(&host, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    assert_eq!(
        run(&host, "INSERT INTO t (v) VALUES ('a'), ('b'), ('c')"),
        json!({"rowsAffected": 3, "lastInsertId": 3})
    );
    assert_eq!(
        run(&host, "UPDATE t SET v = 'x' WHERE id > 1")["rowsAffected"],
        2
    );
    assert_eq!(run(&host, "DELETE FROM t WHERE id = 9")["rowsAffected"], 0);
    // A query that writes returns its rows, and the write is there.
    for op in ["query", "packed"] {
        let answer = sql(
            &host,
            &json!({"op": op, "sql": "INSERT INTO t (v) VALUES ($1), ('e') RETURNING id, v", "params": ["d"]}),
        );
        let rows = &answer["ok"]["rows"];
        assert_eq!(
            (&rows[0][1], &rows[1][1]),
            (&json!("d"), &json!("e")),
            "{answer}"
        );
    }
    let row = sql(
        &host,
        &json!({"op": "row", "sql": "DELETE FROM t WHERE id = 1 RETURNING v"}),
    );
    assert_eq!(row, json!({"ok": ["a"]}));
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[6]]));
}

#[test]
fn a_batch_and_many_are_all_or_nothing() {
    let host = plain();
    run(
        &host,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)",
    );
    let good = json!({"op": "batch", "statements": [
        {"sql": "INSERT INTO t VALUES (1, $1)", "params": ["a"]},
        {"sql": "INSERT INTO t VALUES (2, :v)", "params": {"v": "b"}},
        {"sql": "UPDATE t SET v = v || '!'"},
    ]});
    let answer = sql(&host, &good);
    let affected: Vec<_> = answer["ok"]
        .as_array()
        .unwrap()
        .iter()
        .map(|done| done["rowsAffected"].clone())
        .collect();
    assert_eq!(affected, [1, 1, 2]);
    let bad = json!({"op": "batch", "statements": [
        {"sql": "DELETE FROM t"},
        {"sql": "CREATE TABLE u (n)"},
        {"sql": "INSERT INTO t VALUES (1, NULL)"},
    ]});
    assert_eq!(sql(&host, &bad)["kind"], "not-null");
    assert_eq!(
        rows(&host, "SELECT * FROM t"),
        json!([[1, "a!"], [2, "b!"]])
    );
    assert_eq!(
        rows(&host, "SELECT count(*) FROM sqlite_schema WHERE name = 'u'"),
        json!([[0]])
    );

    let insert = "INSERT INTO t VALUES ($1, $2)";
    let many = sql(
        &host,
        &json!({"op": "many", "sql": insert, "sets": [[3, "c"], [4, "d"], [3, "again"]]}),
    );
    assert_eq!(many["kind"], "primary-key", "{many}");
    let many = sql(
        &host,
        &json!({"op": "many", "sql": insert, "sets": [[3, "c"], [4]]}),
    );
    assert_eq!(many["error"], "invalid-parameter", "{many}");
    assert_eq!(rows(&host, "SELECT count(*) FROM t"), json!([[2]]));
    assert_eq!(
        sql(
            &host,
            &json!({"op": "many", "sql": insert, "sets": [[3, "c"], [4, "d"]]})
        ),
        json!({"ok": 2})
    );
    assert_eq!(
        sql(&host, &json!({"op": "many", "sql": insert, "sets": []})),
        json!({"ok": 0})
    );
    assert_eq!(
        sql(&host, &json!({"op": "batch", "statements": []})),
        json!({"ok": []})
    );
}
