//! Slow reads: ended at their deadline, apart from the others, cancelled with their future.

use super::*;

/// The engine inside, for what the public door does not show.
fn engine(db: &Database) -> &crate::storage::sqlite::Sqlite {
    let Database::Sqlite(db) = db;
    db
}

#[tokio::test]
async fn endless_reads_end_and_do_not_hold_up_others() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    t.run("INSERT INTO t VALUES (1)").await;
    let until = within(1500);
    let endless: Vec<_> = (0..6)
        .map(|_| {
            let db = t.db.clone();
            tokio::spawn(async move { db.query(sql(ENDLESS), Reach::Writer, until).await })
        })
        .collect();
    // On the one thread of this runtime: reads that were stuck behind the endless ones would not get here in time.
    let mut answered = 0;
    while Instant::now() < until {
        assert_eq!(t.number("SELECT id FROM t").await, 1);
        t.run("UPDATE t SET id = 1").await;
        answered += 1;
        tokio::task::yield_now().await;
    }
    assert!(answered > 1, "{answered}");
    for read in endless {
        assert_eq!(read.await.unwrap(), Err(Error::TimedOut));
    }
    let (_, threads) = engine(&t.db).core().readers().counts();
    assert!((1..=4).contains(&threads), "{threads}");
    assert_eq!(
        t.number("SELECT count(*) FROM (SELECT 1 UNION ALL SELECT 2)")
            .await,
        2
    );
}

#[tokio::test]
async fn a_read_over_its_budget_moves_to_a_thread_and_is_remembered() {
    let t = Fixture::new().await;
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n";
    assert!(!engine(&t.db).is_slow(slow));
    assert_eq!(t.number(slow).await, 300_000);
    assert!(engine(&t.db).is_slow(slow));
    assert_eq!(t.number(slow).await, 300_000);
    // Values too large for a worker, and functions that one call may keep busy, go the same way.
    for (text, expected) in [
        ("SELECT length(zeroblob(100000))", 100_000),
        ("SELECT length(json_patch('{}', '{}'))", 2),
        (
            "SELECT 'abc' LIKE '%cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc'",
            0,
        ),
    ] {
        for _ in 0..2 {
            assert_eq!(t.number(text).await, expected, "{text}");
            assert!(engine(&t.db).is_slow(text), "{text}");
        }
    }
    assert_eq!(t.number("SELECT 'abc' LIKE 'a%'").await, 1);
    assert!(!engine(&t.db).is_slow("SELECT 'abc' LIKE 'a%'"));
}

#[tokio::test]
async fn dropping_a_read_stops_it() {
    let t = Fixture::new().await;
    // More than there are threads: if they went on, the last read would wait for ever.
    for _ in 0..8 {
        let read = t.db.query(sql(ENDLESS), Reach::Writer, later());
        let _ = tokio::time::timeout(Duration::from_millis(20), read)
            .await
            .unwrap_err();
    }
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n";
    let read = tokio::time::timeout(
        Duration::from_secs(30),
        t.db.query(sql(slow), Reach::Writer, later()),
    )
    .await;
    assert_eq!(read.unwrap().unwrap().rows, [[Value::Integer(300_000)]]);
}

#[tokio::test]
async fn a_call_that_is_late_already_does_not_run() {
    let t = Fixture::new().await;
    let late = || Instant::now() - Duration::from_millis(1);
    assert_eq!(
        t.db.query(sql("SELECT 1"), Reach::Writer, late()).await,
        Err(Error::TimedOut)
    );
    assert_eq!(
        t.db.execute(sql("CREATE TABLE t (x)"), late()).await,
        Err(Error::TimedOut)
    );
    assert_eq!(
        t.db.begin(Access::ReadWrite, late()).await.map(drop),
        Err(Error::TimedOut)
    );
    assert_eq!(
        t.rows("SELECT name FROM sqlite_schema WHERE name = 't'")
            .await
            .rows
            .len(),
        0
    );
}

#[tokio::test]
async fn the_statement_limit_ends_a_call_before_its_deadline() {
    let t = Fixture::with(SqlLimits {
        timeout: Duration::from_millis(100),
        ..patient()
    })
    .await;
    assert_eq!(
        t.db.query(sql(ENDLESS), Reach::Writer, later()).await,
        Err(Error::TimedOut)
    );
    t.run("CREATE TABLE t (x)").await;
    let endless = format!("INSERT INTO t {ENDLESS}");
    assert_eq!(
        t.db.execute(sql(&endless), later()).await,
        Err(Error::TimedOut)
    );
    assert_eq!(t.number("SELECT count(*) FROM t").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_readers_at_once_share_the_connections() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (id INTEGER PRIMARY KEY, n)").await;
    t.run("INSERT INTO t VALUES (1, 0)").await;
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let db = t.db.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    let rows = db
                        .query(sql("SELECT id FROM t"), Reach::Writer, later())
                        .await
                        .unwrap();
                    assert_eq!(rows.rows, [[Value::Integer(1)]]);
                }
            })
        })
        .collect();
    for _ in 0..50 {
        t.run("UPDATE t SET n = n + 1").await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(engine(&t.db).core().readers().counts().0 <= 40);
    assert_eq!(t.number("SELECT n FROM t").await, 50);
}
