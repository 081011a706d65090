//! Statements on one connection, from text to answer. The connection is armed by whoever calls.

use super::{
    authorizer::{HOST_TABLES, attach_text, reserved, transaction_text},
    bind::Placeholders,
    connection::Connection,
    faults::{Fault, message},
    rows::Shape,
    words,
};
use crate::{
    config::SqlLimits,
    storage::{Error, Executed, LimitKind, Params, Statement},
};
use rusqlite::{CachedStatement, Statement as Prepared};
use std::ops::{ControlFlow, Deref, DerefMut};

/// What can be told from the text alone; first of all, so that the text of a host's own statement never gets further.
pub(super) fn check(sql: &str, limits: &SqlLimits) -> Result<(), Error> {
    if sql.len() as u64 > limits.statement {
        return Err(Error::limit(LimitKind::StatementLength, limits.statement));
    }
    if sql.as_bytes().contains(&0) {
        return Err(Error::InvalidStatement(message(
            "the text holds a NUL character",
        )));
    }
    // Prepared statements are kept under their trimmed text, and so a no-break space must not hide a verb.
    let verb = words::verb(sql.trim());
    let is = |list: &[&str]| list.iter().any(|word| verb.eq_ignore_ascii_case(word));
    if is(&["begin", "commit", "end", "rollback", "savepoint", "release"]) {
        return Err(Error::Denied(transaction_text(&verb.to_ascii_uppercase())));
    }
    if is(&["attach", "detach", "vacuum"]) {
        return Err(Error::Denied(attach_text()));
    }
    Ok(())
}

/// A prepared statement that goes back to the cache, or one that does not.
enum Ready<'c> {
    Kept(CachedStatement<'c>),
    Once(Prepared<'c>),
}

impl<'c> Deref for Ready<'c> {
    type Target = Prepared<'c>;

    fn deref(&self) -> &Prepared<'c> {
        match self {
            Self::Kept(statement) => statement,
            Self::Once(statement) => statement,
        }
    }
}

impl DerefMut for Ready<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Kept(statement) => statement,
            Self::Once(statement) => statement,
        }
    }
}

impl Connection {
    fn prepare(&self, sql: &str) -> Result<Ready<'_>, Fault> {
        if words::verb(sql).eq_ignore_ascii_case("alter") && words::renames_to(sql, HOST_TABLES) {
            return Err(Fault::Failed(reserved()));
        }
        let prepared = if Self::is_cacheable(sql) {
            self.raw.prepare_cached(sql).map(Ready::Kept)
        } else {
            self.raw.prepare(sql).map(Ready::Once)
        };
        let prepared =
            prepared.map_err(|error| self.surroundings.prepare_fault(error, &self.watch))?;
        if self.watch.is_heavy() {
            // Not kept: it must be seen as heavy the next time as well.
            if let Ready::Kept(statement) = prepared {
                statement.discard();
            }
            if self.watch.is_inline() {
                return Err(Fault::Slow);
            }
            let once = self
                .raw
                .prepare(sql)
                .map_err(|error| self.surroundings.prepare_fault(error, &self.watch))?;
            return Ok(Ready::Once(once));
        }
        Ok(prepared)
    }

    /// A statement that only reads; [`Fault::Writes`] for others.
    pub(super) fn read<S: Shape>(&self, statement: &Statement) -> Result<S::Out, Fault> {
        let mut prepared = self.prepare(&statement.sql)?;
        if !prepared.readonly() {
            return Err(Fault::Writes);
        }
        Placeholders::of(&prepared)?.bind(&mut prepared, &statement.params, &self.limits)?;
        self.collect::<S>(&mut prepared)
    }

    /// Any statement, with its rows.
    pub(super) fn query<S: Shape>(&self, statement: &Statement) -> Result<S::Out, Error> {
        self.or_error(|| {
            let mut prepared = self.prepare(&statement.sql)?;
            Placeholders::of(&prepared)?.bind(&mut prepared, &statement.params, &self.limits)?;
            self.collect::<S>(&mut prepared)
        })
    }

    fn collect<S: Shape>(&self, prepared: &mut Prepared<'_>) -> Result<S::Out, Fault> {
        // A writing statement must be stepped to its end: there its foreign keys are checked.
        let to_the_end = !prepared.readonly();
        let mut shape = S::new(&self.limits);
        let mut wanted = true;
        let mut any = false;
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.fault(error))? {
            if !any {
                shape.columns(row.as_ref())?;
                any = true;
            }
            if wanted && shape.row(row)? == ControlFlow::Break(()) {
                wanted = false;
                if !to_the_end {
                    break;
                }
            }
        }
        drop(rows);
        if !any {
            shape.columns(prepared)?;
        }
        Ok(shape.finish())
    }

    /// Any statement, for its effect.
    pub(super) fn execute(&self, statement: &Statement) -> Result<Executed, Error> {
        self.or_error(|| {
            let mut prepared = self.prepare(&statement.sql)?;
            Placeholders::of(&prepared)?.bind(&mut prepared, &statement.params, &self.limits)?;
            self.watch.forget_inserts();
            let rows_affected = self.step_to_end(&mut prepared)?;
            // The connection remembers the rowid of earlier calls, so only an INSERT may answer it.
            let verb = words::verb(&statement.sql);
            let inserts =
                verb.eq_ignore_ascii_case("insert") || verb.eq_ignore_ascii_case("replace");
            let inserted = inserts && rows_affected > 0 && self.watch.has_inserted();
            Ok(Executed {
                rows_affected,
                last_insert_id: inserted.then(|| self.raw.last_insert_rowid()),
            })
        })
    }

    /// One statement, once for each set. The caller undoes what ran before an error.
    pub(super) fn execute_many(&self, sql: &str, sets: &[Params]) -> Result<u64, Error> {
        self.or_error(|| {
            let mut prepared = self.prepare(sql)?;
            let placeholders = Placeholders::of(&prepared)?;
            let mut affected = 0;
            for params in sets {
                placeholders.bind(&mut prepared, params, &self.limits)?;
                affected += self.step_to_end(&mut prepared)?;
            }
            Ok(affected)
        })
    }

    fn step_to_end(&self, prepared: &mut Prepared<'_>) -> Result<u64, Fault> {
        // `changes` keeps its number over statements that change no row, so look whether the total moved.
        let before = self.raw.total_changes();
        let mut rows = prepared.raw_query();
        while rows.next().map_err(|error| self.fault(error))?.is_some() {}
        drop(rows);
        Ok(if self.raw.total_changes() == before {
            0
        } else {
            self.raw.changes()
        })
    }

    fn or_error<T>(&self, run: impl FnOnce() -> Result<T, Fault>) -> Result<T, Error> {
        run().map_err(|fault| fault.into_error(self.limits.value))
    }
}
