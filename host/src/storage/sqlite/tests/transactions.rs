//! Transactions that the caller drives.

use super::*;
use crate::storage::LimitKind;

async fn counter() -> Fixture {
    counter_with(patient()).await
}

async fn counter_with(limits: SqlLimits) -> Fixture {
    let t = Fixture::with(limits).await;
    t.run("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)")
        .await;
    t.run("INSERT INTO t VALUES (1, 1)").await;
    t
}

#[tokio::test]
async fn commit_keeps_and_the_rest_rolls_back() {
    let t = counter().await;
    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    tx.execute(sql("INSERT INTO t VALUES (2, 2)"), later())
        .await
        .unwrap();
    let inside = tx
        .query(sql("SELECT count(*) FROM t"), later())
        .await
        .unwrap();
    assert_eq!(inside.rows, [[Value::Integer(2)]]);
    let returned = tx
        .query_row(sql("INSERT INTO t VALUES (3, 3) RETURNING n"), later())
        .await
        .unwrap();
    assert_eq!(returned, Some(vec![Value::Integer(3)]));
    assert!(
        !tx.query_packed(sql("SELECT * FROM t"), later())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        t.number("SELECT count(*) FROM t").await,
        1,
        "not seen outside"
    );
    tx.commit(later()).await.unwrap();
    assert_eq!(t.number("SELECT count(*) FROM t").await, 3);

    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    tx.execute(sql("DELETE FROM t"), later()).await.unwrap();
    tx.rollback(later()).await.unwrap();
    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    tx.execute(sql("DELETE FROM t"), later()).await.unwrap();
    drop(tx);
    // Queued behind the dropped transaction.
    t.run("UPDATE t SET n = n").await;
    assert_eq!(t.number("SELECT count(*) FROM t").await, 3);
}

#[tokio::test]
async fn a_failed_statement_leaves_the_transaction_as_it_was() {
    let t = counter().await;
    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    tx.execute(sql("INSERT INTO t VALUES (2, 2)"), later())
        .await
        .unwrap();
    assert!(matches!(
        tx.execute(sql("INSERT INTO t VALUES (3, 3), (4, 2)"), later())
            .await,
        Err(Error::Constraint(_))
    ));
    let sets = [3, 4, 2]
        .map(|id| Params::Positional(vec![Value::Integer(id)]))
        .to_vec();
    let many = tx
        .execute_many("INSERT INTO t VALUES ($1, $1)".into(), sets, later())
        .await;
    assert!(matches!(many, Err(Error::Constraint(_))), "{many:?}");
    assert!(matches!(
        tx.execute(sql("COMMIT"), later()).await,
        Err(Error::Denied(_))
    ));
    let sets = [5, 6]
        .map(|id| Params::Positional(vec![Value::Integer(id)]))
        .to_vec();
    assert_eq!(
        tx.execute_many("INSERT INTO t VALUES ($1, $1)".into(), sets, later())
            .await,
        Ok(2)
    );
    tx.commit(later()).await.unwrap();
    assert_eq!(t.number("SELECT sum(id) FROM t").await, 1 + 2 + 5 + 6);
}

#[tokio::test]
async fn savepoints_nest() {
    let t = counter().await;
    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    let insert = async |id: i64| {
        tx.execute(
            Statement::new("INSERT INTO t VALUES ($1, $1)", [Value::Integer(id)]),
            later(),
        )
        .await
        .unwrap();
    };
    insert(2).await;
    assert_eq!(tx.savepoint(later()).await, Ok(1));
    insert(3).await;
    assert_eq!(tx.savepoint(later()).await, Ok(2));
    insert(4).await;
    tx.rollback_to(2, later()).await.unwrap();
    insert(5).await;
    tx.rollback_to(1, later()).await.unwrap();
    assert!(matches!(
        tx.rollback_to(2, later()).await,
        Err(Error::InvalidParameter(_))
    ));
    assert!(matches!(
        tx.rollback_to(77, later()).await,
        Err(Error::InvalidParameter(_))
    ));
    insert(6).await;
    assert_eq!(tx.savepoint(later()).await, Ok(3));
    tx.rollback_to(1, later()).await.unwrap();
    insert(7).await;
    tx.commit(later()).await.unwrap();
    assert_eq!(t.number("SELECT sum(id) FROM t").await, 1 + 2 + 7);
}

#[tokio::test]
async fn an_error_that_rolls_back_ends_the_transaction() {
    let t = counter().await;
    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    tx.execute(sql("INSERT INTO t VALUES (2, 2)"), later())
        .await
        .unwrap();
    let broken = tx
        .execute(sql("INSERT OR ROLLBACK INTO t VALUES (3, 2)"), later())
        .await;
    assert!(matches!(broken, Err(Error::Constraint(_))), "{broken:?}");
    let after = tx
        .execute(sql("INSERT INTO t VALUES (4, 4)"), later())
        .await;
    assert!(matches!(after, Err(Error::Closed(_))), "{after:?}");
    assert!(matches!(tx.commit(later()).await, Err(Error::Closed(_))));
    assert_eq!(t.number("SELECT count(*) FROM t").await, 1);

    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    let late = tx
        .execute(sql(&format!("INSERT INTO t (n) {ENDLESS}")), within(100))
        .await;
    assert_eq!(late, Err(Error::TimedOut));
    drop(tx);
    t.run("UPDATE t SET n = 9").await;
}

