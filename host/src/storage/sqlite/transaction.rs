//! An open transaction: one that writes holds the writer, one that reads holds a reading connection.

use super::{
    Sqlite,
    connection::Connection,
    hold::Held,
    reading::Reading,
    rows::{All, First, Packed, Shape},
    run,
};
use crate::storage::{Access, Deadline, Error, Executed, Params, Rows, Statement, Value};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

/// Marks of one transaction.
const MOST_SAVEPOINTS: u32 = 256;

pub struct Transaction {
    db: Sqlite,
    kind: Kind,
    savepoints: AtomicU32,
}

enum Kind {
    Writing(Held),
    Reading(Arc<Reading>),
}

impl Transaction {
    pub(super) async fn begin(db: &Sqlite, access: Access, until: Instant) -> Result<Self, Error> {
        let kind = match access {
            Access::ReadWrite => Kind::Writing(db.core().writer.hold(until).await?),
            Access::ReadOnly => Kind::Reading(Reading::begin(db)?),
        };
        Ok(Self {
            db: db.clone(),
            kind,
            savepoints: AtomicU32::new(0),
        })
    }

    pub async fn query(&self, statement: Statement, by: Deadline) -> Result<Rows, Error> {
        self.collect::<All>(statement, by).await
    }

    pub async fn query_row(
        &self,
        statement: Statement,
        by: Deadline,
    ) -> Result<Option<Vec<Value>>, Error> {
        self.collect::<First>(statement, by).await
    }

    pub async fn query_packed(&self, statement: Statement, by: Deadline) -> Result<Vec<u8>, Error> {
        self.collect::<Packed>(statement, by).await
    }

    async fn collect<S: Shape>(&self, statement: Statement, by: Deadline) -> Result<S::Out, Error> {
        let until = self.db.until(by)?;
        run::check(&statement.sql, self.db.limits())?;
        match &self.kind {
            Kind::Writing(held) => {
                held.step(until, move |connection| connection.query::<S>(&statement))
                    .await
            }
            Kind::Reading(reading) => reading.read::<S>(&self.db, statement, until).await,
        }
    }

    pub async fn execute(&self, statement: Statement, by: Deadline) -> Result<Executed, Error> {
        let until = self.db.until(by)?;
        run::check(&statement.sql, self.db.limits())?;
        self.writing()?
            .step(until, move |connection| connection.execute(&statement))
            .await
    }

    pub async fn execute_many(
        &self,
        sql: String,
        params: Vec<Params>,
        by: Deadline,
    ) -> Result<u64, Error> {
        let until = self.db.until(by)?;
        run::check(&sql, self.db.limits())?;
        self.db.check_batch(params.len())?;
        let run = move |connection: &Connection| {
            connection.control("SAVEPOINT _greenroom_many")?;
            let outcome = connection.execute_many(&sql, &params);
            if !connection.is_autocommit() {
                if outcome.is_err() {
                    connection.control("ROLLBACK TO _greenroom_many")?;
                }
                connection.control("RELEASE _greenroom_many")?;
            }
            outcome
        };
        self.writing()?.step(until, run).await
    }

    pub async fn savepoint(&self, by: Deadline) -> Result<u32, Error> {
        let held = self.writing()?;
        let number = self.savepoints.fetch_add(1, Ordering::Relaxed) + 1;
        if number > MOST_SAVEPOINTS {
            return Err(Error::Denied(format!(
                "a transaction has at most {MOST_SAVEPOINTS} savepoints"
            )));
        }
        let until = self.db.until(by)?;
        held.step(until, move |connection| {
            connection.control(&format!("SAVEPOINT _greenroom_{number}"))
        })
        .await?;
        Ok(number)
    }

    pub async fn rollback_to(&self, savepoint: u32, by: Deadline) -> Result<(), Error> {
        let held = self.writing()?;
        let until = self.db.until(by)?;
        let undo = move |connection: &Connection| {
            connection.control(&format!("ROLLBACK TO _greenroom_{savepoint}"))
        };
        held.step(until, undo).await.map_err(|error| match error {
            Error::Other(db) if db.message.contains("no such savepoint") => Error::InvalidParameter(format!(
                "the transaction has no savepoint {savepoint}: it was never made, or an earlier one was rolled back to"
            )),
            error => error,
        })
    }

    pub async fn commit(self, by: Deadline) -> Result<(), Error> {
        match &self.kind {
            Kind::Writing(held) => held.commit(self.db.until(by)?).await,
            Kind::Reading(reading) => reading.end(),
        }
    }

    pub async fn rollback(self, by: Deadline) -> Result<(), Error> {
        match &self.kind {
            // Dropping the handle would do; this waits until it is done.
            Kind::Writing(held) => held.roll_back(self.db.until(by)?).await,
            Kind::Reading(reading) => reading.end(),
        }
    }

    fn writing(&self) -> Result<&Held, Error> {
        match &self.kind {
            Kind::Writing(held) => Ok(held),
            Kind::Reading(_) => Err(Error::ReadOnly),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Kind::Reading(reading) = &self.kind {
            let _ = reading.end();
        }
    }
}
