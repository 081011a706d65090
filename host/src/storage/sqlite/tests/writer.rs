//! Group commit: whatever one job does, the others are kept and answered right.

use super::*;
use crate::storage::{ConstraintKind, LimitKind};

const JOBS: i64 = 50;

async fn tables(limits: SqlLimits) -> Fixture {
    let t = Fixture::with(limits).await;
    t.run("CREATE TABLE good (id INTEGER PRIMARY KEY, pad)")
        .await;
    t.run("CREATE TABLE bad (id INTEGER PRIMARY KEY, x UNIQUE)")
        .await;
    t.run("CREATE TABLE child (good INTEGER REFERENCES good DEFERRABLE INITIALLY DEFERRED)")
        .await;
    t.run("CREATE TRIGGER stop BEFORE INSERT ON bad WHEN new.x = 'stop' BEGIN SELECT RAISE(ROLLBACK, 'stopped'); END")
        .await;
    t.run("INSERT INTO bad VALUES (1, 'taken')").await;
    t
}

/// Queues 25 good jobs, the bad one and 25 more behind a held writer, so that they run as one group. Answers the bad
/// one's outcome; all good ones must be there.
async fn among_good_ones(t: &Fixture, bad: Statement, by: Option<Duration>) -> Error {
    let hold = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    let good = |id: i64| {
        let db = t.db.clone();
        async move {
            db.execute(
                Statement::new("INSERT INTO good VALUES ($1, 'x')", [Value::Integer(id)]),
                later(),
            )
            .await
        }
    };
    let mut set = tokio::task::JoinSet::new();
    let queue = async |number: usize| {
        while queued(&t.db) < number {
            tokio::task::yield_now().await;
        }
    };
    let mut count = 0;
    for id in 0..JOBS / 2 {
        set.spawn(good(id));
        count += 1;
        queue(count).await;
    }
    let (db, until) = (
        t.db.clone(),
        by.map_or_else(later, |by| Instant::now() + by),
    );
    let bad = tokio::spawn(async move { db.execute(bad, until).await });
    count += 1;
    queue(count).await;
    for id in JOBS / 2..JOBS {
        set.spawn(good(id));
        count += 1;
        queue(count).await;
    }
    hold.rollback(later()).await.unwrap();
    while let Some(outcome) = set.join_next().await {
        assert_eq!(outcome.unwrap().map(|done| done.rows_affected), Ok(1));
    }
    let error = bad.await.unwrap().unwrap_err();
    assert_eq!(t.number("SELECT count(*) FROM good").await, JOBS);
    assert_eq!(
        t.number("SELECT sum(id) FROM good").await,
        JOBS * (JOBS - 1) / 2
    );
    assert_eq!(t.number("SELECT count(*) FROM bad").await, 1);
    assert_eq!(t.number("SELECT count(*) FROM child").await, 0);
    error
}

fn queued(db: &Database) -> usize {
    let Database::Sqlite(db) = db;
    db.core().writer.queued()
}

#[tokio::test]
async fn a_job_past_its_deadline() {
    let t = tables(patient()).await;
    let endless = format!("INSERT INTO bad (x) {ENDLESS}");
    assert_eq!(
        among_good_ones(&t, sql(&endless), Some(Duration::from_millis(400))).await,
        Error::TimedOut
    );
}

#[tokio::test]
async fn a_job_that_breaks_a_constraint() {
    let t = tables(patient()).await;
    let error = among_good_ones(
        &t,
        sql("INSERT INTO bad VALUES (2, 'new'), (3, 'taken')"),
        None,
    )
    .await;
    assert!(matches!(error, Error::Constraint(found) if found.kind == ConstraintKind::Unique));
}

/// What `FAIL` leaves behind is gone too.
#[tokio::test]
async fn a_job_with_or_fail() {
    let t = tables(patient()).await;
    let error = among_good_ones(
        &t,
        sql("INSERT OR FAIL INTO bad VALUES (2, 'new'), (3, 'taken')"),
        None,
    )
    .await;
    assert!(matches!(error, Error::Constraint(found) if found.kind == ConstraintKind::Unique));
}

#[tokio::test]
async fn a_job_whose_trigger_fails() {
    let t = tables(patient()).await;
    t.run("CREATE TRIGGER fail AFTER INSERT ON bad WHEN new.x = 'fail' BEGIN DELETE FROM bad; SELECT RAISE(FAIL, 'failed'); END")
        .await;
    let error = among_good_ones(
        &t,
        sql("INSERT INTO bad VALUES (2, 'new'), (3, 'fail')"),
        None,
    )
    .await;
    assert!(
        matches!(&error, Error::Constraint(found) if found.message == "failed"),
        "{error:?}"
    );
}

