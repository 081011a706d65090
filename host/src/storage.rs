//! The databases and key-value stores of plugins: trusted code that knows no wasm.
//!
//! A [`Database`] is one plugin's own database. Its methods match on the engine, so that a second one is a second
//! variant. Every call ends at its deadline, and a call whose future is dropped stops soon.

use crate::config::SqlLimits;
use std::{path::PathBuf, time::Duration};

mod durable;
mod error;
mod folder;
pub mod kv;
mod migration;
pub mod sqlite;
mod value;

pub use durable::{create_durably, remove_unfinished, write_durably};
pub use error::{
    ConstraintKind, ConstraintViolation, DbError, Error, LimitExceeded, LimitKind, MigrationError,
    OpenError,
};
pub use folder::{Folder, FolderError};
pub use migration::{Migration, Plan};
pub use sqlite::{backup, replace};
pub use value::{Access, Executed, Params, Reach, Rows, Statement, Value};

/// When a call must have ended. A statement's own limit (`limits.sql.timeout`) applies as well.
pub type Deadline = std::time::Instant;

/// Whether what was committed must survive the host's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on the disk when the call returns.
    Durable,
    /// The file goes when the host stops; nothing waits for the disk.
    Volatile,
}

/// One plugin's database. Clones are handles to the same one.
#[derive(Clone)]
pub enum Database {
    Sqlite(sqlite::Sqlite),
}

/// An open transaction. Dropping it rolls back and does not block.
pub enum Transaction {
    Sqlite(sqlite::Transaction),
}

impl Database {
    /// Opens or creates the SQLite file at `path`.
    ///
    /// When `<path>.before-migration` exists, a migration was cut off before its build went live: that copy is put back
    /// first.
    pub async fn open(
        path: PathBuf,
        durability: Durability,
        limits: &SqlLimits,
    ) -> Result<Self, OpenError> {
        sqlite::Sqlite::open(path, durability, limits)
            .await
            .map(Self::Sqlite)
    }

    /// All rows of a statement. One that writes (`INSERT ... RETURNING`) is durable when this returns.
    pub async fn query(
        &self,
        statement: Statement,
        reach: Reach,
        by: Deadline,
    ) -> Result<Rows, Error> {
        match self {
            Self::Sqlite(db) => db.query(statement, reach, by).await,
        }
    }

    /// The first row; further rows are not looked at.
    pub async fn query_row(
        &self,
        statement: Statement,
        reach: Reach,
        by: Deadline,
    ) -> Result<Option<Vec<Value>>, Error> {
        match self {
            Self::Sqlite(db) => db.query_row(statement, reach, by).await,
        }
    }

