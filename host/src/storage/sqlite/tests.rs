//! Tests of the SQLite engine through the room's public door, one file a concern.

use crate::{
    config::SqlLimits,
    storage::{
        Access, Database, Deadline, Durability, Error, Params, Reach, Rows, Statement, Value,
    },
};
use std::time::{Duration, Instant};

mod copies;
mod dialect;
mod errors;
mod hostile;
mod migrations;
mod reads;
mod replace;
mod spill;
mod transactions;
mod writer;

/// An endless read.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// Far enough to be reached only by a hang.
fn later() -> Deadline {
    Instant::now() + Duration::from_secs(60)
}

fn within(milliseconds: u64) -> Deadline {
    Instant::now() + Duration::from_millis(milliseconds)
}

fn sql(text: &str) -> Statement {
    Statement::new(text, [])
}

/// Limits under which only a hang reaches the time of a statement.
fn patient() -> SqlLimits {
    let minute = Duration::from_secs(60);
    SqlLimits {
        timeout: minute,
        transaction_idle: minute,
        transaction_time: minute,
        ..SqlLimits::default()
    }
}

/// A database in a folder that goes with it.
struct Fixture {
    folder: tempfile::TempDir,
    db: Database,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(patient()).await
    }

    async fn with(limits: SqlLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sqlite");
        let db = Database::open(path, Durability::Volatile, &limits)
            .await
            .unwrap();
        Self { folder, db }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("test.sqlite")
    }

    async fn run(&self, text: &str) {
        self.db
            .execute(sql(text), later())
            .await
            .unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }

    async fn rows(&self, text: &str) -> Rows {
        self.db
            .query(sql(text), Reach::Writer, later())
            .await
            .unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    async fn number(&self, text: &str) -> i64 {
        match self.rows(text).await.rows.as_slice() {
            [row] if matches!(row[..], [Value::Integer(_)]) => match row[0] {
                Value::Integer(number) => number,
                _ => unreachable!(),
            },
            other => panic!("{text}: {other:?}"),
        }
    }

    async fn error(&self, text: &str) -> Error {
        match self.db.execute(sql(text), later()).await {
            Err(error) => error,
            Ok(done) => panic!("{text}: {done:?}"),
        }
    }
}