#[tokio::test]
async fn a_deferred_foreign_key_fails_the_commit() {
    let t = counter().await;
    t.run("CREATE TABLE c (t INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
        .await;
    let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    tx.execute(sql("INSERT INTO c VALUES (99)"), later())
        .await
        .unwrap();
    assert!(matches!(
        tx.commit(later()).await,
        Err(Error::Constraint(_))
    ));
    assert_eq!(t.number("SELECT count(*) FROM c").await, 0);
    t.run("INSERT INTO c VALUES (1)").await;
}

#[tokio::test]
async fn idle_and_long_transactions_are_rolled_back() {
    let short = Duration::from_millis(150);
    for limits in [
        SqlLimits {
            transaction_idle: short,
            ..patient()
        },
        SqlLimits {
            transaction_time: short,
            ..patient()
        },
    ] {
        let t = counter_with(limits).await;
        let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
        tx.execute(sql("DELETE FROM t"), later()).await.unwrap();
        // Answered only when the writer is free again.
        t.run("INSERT INTO t VALUES (2, 2)").await;
        assert_eq!(
            tx.execute(sql("DELETE FROM t"), later()).await,
            Err(Error::TimedOut)
        );
        assert_eq!(tx.commit(later()).await, Err(Error::TimedOut));
        assert_eq!(t.number("SELECT count(*) FROM t").await, 2);

        let reading = t.db.begin(Access::ReadOnly, later()).await.unwrap();
        let mut answer = reading.query(sql("SELECT count(*) FROM t"), later()).await;
        assert!(answer.is_ok());
        let patience = later();
        while answer.is_ok() && Instant::now() < patience {
            tokio::time::sleep(short * 2).await;
            answer = reading.query(sql("SELECT count(*) FROM t"), later()).await;
        }
        assert_eq!(answer, Err(Error::TimedOut));
    }
}

#[tokio::test]
async fn a_long_statement_ends_with_its_transaction() {
    let t = counter_with(SqlLimits {
        transaction_time: Duration::from_millis(200),
        ..patient()
    })
    .await;
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let tx = t.db.begin(access, later()).await.unwrap();
        assert_eq!(
            tx.query(sql(ENDLESS), later()).await,
            Err(Error::TimedOut),
            "{access:?}"
        );
    }
    t.run("UPDATE t SET n = 9").await;
}

#[tokio::test]
async fn a_reading_transaction_sees_one_moment() {
    let t = counter().await;
    let tx = t.db.begin(Access::ReadOnly, later()).await.unwrap();
    let count = async || {
        tx.query(sql("SELECT count(*) FROM t"), later())
            .await
            .unwrap()
            .rows[0][0]
            .clone()
    };
    assert_eq!(count().await, Value::Integer(1));
    t.run("INSERT INTO t VALUES (2, 2)").await;
    assert_eq!(count().await, Value::Integer(1));
    // Slow enough to leave the worker: still the same moment.
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n, t";
    for _ in 0..2 {
        assert_eq!(
            tx.query(sql(slow), later()).await.unwrap().rows,
            [[Value::Integer(300_000)]]
        );
    }
    assert_eq!(count().await, Value::Integer(1));
    for text in ["INSERT INTO t VALUES (3, 3)", "DELETE FROM t"] {
        assert_eq!(tx.execute(sql(text), later()).await, Err(Error::ReadOnly));
        assert_eq!(tx.query(sql(text), later()).await, Err(Error::ReadOnly));
    }
    assert_eq!(tx.savepoint(later()).await, Err(Error::ReadOnly));
    tx.commit(later()).await.unwrap();
    assert_eq!(t.number("SELECT count(*) FROM t").await, 2);
}

#[tokio::test]
async fn open_reading_transactions_are_limited() {
    let t = counter().await;
    let mut open = Vec::new();
    let refused = loop {
        match t.db.begin(Access::ReadOnly, later()).await {
            Ok(tx) => open.push(tx),
            Err(error) => break error,
        }
        assert!(open.len() <= 16);
    };
    assert_eq!(refused, Error::limit(LimitKind::OpenTransactions, 16));
    assert_eq!(
        t.number("SELECT count(*) FROM t").await,
        1,
        "reads outside go on"
    );
    open.pop();
    t.db.begin(Access::ReadOnly, later()).await.unwrap();
}

#[tokio::test]
async fn a_second_writing_transaction_waits_its_turn() {
    let t = counter().await;
    let first = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    assert_eq!(
        t.db.begin(Access::ReadWrite, within(50)).await.map(drop),
        Err(Error::TimedOut)
    );
    let db = t.db.clone();
    let second = tokio::spawn(async move {
        let tx = db.begin(Access::ReadWrite, later()).await.unwrap();
        tx.execute(sql("UPDATE t SET n = n * 10"), later())
            .await
            .unwrap();
        tx.commit(later()).await.unwrap();
    });
    first
        .execute(sql("UPDATE t SET n = n + 1"), later())
        .await
        .unwrap();
    first.commit(later()).await.unwrap();
    second.await.unwrap();
    assert_eq!(t.number("SELECT n FROM t").await, 20);
}

#[tokio::test]
async fn a_lock_of_someone_else_is_a_conflict() {
    let t = counter_with(SqlLimits {
        timeout: Duration::from_millis(200),
        ..patient()
    })
    .await;
    let other = rusqlite::Connection::open(t.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(t.number("SELECT n FROM t").await, 1, "reads go on");
    assert!(matches!(
        t.error("UPDATE t SET n = 2").await,
        Error::Conflict(_) | Error::TimedOut
    ));
    other.execute_batch("ROLLBACK").unwrap();
    t.run("UPDATE t SET n = 2").await;
}