/// Of all these SQLite itself, in a transaction, keeps what they did before they failed.
#[tokio::test]
async fn a_job_that_sqlite_does_not_take_back() {
    let chain = (1..=105).map(|id| format!("({id}, {})", id - 1));
    let chain = format!(
        "INSERT INTO n VALUES {}",
        chain.collect::<Vec<_>>().join(", ")
    )
    .replace("(1, 0)", "(1, NULL)");
    for (setup, bad, check, expected) in [
        (
            vec!["CREATE TABLE s (a INT) STRICT"],
            sql("INSERT INTO s VALUES (1), ('x')"),
            "SELECT count(*) FROM s",
            0,
        ),
        (
            vec![
                "CREATE TABLE n (id INTEGER PRIMARY KEY, p INTEGER REFERENCES n ON DELETE CASCADE)",
                &chain,
            ],
            sql("DELETE FROM n WHERE id = 1"),
            "SELECT count(*) FROM n",
            105,
        ),
        (
            vec!["CREATE TABLE big (x)"],
            Statement::new(
                "INSERT INTO big VALUES ($1) RETURNING x || x || x || x || x || x",
                [Value::Text("x".repeat(800_000))],
            ),
            "SELECT count(*) FROM big",
            0,
        ),
        (
            vec![
                "CREATE TABLE u (x UNIQUE)",
                "INSERT INTO u VALUES (2)",
                "CREATE TRIGGER f BEFORE INSERT ON bad BEGIN INSERT OR FAIL INTO u VALUES (1), (2); END",
            ],
            sql("INSERT INTO bad VALUES (9, 'new')"),
            "SELECT count(*) FROM u",
            1,
        ),
    ] {
        let t = tables(SqlLimits {
            value: 1 << 20,
            ..patient()
        })
        .await;
        for text in setup {
            t.run(text).await;
        }
        let text = bad.sql.clone();
        let error = among_good_ones(&t, bad, None).await;
        assert_eq!(t.number(check).await, expected, "{text}: {error:?}");
    }
}

/// After a failure there are savepoints for a while, and then there are none again: both ways keep what is good.
#[tokio::test]
async fn many_jobs_that_fail_among_many_that_do_not() {
    let t = tables(patient()).await;
    t.run("CREATE TABLE s (a INT) STRICT").await;
    let mut jobs = tokio::task::JoinSet::new();
    for n in 0..400_i64 {
        let db = t.db.clone();
        jobs.spawn(async move {
            let values = if n % 7 == 3 {
                [Value::Integer(n), Value::Text("x".into())]
            } else {
                [Value::Integer(n), Value::Integer(n)]
            };
            let done = db
                .execute(
                    Statement::new("INSERT INTO s VALUES ($1), ($2)", values),
                    later(),
                )
                .await;
            assert_eq!(done.is_err(), n % 7 == 3, "{done:?}");
            u64::from(done.is_ok())
        });
    }
    let good: u64 = jobs.join_all().await.into_iter().sum();
    assert_eq!(
        t.number("SELECT count(*) FROM s").await,
        2 * good.cast_signed()
    );
    assert_eq!(
        t.number("SELECT count(*) FROM (SELECT a FROM s GROUP BY a HAVING count(*) <> 2)")
            .await,
        0
    );
}

/// Its rows exist when the second one turns out too large to answer.
#[tokio::test]
async fn a_job_that_answers_too_much() {
    let t = tables(SqlLimits {
        value: 1 << 10,
        ..patient()
    })
    .await;
    let hold = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    let returning = |id: i64, bytes: usize| {
        let db = t.db.clone();
        let text = format!(
            "INSERT INTO bad VALUES ({id}, '{id}') RETURNING replace(hex(zeroblob({bytes})), '0', 'a')"
        );
        tokio::spawn(async move {
            let answered = db.query(sql(&text), Reach::Writer, later()).await;
            answered.map(|rows| rows.rows.len())
        })
    };
    let (bad, good) = (returning(2, 4 << 10), returning(3, 1));
    while queued(&t.db) < 2 {
        tokio::task::yield_now().await;
    }
    hold.rollback(later()).await.unwrap();
    let error = bad.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::LimitExceeded(_)), "{error:?}");
    assert_eq!(good.await.unwrap(), Ok(1));
    assert_eq!(t.number("SELECT sum(rowid) FROM bad").await, 1 + 3);
}

