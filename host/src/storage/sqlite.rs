//! SQLite as the engine of a plugin's database: reads at once on the async worker, slow ones on a thread, writes through
//! one writer that commits in groups.

use super::{
    Access, Deadline, Durability, Error, Executed, LimitKind, Migration, MigrationError, OpenError,
    Params, Plan, Reach, Rows, Statement, Value, migration,
};
use crate::config::SqlLimits;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

mod authorizer;
pub mod backup;
mod bind;
mod call;
mod connection;
mod copy;
mod core;
mod faults;
mod functions;
mod hold;
mod job;
mod mailbox;
mod migrate;
mod readers;
mod reading;
pub mod replace;
mod rows;
mod run;
mod slow;
mod snapshot;
mod spill;
mod transaction;
mod watch;
mod words;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use self::{
    connection::{Connection, Settings},
    core::Core,
};
pub use transaction::Transaction;

use faults::Fault;
use rows::{All, First, Packed, Shape};

/// A handle to one SQLite database; clones are cheap.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    core: Core,
    slow: slow::Slow,
    reading: Arc<AtomicUsize>,
}

impl Sqlite {
    pub(super) async fn open(
        path: PathBuf,
        durability: Durability,
        limits: &SqlLimits,
    ) -> Result<Self, OpenError> {
        let settings = Settings {
            path: path.clone(),
            durability,
            limits: limits.clone(),
            guest: true,
            file: None,
        };
        let core =
            tokio::task::spawn_blocking(move || Core::open(settings, migrate::prepare)).await;
        let core = core.map_err(|error| OpenError::Unusable {
            path,
            message: error.to_string(),
        })??;
        Ok(Self(Arc::new(Inner {
            core,
            slow: slow::Slow::default(),
            reading: Arc::default(),
        })))
    }

    pub(super) async fn query(
        &self,
        statement: Statement,
        reach: Reach,
        by: Deadline,
    ) -> Result<Rows, Error> {
        self.collect::<All>(statement, reach, by).await
    }

    pub(super) async fn query_row(
        &self,
        statement: Statement,
        reach: Reach,
        by: Deadline,
    ) -> Result<Option<Vec<Value>>, Error> {
        self.collect::<First>(statement, reach, by).await
    }

    pub(super) async fn query_packed(
        &self,
        statement: Statement,
        reach: Reach,
        by: Deadline,
    ) -> Result<Vec<u8>, Error> {
        self.collect::<Packed>(statement, reach, by).await
    }

    async fn collect<S: Shape>(
        &self,
        statement: Statement,
        reach: Reach,
        by: Deadline,
    ) -> Result<S::Out, Error> {
        let now = Instant::now();
        let until = self.until_from(now, by)?;
        run::check(&statement.sql, self.limits())?;
        let core = self.core();
        if !self.is_slow(&statement.sql) {
            match core.read_inline(now, until, |connection| connection.read::<S>(&statement)) {
                Ok(rows) => return Ok(rows),
                Err(Fault::Failed(error)) => return Err(error),
                Err(Fault::Slow) => self.remember_slow(&statement.sql),
                Err(Fault::Writes) => {
                    return self.write::<S>(Arc::new(statement), reach, until).await;
                }
            }
        }
        let statement = Arc::new(statement);
        let again = statement.clone();
        match core
            .read_on_thread(until, move |connection| connection.read::<S>(&again))
            .await
        {
            Err(Fault::Writes) => self.write::<S>(statement, reach, until).await,
            outcome => outcome.map_err(|fault| fault.into_error(self.limits().value)),
        }
    }

    /// A statement that writes and answers rows.
    async fn write<S: Shape>(
        &self,
        statement: Arc<Statement>,
        reach: Reach,
        until: Instant,
    ) -> Result<S::Out, Error> {
        if reach == Reach::Readers {
            return Err(Error::Denied(
                "a query that writes, while a read-write transaction is open, would wait for itself: call the \
                 transaction's own query, or commit it first"
                    .into(),
            ));
        }
        self.core()
            .writer
            .submit(until, move |connection| connection.query::<S>(&statement))
            .await
    }

