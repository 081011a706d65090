//! Values, placeholders, shapes of results.

use super::*;
use crate::storage::Executed;

#[tokio::test]
async fn values_survive_the_way_there_and_back() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE v (id INTEGER PRIMARY KEY, x)").await;
    let values = [
        Value::Null,
        Value::Integer(i64::MIN),
        Value::Integer(i64::MAX),
        Value::Real(-0.1),
        Value::Real(f64::INFINITY),
        Value::Real(f64::MIN_POSITIVE),
        Value::Text(String::new()),
        Value::Text("a\0b 'ü' 🦀".into()),
        Value::Blob(vec![]),
        Value::Blob(vec![0, 255, 0]),
    ];
    for (id, value) in (1_i64..).zip(&values) {
        let insert = Statement::new(
            "INSERT INTO v VALUES ($1, $2)",
            [Value::Integer(id), value.clone()],
        );
        let done = t.db.execute(insert, later()).await.unwrap();
        assert_eq!(
            done,
            Executed {
                rows_affected: 1,
                last_insert_id: Some(id)
            }
        );
    }
    let rows = t.rows("SELECT x FROM v ORDER BY id").await;
    assert_eq!(rows.columns, ["x"]);
    assert_eq!(rows.rows.into_iter().flatten().collect::<Vec<_>>(), values);
    let flag = t.db.query_row(
        Statement::new(
            "SELECT $1, $2",
            [Value::Boolean(true), Value::Boolean(false)],
        ),
        Reach::Writer,
        later(),
    );
    assert_eq!(
        flag.await.unwrap(),
        Some(vec![Value::Integer(1), Value::Integer(0)])
    );
    assert_eq!(
        t.db.query_row(sql("SELECT 1 WHERE 0"), Reach::Writer, later())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn placeholders_are_bound_by_name() {
    let t = Fixture::new().await;
    let values: Vec<Value> = (1..=12).map(Value::Integer).collect();
    let swapped = Statement::new(
        "SELECT $2, $1, $2, $12, $3+$4+$5+$6+$7+$8+$9+$10+$11",
        values,
    );
    let row =
        t.db.query_row(swapped, Reach::Writer, later())
            .await
            .unwrap()
            .unwrap();
    assert_eq!(row, [2, 1, 2, 12, 63].map(Value::Integer));
    for names in [["a", "b"], [":a", ":b"]] {
        let named = vec![
            (names[1].to_owned(), Value::Integer(2)),
            (names[0].to_owned(), Value::Integer(1)),
        ];
        let statement = Statement {
            sql: "SELECT :a, :b, :a".into(),
            params: Params::Named(named),
        };
        let row =
            t.db.query_row(statement, Reach::Writer, later())
                .await
                .unwrap()
                .unwrap();
        assert_eq!(row, [1, 2, 1].map(Value::Integer));
    }
}

#[tokio::test]
async fn wrong_parameters_are_told() {
    let t = Fixture::new().await;
    let one = || Value::Integer(1);
    let positional = |n: usize| Params::Positional(vec![one(); n]);
    let named = |names: &[&str]| {
        Params::Named(
            names
                .iter()
                .map(|name| ((*name).to_owned(), one()))
                .collect(),
        )
    };
    for (text, params, needle) in [
        ("SELECT $1", Params::None, "1 placeholders, and 0 values"),
        ("SELECT $1", positional(2), "2 values"),
        (
            "SELECT $1, $2",
            positional(1),
            "2 placeholders, and 1 values",
        ),
        ("SELECT $1, $3", positional(3), "the largest of them $3"),
        ("SELECT $2", positional(1), "the largest of them $2"),
        ("SELECT 1", positional(1), "0 placeholders"),
        ("SELECT ?", positional(1), "write $1"),
        ("SELECT ?1", positional(1), "?1 is not supported"),
        ("SELECT @a", named(&["a"]), "@a is not supported"),
        ("SELECT $a", named(&["a"]), "$a is not supported"),
        ("SELECT $0", positional(1), "$0 is not supported"),
        ("SELECT $01", positional(1), "$01 is not supported"),
        ("SELECT :a", positional(1), "values are positional"),
        ("SELECT $1", named(&["a"]), "values are named"),
        ("SELECT $1, :a", positional(2), "values are positional"),
        ("SELECT :a", named(&["b"]), "no value is given for :a"),
        ("SELECT :a", named(&["a", "b"]), "no :b"),
        ("SELECT :a", named(&["a", ":a"]), "twice"),
        (
            "SELECT $1",
            Params::Positional(vec![Value::Real(f64::NAN)]),
            "NaN",
        ),
    ] {
        let statement = Statement {
            sql: text.into(),
            params: params.clone(),
        };
        match t.db.query(statement, Reach::Writer, later()).await {
            Err(Error::InvalidParameter(message)) => {
                assert!(message.contains(needle), "{text}: {message}")
            }
            other => panic!("{text} {params:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn packed_rows_have_the_documented_layout() {
    let t = Fixture::new().await;
    let text = "SELECT 1 AS a, NULL AS bü, 'xy' AS c UNION ALL SELECT 2.5, x'00ff', ''";
    let packed =
        t.db.query_packed(sql(text), Reach::Writer, later())
            .await
            .unwrap();
    let mut expected = vec![2, 0, 0, 0, 3, 0, 0, 0];
    for name in ["a", "bü", "c"] {
        expected.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
        expected.extend(name.as_bytes());
    }
    expected.push(3);
    expected.extend(1_i64.to_le_bytes());
    expected.extend([0, 5, 2, 0, 0, 0, b'x', b'y', 4]);
    expected.extend(2.5_f64.to_le_bytes());
    expected.extend([6, 2, 0, 0, 0, 0, 255, 5, 0, 0, 0, 0]);
    assert_eq!(packed, expected);
    let empty =
        t.db.query_packed(sql("SELECT 1 AS a WHERE 0"), Reach::Writer, later())
            .await
            .unwrap();
    assert_eq!(empty, [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, b'a']);
}

#[tokio::test]
async fn what_a_statement_did_is_counted() {
    let t = Fixture::new().await;
    let done = |rows_affected, last_insert_id| Executed {
        rows_affected,
        last_insert_id,
    };
    for (text, expected) in [
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)",
            done(0, None),
        ),
        ("INSERT INTO t VALUES (7, 1), (9, 1)", done(2, Some(9))),
        (
            "CREATE TABLE u (k TEXT PRIMARY KEY) WITHOUT ROWID",
            done(0, None),
        ),
        ("INSERT INTO u VALUES ('a')", done(1, None)),
        ("UPDATE t SET n = 2", done(2, None)),
        ("SELECT * FROM t", done(0, None)),
        ("INSERT OR IGNORE INTO t VALUES (7, 3)", done(0, None)),
        (
            "WITH x(n) AS (SELECT 5) INSERT INTO t (n) SELECT n FROM x",
            done(1, Some(10)),
        ),
        (
            "INSERT INTO t (n) VALUES (8) RETURNING id",
            done(1, Some(11)),
        ),
        ("DELETE FROM t WHERE id = 7", done(1, None)),
        ("DELETE FROM t WHERE id = 7", done(0, None)),
        ("DROP TABLE t", done(0, None)),
    ] {
        assert_eq!(
            t.db.execute(sql(text), later()).await,
            Ok(expected),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_query_that_writes_goes_to_the_writer() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        .await;
    let rows = t
        .rows("INSERT INTO t (n) VALUES (1), (2), (3) RETURNING id, n * 10 AS m")
        .await;
    assert_eq!(rows.columns, ["id", "m"]);
    assert_eq!(rows.rows.len(), 3);
    let first =
        t.db.query_row(
            sql("UPDATE t SET n = n + 1 RETURNING n"),
            Reach::Writer,
            later(),
        )
        .await
        .unwrap();
    assert_eq!(first, Some(vec![Value::Integer(2)]));
    assert_eq!(t.number("SELECT sum(n) FROM t").await, 9);
    assert_eq!(t.rows("CREATE TABLE u (x)").await, Rows::default());
    assert_eq!(t.rows("SELECT * FROM u").await.columns, ["x"]);
}

#[tokio::test]
async fn cached_statements_follow_the_schema() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (a)").await;
    t.run("INSERT INTO t VALUES (1)").await;
    for _ in 0..2 {
        assert_eq!(t.rows("SELECT * FROM t").await.columns, ["a"]);
        assert_eq!(t.rows("SELECT * FROM t WHERE a > 1").await.columns, ["a"]);
    }
    t.run("ALTER TABLE t ADD COLUMN b DEFAULT 'x'").await;
    assert_eq!(
        t.rows("SELECT * FROM t").await.rows,
        [[Value::Integer(1), Value::from("x")]]
    );
    assert_eq!(
        t.rows("SELECT * FROM t WHERE a > 1").await.columns,
        ["a", "b"]
    );
}

#[tokio::test]
async fn many_sets_of_values_are_all_or_nothing() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    let sets = |ids: &[i64]| {
        ids.iter()
            .map(|id| Params::Positional(vec![Value::Integer(*id)]))
            .collect::<Vec<_>>()
    };
    let insert = || "INSERT INTO t VALUES ($1)".to_owned();
    assert_eq!(
        t.db.execute_many(insert(), sets(&[1, 2, 3]), later()).await,
        Ok(3)
    );
    let error =
        t.db.execute_many(insert(), sets(&[4, 5, 3, 6]), later())
            .await
            .unwrap_err();
    assert!(matches!(error, Error::Constraint(_)), "{error:?}");
    assert_eq!(t.number("SELECT count(*) FROM t").await, 3);
    assert_eq!(t.db.execute_many(insert(), vec![], later()).await, Ok(0));

    let batch = vec![
        Statement::new("INSERT INTO t VALUES ($1)", [Value::Integer(10)]),
        sql("UPDATE t SET id = id + 100"),
    ];
    let done = t.db.batch(batch, later()).await.unwrap();
    assert_eq!(
        done.iter().map(|one| one.rows_affected).collect::<Vec<_>>(),
        [1, 4]
    );
    assert_eq!(done[0].last_insert_id, Some(10));
    let broken = vec![
        sql("INSERT INTO t VALUES (500)"),
        sql("INSERT INTO t VALUES ('text')"),
    ];
    assert!(matches!(
        t.db.batch(broken, later()).await,
        Err(Error::Conversion(_))
    ));
    assert_eq!(t.number("SELECT max(id) FROM t").await, 110);
}