#[tokio::test]
async fn a_job_with_or_rollback() {
    let t = tables(patient()).await;
    let error = among_good_ones(
        &t,
        sql("INSERT OR ROLLBACK INTO bad VALUES (2, 'new'), (3, 'taken')"),
        None,
    )
    .await;
    assert!(matches!(error, Error::Constraint(found) if found.kind == ConstraintKind::Unique));
}

#[tokio::test]
async fn a_job_whose_trigger_rolls_back() {
    let t = tables(patient()).await;
    let error = among_good_ones(
        &t,
        sql("INSERT INTO bad VALUES (2, 'new'), (3, 'stop')"),
        None,
    )
    .await;
    assert!(
        matches!(&error, Error::Constraint(found) if found.message == "stopped"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_job_whose_foreign_key_fails_at_commit() {
    let t = tables(patient()).await;
    let error = among_good_ones(&t, sql("INSERT INTO child VALUES (1000)"), None).await;
    assert!(matches!(error, Error::Constraint(found) if found.kind == ConstraintKind::ForeignKey));
}

#[tokio::test]
async fn a_job_that_fills_the_database() {
    let t = tables(SqlLimits {
        database: 1 << 20,
        ..patient()
    })
    .await;
    let error = among_good_ones(
        &t,
        sql("INSERT INTO bad VALUES (2, zeroblob(2000000))"),
        None,
    )
    .await;
    assert_eq!(error, Error::limit(LimitKind::DatabaseSize, 1 << 20));
}

#[tokio::test]
async fn a_job_that_panics() {
    let t = tables(patient()).await;
    let Database::Sqlite(db) = &t.db;
    let panicking = db.core().writer.submit(later(), |connection| {
        connection.control("DELETE FROM bad")?;
        panic!("on purpose");
        #[expect(unreachable_code, reason = "gives the closure its type")]
        Ok(())
    });
    assert!(matches!(panicking.await, Err(Error::Other(_))));
    assert_eq!(t.number("SELECT count(*) FROM bad").await, 1);
    t.run("INSERT INTO good VALUES (1, 'x')").await;
}

#[tokio::test]
async fn a_job_whose_caller_went_is_skipped() {
    let t = tables(patient()).await;
    let hold = t.db.begin(Access::ReadWrite, later()).await.unwrap();
    let write =
        t.db.execute(sql("INSERT INTO bad VALUES (2, 'gone')"), later());
    tokio::time::timeout(Duration::from_millis(20), write)
        .await
        .unwrap_err();
    // Still behind the held writer when its time is over.
    let late =
        t.db.execute(sql("INSERT INTO bad VALUES (3, 'late')"), within(20))
            .await;
    assert_eq!(late, Err(Error::TimedOut));
    hold.rollback(later()).await.unwrap();
    t.run("INSERT INTO good VALUES (1, 'x')").await;
    assert_eq!(t.number("SELECT count(*) FROM bad").await, 1);
}

#[tokio::test]
async fn a_running_job_stops_when_its_caller_goes() {
    let t = tables(patient()).await;
    let endless = sql(&format!("INSERT INTO bad (x) {ENDLESS}"));
    tokio::time::timeout(Duration::from_millis(100), t.db.execute(endless, later()))
        .await
        .unwrap_err();
    // It would hold the writer for a minute.
    let next =
        t.db.execute(sql("INSERT INTO good VALUES (1, 'x')"), later());
    tokio::time::timeout(Duration::from_secs(30), next)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_lose_nothing() {
    let t = tables(patient()).await;
    let writers: Vec<_> = (0..40_i64)
        .map(|writer| {
            let db = t.db.clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    let id = Value::Integer(writer * 25 + number);
                    db.execute(
                        Statement::new("INSERT INTO good VALUES ($1, 'x')", [id]),
                        later(),
                    )
                    .await
                    .unwrap();
                    // A reader sees what was answered.
                    let seen = Statement::new(
                        "SELECT 1 FROM good WHERE id = $1",
                        [Value::Integer(writer * 25 + number)],
                    );
                    assert!(
                        db.query_row(seen, Reach::Writer, later())
                            .await
                            .unwrap()
                            .is_some()
                    );
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(t.number("SELECT count(*) FROM good").await, 1000);
}