    pub(super) async fn execute(
        &self,
        statement: Statement,
        by: Deadline,
    ) -> Result<Executed, Error> {
        let until = self.until(by)?;
        run::check(&statement.sql, self.limits())?;
        self.core()
            .writer
            .submit(until, move |connection| connection.execute(&statement))
            .await
    }

    pub(super) async fn execute_many(
        &self,
        sql: String,
        params: Vec<Params>,
        by: Deadline,
    ) -> Result<u64, Error> {
        let until = self.until(by)?;
        run::check(&sql, self.limits())?;
        self.check_batch(params.len())?;
        self.core()
            .writer
            .submit(until, move |connection| {
                connection.execute_many(&sql, &params)
            })
            .await
    }

    pub(super) async fn batch(
        &self,
        statements: Vec<Statement>,
        by: Deadline,
    ) -> Result<Vec<Executed>, Error> {
        let until = self.until(by)?;
        self.check_batch(statements.len())?;
        for statement in &statements {
            run::check(&statement.sql, self.limits())?;
        }
        let run = move |connection: &Connection| {
            statements
                .iter()
                .map(|one| connection.execute(one))
                .collect()
        };
        self.core().writer.submit(until, run).await
    }

    pub(super) async fn begin(&self, access: Access, by: Deadline) -> Result<Transaction, Error> {
        Transaction::begin(self, access, self.until(by)?).await
    }

    pub(super) async fn plan(&self, wanted: &[Migration]) -> Result<Plan, MigrationError> {
        let applied = self
            .core()
            .writer
            .alone(|connection| migrate::applied(connection))
            .await;
        let applied = applied
            .and_then(|applied| applied)
            .map_err(MigrationError::Storage)?;
        migration::plan(wanted, &applied)
    }

    pub(super) async fn migrate(
        &self,
        pending: &[Migration],
        timeout: Duration,
    ) -> Result<(), MigrationError> {
        migration::check_order(pending)?;
        let (settings, pending) = (self.core().settings.clone(), pending.to_vec());
        let run = self
            .core()
            .writer
            .alone(move |_| migrate::run(&settings, &pending, timeout))
            .await;
        run.map_err(MigrationError::Storage)?
    }

    pub(super) async fn save_copy(&self) -> Result<(), Error> {
        let path = self.path().to_owned();
        self.core()
            .writer
            .alone(move |connection| copy::save(connection, &path))
            .await?
    }

    pub(super) async fn restore_copy(&self) -> Result<(), Error> {
        let path = self.path().to_owned();
        self.core()
            .writer
            .alone(move |connection| copy::restore(connection, &path))
            .await?
    }

    pub(super) async fn discard_copy(&self) -> Result<(), Error> {
        let path = self.path().to_owned();
        self.core()
            .writer
            .alone(move |_| copy::discard(&path))
            .await?
    }

    pub(super) fn size(&self) -> u64 {
        self.core().size()
    }

    pub(super) async fn close(&self) {
        self.core().close().await;
    }

    fn core(&self) -> &Core {
        &self.0.core
    }

    fn limits(&self) -> &SqlLimits {
        &self.0.core.settings.limits
    }

    fn path(&self) -> &Path {
        &self.core().settings.path
    }

    /// How many transactions that read are open.
    fn open_reading(&self) -> &Arc<AtomicUsize> {
        &self.0.reading
    }

    /// When a call that starts now must have ended.
    fn until(&self, by: Deadline) -> Result<Instant, Error> {
        self.until_from(Instant::now(), by)
    }

    fn until_from(&self, now: Instant, by: Deadline) -> Result<Instant, Error> {
        self.core().ensure_open()?;
        if by <= now {
            Err(Error::TimedOut)
        } else {
            Ok(by.min(now + self.limits().timeout))
        }
    }

    fn check_batch(&self, length: usize) -> Result<(), Error> {
        let most = self.limits().batch;
        if length > most as usize {
            Err(Error::limit(LimitKind::BatchStatements, most.into()))
        } else {
            Ok(())
        }
    }

    /// Whether a read goes to a thread at once.
    fn is_slow(&self, sql: &str) -> bool {
        !Connection::is_cacheable(sql) || self.0.slow.contains(sql)
    }

    fn remember_slow(&self, sql: &str) {
        self.0.slow.insert(sql);
    }
}