    /// All rows in one buffer, little endian, without padding: u32 rows, u32 columns, per column u32 length and UTF-8
    /// name, then the cells row by row: a tag byte (0 null, 1 false, 2 true, 3 int64, 4 float64, 5 text, 6 blob) and 8
    /// bytes for a number, or u32 length and the bytes for text and blob.
    pub async fn query_packed(
        &self,
        statement: Statement,
        reach: Reach,
        by: Deadline,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Self::Sqlite(db) => db.query_packed(statement, reach, by).await,
        }
    }

    /// Runs one statement for its effect. Durable when it returns.
    pub async fn execute(&self, statement: Statement, by: Deadline) -> Result<Executed, Error> {
        match self {
            Self::Sqlite(db) => db.execute(statement, by).await,
        }
    }

    /// Runs one statement once for each set of parameters, all or nothing. Answers the rows affected in all.
    pub async fn execute_many(
        &self,
        sql: String,
        params: Vec<Params>,
        by: Deadline,
    ) -> Result<u64, Error> {
        match self {
            Self::Sqlite(db) => db.execute_many(sql, params, by).await,
        }
    }

    /// Runs several statements in one transaction, all or nothing.
    pub async fn batch(
        &self,
        statements: Vec<Statement>,
        by: Deadline,
    ) -> Result<Vec<Executed>, Error> {
        match self {
            Self::Sqlite(db) => db.batch(statements, by).await,
        }
    }

    /// Opens a transaction. One that writes waits for its turn and then holds the database's writer until it ends.
    pub async fn begin(&self, access: Access, by: Deadline) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(db) => db.begin(access, by).await.map(Transaction::Sqlite),
        }
    }

    /// Which of the migrations a build wants have not run yet.
    ///
    /// Refuses a list that is out of order, a migration whose text changed after it ran, and a database in which a
    /// migration ran that the build does not have, unless that one is additive.
    pub async fn plan(&self, wanted: &[Migration]) -> Result<Plan, MigrationError> {
        match self {
            Self::Sqlite(db) => db.plan(wanted).await,
        }
    }

    /// Runs these migrations in one transaction; after an error the database is as before. `timeout` counts from the
    /// moment when the writer is free. Other writes wait meanwhile, reads go on.
    pub async fn migrate(
        &self,
        pending: &[Migration],
        timeout: Duration,
    ) -> Result<(), MigrationError> {
        match self {
            Self::Sqlite(db) => db.migrate(pending, timeout).await,
        }
    }

    /// Copies the database beside itself, complete or not at all. Until [`Self::discard_copy`], a restart of the host
    /// brings this copy back: let nobody write before it is discarded.
    pub async fn save_copy(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => db.save_copy().await,
        }
    }

    /// Puts the copy back and removes it. Without a copy: an error, and nothing changes.
    pub async fn restore_copy(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => db.restore_copy().await,
        }
    }

    /// Removes the copy, if there is one.
    pub async fn discard_copy(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(db) => db.discard_copy().await,
        }
    }

    /// Bytes on the disk, the write-ahead log included.
    pub fn size(&self) -> u64 {
        match self {
            Self::Sqlite(db) => db.size(),
        }
    }

    /// Runs the writes that are queued, then ends threads and closes the file; at most 10 s. Later calls on any handle
    /// answer [`Error::Closed`].
    pub async fn close(self) {
        match self {
            Self::Sqlite(db) => db.close().await,
        }
    }
}

impl Transaction {
    pub async fn query(&self, statement: Statement, by: Deadline) -> Result<Rows, Error> {
        match self {
            Self::Sqlite(tx) => tx.query(statement, by).await,
        }
    }

    pub async fn query_row(
        &self,
        statement: Statement,
        by: Deadline,
    ) -> Result<Option<Vec<Value>>, Error> {
        match self {
            Self::Sqlite(tx) => tx.query_row(statement, by).await,
        }
    }

    /// As [`Database::query_packed`].
    pub async fn query_packed(&self, statement: Statement, by: Deadline) -> Result<Vec<u8>, Error> {
        match self {
            Self::Sqlite(tx) => tx.query_packed(statement, by).await,
        }
    }

    pub async fn execute(&self, statement: Statement, by: Deadline) -> Result<Executed, Error> {
        match self {
            Self::Sqlite(tx) => tx.execute(statement, by).await,
        }
    }

    /// All or nothing; after an error the transaction is as it was before this call.
    pub async fn execute_many(
        &self,
        sql: String,
        params: Vec<Params>,
        by: Deadline,
    ) -> Result<u64, Error> {
        match self {
            Self::Sqlite(tx) => tx.execute_many(sql, params, by).await,
        }
    }

    /// A mark to which [`Self::rollback_to`] returns: 1, 2, ...
    pub async fn savepoint(&self, by: Deadline) -> Result<u32, Error> {
        match self {
            Self::Sqlite(tx) => tx.savepoint(by).await,
        }
    }

    /// Undoes what was done since that mark. The mark stays, later ones are gone.
    pub async fn rollback_to(&self, savepoint: u32, by: Deadline) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.rollback_to(savepoint, by).await,
        }
    }

    /// Durable when it returns. After an error nothing of the transaction was applied.
    pub async fn commit(self, by: Deadline) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.commit(by).await,
        }
    }

    pub async fn rollback(self, by: Deadline) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.rollback(by).await,
        }
    }
}
