//! The plugin's own database.
//!
//! ```no_run
//! use greenroom_sdk::{params, sql};
//! # fn main() -> Result<(), sql::Error> {
//! sql::execute("INSERT INTO notes (text) VALUES ($1)", params!["buy milk"])?;
//! let texts: Vec<(String,)> = sql::query("SELECT text FROM notes WHERE rowid > $1", params![10])?.to_vec()?;
//! # Ok(()) }
//! ```
//!
//! Placeholders are `$1`, `$2`, ... or `:name`; values never become part of the text of a statement.

mod json;
mod packed;
mod params;

use crate::bindings::greenroom::sql::client;

pub use crate::bindings::greenroom::sql::types::{
    ConstraintKind, ConstraintViolation, DbError, Dialect, Error, ExecResult, LimitExceeded,
    LimitKind, Params, Statement, Value,
};
pub use client::Access;
pub use json::Member;
pub use packed::{Cell, FromCell, FromRow, Row, Rows};

/// The rows of a statement. One that writes and returns rows (`INSERT ... RETURNING`) is durable when this returns.
pub fn query(sql: &str, params: Params) -> Result<Rows, Error> {
    client::query_packed(&Statement::new(sql, params)).and_then(Rows::parse)
}

/// Runs a statement; durable when it returns.
pub fn execute(sql: &str, params: Params) -> Result<ExecResult, Error> {
    client::execute(&Statement::new(sql, params))
}

/// Runs one statement once for each set of parameters, all or nothing. Answers the number of rows it touched.
pub fn execute_many(sql: &str, params: &[Params]) -> Result<u64, Error> {
    client::execute_many(sql, params)
}

/// Runs statements in one transaction, all or nothing.
pub fn batch(statements: &[Statement]) -> Result<Vec<ExecResult>, Error> {
    client::batch(statements)
}

/// The engine behind the host.
pub fn dialect() -> Dialect {
    client::get_dialect()
}

/// Runs `work` in a read-write transaction, which nobody else's writes interleave with. It is committed when `work`
/// succeeds and rolled back when it fails. Keep it short: no other write of this plugin goes on meanwhile, and the host
/// ends it after 5 s, or 1 s without a call.
pub fn transaction<T, E: From<Error>>(
    work: impl FnOnce(&Transaction) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = Transaction::begin(Access::ReadWrite)?;
    let outcome = work(&transaction)?;
    transaction.commit()?;
    Ok(outcome)
}

/// Runs `work` on one unchanging state of the database.
pub fn snapshot<T, E: From<Error>>(
    work: impl FnOnce(&Transaction) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = Transaction::begin(Access::ReadOnly)?;
    let outcome = work(&transaction)?;
    transaction.rollback()?;
    Ok(outcome)
}

/// An open transaction. Dropping it rolls it back.
pub struct Transaction(client::Transaction);

impl Transaction {
    /// For what [`transaction`] and [`snapshot`] do not fit. While it is open, writes outside of it are denied.
    pub fn begin(access: Access) -> Result<Self, Error> {
        client::begin(access).map(Self)
    }

    pub fn query(&self, sql: &str, params: Params) -> Result<Rows, Error> {
        self.0
            .query_packed(&Statement::new(sql, params))
            .and_then(Rows::parse)
    }

    pub fn execute(&self, sql: &str, params: Params) -> Result<ExecResult, Error> {
        self.0.execute(&Statement::new(sql, params))
    }

    pub fn execute_many(&self, sql: &str, params: &[Params]) -> Result<u64, Error> {
        self.0.execute_many(sql, params)
    }

    /// Marks a point that [`rollback_to`](Self::rollback_to) comes back to.
    pub fn savepoint(&self) -> Result<u32, Error> {
        self.0.savepoint()
    }

    pub fn rollback_to(&self, savepoint: u32) -> Result<(), Error> {
        self.0.rollback_to(savepoint)
    }

    /// Durable when it returns.
    pub fn commit(self) -> Result<(), Error> {
        client::Transaction::commit(self.0)
    }

    pub fn rollback(self) -> Result<(), Error> {
        client::Transaction::rollback(self.0)
    }
}

/// An error in one line, for the log. It can hold parts of a statement: not for clients.
pub fn describe(error: &Error) -> String {
    let engine = |kind: &str, error: &DbError| {
        let code = error
            .native_code
            .map(|code| format!(" ({code})"))
            .unwrap_or_default();
        format!("{kind}: {}{code}", error.message)
    };
    match error {
        Error::Denied(why) => format!("denied: {why}"),
        Error::Constraint(violation) => {
            format!("constraint {:?}: {}", violation.kind, violation.message)
        }
        Error::Conflict(error) => engine("conflict", error),
        Error::InvalidStatement(error) => engine("invalid statement", error),
        Error::InvalidParameter(why) => format!("invalid parameter: {why}"),
        Error::Conversion(why) => format!("conversion: {why}"),
        Error::LimitExceeded(limit) => format!(
            "limit exceeded: {:?}, at most {}",
            limit.kind, limit.maximum
        ),
        Error::TimedOut => "timed out".to_owned(),
        Error::ReadOnly => "the transaction is read-only".to_owned(),
        Error::StorageFull => "the disk is full".to_owned(),
        Error::Unavailable(why) => format!("unavailable: {why}"),
        Error::OutcomeUnknown(why) => format!("outcome unknown: {why}"),
        Error::Closed(why) => format!("the transaction has ended: {why}"),
        Error::Other(error) => engine("other", error),
    }
}
