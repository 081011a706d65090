//! Each kind of error, and each limit.

use super::*;
use crate::storage::{ConstraintKind, LimitKind};

fn limit(kind: LimitKind, maximum: u64) -> Error {
    Error::limit(kind, maximum)
}

#[tokio::test]
async fn constraints_are_told_by_kind() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT, UNIQUE (a, b), CONSTRAINT short CHECK (length(a) < 5))").await;
    t.run("CREATE TABLE c (k TEXT PRIMARY KEY, p INTEGER REFERENCES p) WITHOUT ROWID")
        .await;
    t.run("CREATE TABLE q (n TEXT)").await;
    t.run("CREATE UNIQUE INDEX folded ON q (lower(n))").await;
    t.run("INSERT INTO q VALUES ('a')").await;
    t.run("CREATE TRIGGER no_x BEFORE INSERT ON p WHEN new.a = 'x' BEGIN SELECT RAISE(ABORT, 'x is not allowed'); END").await;
    t.run("INSERT INTO p VALUES (1, 'a', 'b')").await;
    t.run("INSERT INTO c VALUES ('k', 1)").await;
    let table = |name: &str| Some(name.to_owned());
    for (text, kind, constraint, on, columns) in [
        (
            "INSERT INTO p VALUES (2, 'a', 'b')",
            ConstraintKind::Unique,
            None,
            table("p"),
            vec!["a", "b"],
        ),
        (
            "INSERT INTO q VALUES ('A')",
            ConstraintKind::Unique,
            table("folded"),
            None,
            vec![],
        ),
        (
            "INSERT INTO p VALUES (1, 'z', 'z')",
            ConstraintKind::PrimaryKey,
            None,
            table("p"),
            vec!["id"],
        ),
        (
            "INSERT INTO c VALUES ('k', 1)",
            ConstraintKind::PrimaryKey,
            None,
            table("c"),
            vec!["k"],
        ),
        (
            "INSERT INTO p VALUES (2, NULL, 'z')",
            ConstraintKind::NotNull,
            None,
            table("p"),
            vec!["a"],
        ),
        (
            "INSERT INTO p VALUES (2, 'abcdef', 'z')",
            ConstraintKind::Check,
            table("short"),
            None,
            vec![],
        ),
        (
            "INSERT INTO c VALUES ('l', 9)",
            ConstraintKind::ForeignKey,
            None,
            None,
            vec![],
        ),
        (
            "DELETE FROM p",
            ConstraintKind::ForeignKey,
            None,
            None,
            vec![],
        ),
        (
            "INSERT INTO p VALUES (2, 'x', 'z')",
            ConstraintKind::Other,
            None,
            None,
            vec![],
        ),
    ] {
        match t.error(text).await {
            Error::Constraint(found) => {
                assert_eq!(
                    (found.kind, &found.constraint, &found.table),
                    (kind, &constraint, &on),
                    "{text}: {found:?}"
                );
                assert_eq!(found.columns, columns, "{text}");
                assert!(!found.message.is_empty());
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(t.number("SELECT count(*) FROM p").await, 1);
}

#[tokio::test]
async fn wrong_statements_are_told_with_their_place() {
    let t = Fixture::new().await;
    for (text, needle, position) in [
        ("SELEC 1", "syntax error", Some(1)),
        ("SELECT 'ü', missing", "no such column", Some(13)),
        ("SELECT * FROM missing", "no such table", None),
        ("SELECT 1; SELECT 2", "one statement", None),
        ("SELECT 1; garbage", "syntax error", Some(2)),
        ("", "no statement", None),
        ("  -- nothing\n", "no statement", None),
        (";", "no statement", None),
        ("SELECT 1\0", "NUL", None),
        ("SELECT \"not a column\"", "no such column", Some(8)),
    ] {
        let outcomes = [
            t.db.query(sql(text), Reach::Writer, later())
                .await
                .map(drop),
            t.db.execute(sql(text), later()).await.map(drop),
        ];
        for outcome in outcomes {
            match outcome {
                Err(Error::InvalidStatement(error)) => {
                    assert!(error.message.contains(needle), "{text}: {error:?}");
                    assert_eq!(error.position, position, "{text}: {error:?}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
    assert_eq!(t.number("SELECT 1;  -- the end\n ").await, 1);
}

#[tokio::test]
async fn text_that_is_not_utf8_is_a_conversion_error() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (x TEXT)").await;
    t.run("INSERT INTO t VALUES (CAST(x'ff' AS TEXT)), ('ok')")
        .await;
    for text in [
        "SELECT CAST(x'ff' AS TEXT)",
        "SELECT x FROM t",
        "SELECT char(55296), CAST(x'c3' AS TEXT)",
    ] {
        for packed in [false, true] {
            let error = if packed {
                t.db.query_packed(sql(text), Reach::Writer, later())
                    .await
                    .map(drop)
            } else {
                t.db.query(sql(text), Reach::Writer, later())
                    .await
                    .map(drop)
            };
            assert!(
                matches!(error, Err(Error::Conversion(_))),
                "{text}: {error:?}"
            );
        }
    }
    assert_eq!(
        t.rows("SELECT CAST(x AS BLOB) FROM t LIMIT 1").await.rows,
        [[Value::Blob(vec![0xff])]]
    );
    assert!(matches!(
        t.error("INSERT INTO t VALUES (json('{'))").await,
        Error::Other(_)
    ));
}

#[tokio::test]
async fn every_limit_of_a_statement_holds() {
    let t = Fixture::with(SqlLimits {
        rows: 3,
        result: 4096,
        value: 2048,
        statement: 5000,
        parameters: 5,
        batch: 2,
        ..patient()
    })
    .await;
    t.run("CREATE TABLE t (x)").await;
    let numbers = |n: u32| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{n}) SELECT i FROM n"
        )
    };
    let query = async |statement: Statement| {
        t.db.query(statement, Reach::Writer, later())
            .await
            .map(|rows| rows.rows.len())
    };
    let text = |length: usize| Statement::new("SELECT $1", [Value::Text("x".repeat(length))]);

    assert_eq!(query(sql(&numbers(3))).await, Ok(3));
    assert_eq!(
        query(sql(&numbers(4))).await,
        Err(limit(LimitKind::ResultRows, 3))
    );
    let packed =
        t.db.query_packed(sql(&numbers(4)), Reach::Writer, later())
            .await;
    assert_eq!(packed, Err(limit(LimitKind::ResultRows, 3)));
    assert_eq!(
        query(sql("SELECT zeroblob(2000), zeroblob(2000)")).await,
        Ok(1)
    );
    assert_eq!(
        query(sql("SELECT zeroblob(2040), zeroblob(2040), 1")).await,
        Err(limit(LimitKind::ResultBytes, 4096))
    );
    assert_eq!(query(text(2048)).await, Ok(1));
    assert_eq!(
        query(text(2049)).await,
        Err(limit(LimitKind::ValueSize, 2048))
    );
    assert_eq!(
        query(sql("SELECT zeroblob(2049)")).await,
        Err(limit(LimitKind::ValueSize, 2048))
    );
    assert_eq!(
        query(sql("SELECT length(randomblob(500000000))")).await,
        Err(limit(LimitKind::ValueSize, 2048))
    );
    assert_eq!(
        query(sql(&format!("/*{}*/ SELECT 1", "x".repeat(4987)))).await,
        Ok(1)
    );
    let long = sql(&format!("/*{}*/ SELECT 1", "x".repeat(4988)));
    assert_eq!(
        query(long).await,
        Err(limit(LimitKind::StatementLength, 5000))
    );
    let six = Statement::new("SELECT $1, $2, $3, $4, $5, $6", vec![Value::Null; 6]);
    assert_eq!(query(six).await, Err(limit(LimitKind::ParameterCount, 5)));
    assert_eq!(
        t.db.batch(vec![sql("DELETE FROM t"); 3], later()).await,
        Err(limit(LimitKind::BatchStatements, 2))
    );
    let many =
        t.db.execute_many("DELETE FROM t".into(), vec![Params::None; 3], later())
            .await;
    assert_eq!(many, Err(limit(LimitKind::BatchStatements, 2)));
    let returning = "INSERT INTO t VALUES (1), (2), (3), (4) RETURNING x";
    assert_eq!(
        query(sql(returning)).await,
        Err(limit(LimitKind::ResultRows, 3))
    );
    assert_eq!(t.number("SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn a_full_database_says_so_and_goes_on() {
    let t = Fixture::with(SqlLimits {
        database: 1 << 20,
        ..patient()
    })
    .await;
    t.run("CREATE TABLE t (x)").await;
    let insert = || {
        Statement::new(
            "INSERT INTO t VALUES (zeroblob($1))",
            [Value::Integer(100_000)],
        )
    };
    let mut stored = 0;
    let error = loop {
        match t.db.execute(insert(), later()).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100);
    };
    assert_eq!(error, limit(LimitKind::DatabaseSize, 1 << 20));
    assert_eq!(t.number("SELECT count(*) FROM t").await, stored);
    t.run("DELETE FROM t").await;
    t.db.execute(insert(), later()).await.unwrap();
    assert!(t.db.size() > 0);
}

#[tokio::test]
async fn a_closed_database_answers_closed() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (x)").await;
    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    tx.execute(sql("INSERT INTO t VALUES (1)"), later())
        .await
        .unwrap();
    let reading = t.db.begin(Access::ReadOnly, later()).await.unwrap();
    reading
        .query(sql("SELECT * FROM t"), later())
        .await
        .unwrap();
    t.db.clone().close().await;
    assert!(matches!(
        t.db.query(sql("SELECT 1"), Reach::Writer, later()).await,
        Err(Error::Closed(_))
    ));
    assert!(matches!(t.error("DELETE FROM t").await, Error::Closed(_)));
    assert!(matches!(
        tx.execute(sql("DELETE FROM t"), later()).await,
        Err(Error::Closed(_))
    ));
    assert!(matches!(
        t.db.begin(Access::ReadWrite, later()).await.map(drop),
        Err(Error::Closed(_))
    ));
    drop((tx, reading));
    let again = Database::open(t.path(), Durability::Durable, &patient())
        .await
        .unwrap();
    let rows = again
        .query(sql("SELECT count(*) FROM t"), Reach::Writer, later())
        .await
        .unwrap();
    assert_eq!(rows.rows, [[Value::Integer(0)]]);
}
