//! SQLite's errors as the storage room's.

use super::{
    spill,
    watch::{Stop, Watch},
};
use crate::storage::{ConstraintKind, ConstraintViolation, DbError, Error, LimitKind};
use rusqlite::{ErrorCode, ffi};
use std::{
    cell::Cell,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Why a statement did not run to its end on this connection.
#[derive(Debug)]
pub(super) enum Fault {
    /// Too slow or too large for the async worker: run it on a thread.
    Slow,
    /// It is no read: the writer's.
    Writes,
    Failed(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Fault {
    /// Where nothing slower and no other connection is left to try.
    pub(super) fn into_error(self, value_limit: u64) -> Error {
        match self {
            Self::Slow => Error::limit(LimitKind::ValueSize, value_limit),
            Self::Writes => Error::ReadOnly,
            Self::Failed(error) => error,
        }
    }
}

/// What the translation needs to know of a connection.
pub(super) struct Surroundings {
    pub(super) file: PathBuf,
    /// When the operator was last told of a fault of the disk.
    pub(super) told: Cell<Option<Instant>>,
    /// Bytes.
    pub(super) database_limit: u64,
    pub(super) value_limit: u64,
    pub(super) parameter_limit: u32,
}

/// Between two lines of the log about one connection's disk.
const QUIET: Duration = Duration::from_secs(10);

/// Below this many free bytes a failed write is the disk's fault, not the limit's.
const DISK_IS_FULL: u64 = 4 << 20;

impl Surroundings {
    /// An error while preparing: the text is at fault, where nothing else is.
    pub(super) fn prepare_fault(&self, error: rusqlite::Error, watch: &Watch) -> Fault {
        // SQLite says so with several codes.
        if let Some(reason) = watch.take_denied() {
            return Error::Denied(reason).into();
        }
        match error {
            rusqlite::Error::MultipleStatement => {
                Error::InvalidStatement(message("one statement a call: use batch for several"))
                    .into()
            }
            rusqlite::Error::SqlInputError {
                error,
                msg,
                sql,
                offset,
            } => {
                let before = usize::try_from(offset)
                    .ok()
                    .and_then(|offset| sql.get(..offset));
                let position = before.and_then(|text| u32::try_from(text.chars().count() + 1).ok());
                self.invalid(error.extended_code, msg, position)
            }
            rusqlite::Error::SqliteFailure(error, text)
                if error.extended_code & 0xff == ffi::SQLITE_ERROR =>
            {
                self.invalid(error.extended_code, text.unwrap_or_default(), None)
            }
            error => self.fault(error, watch),
        }
    }

    /// An error while running.
    pub(super) fn fault(&self, error: rusqlite::Error, watch: &Watch) -> Fault {
        let rusqlite::Error::SqliteFailure(code, text) = error else {
            return Error::other(error.to_string()).into();
        };
        if let Some(reason) = watch.take_denied() {
            return Error::Denied(reason).into();
        }
        let text = text.unwrap_or_else(|| code.to_string());
        let db = DbError {
            native_code: Some(code.extended_code),
            message: text,
            ..DbError::default()
        };
        Fault::Failed(match code.code {
            ErrorCode::OperationInterrupted => match watch.stopped() {
                Some(Stop::Budget) => return Fault::Slow,
                Some(Stop::Spill) => Error::Other(message(&format!(
                    "it needs more than {} MiB of temporary files; sort, group or join fewer or smaller rows at once",
                    spill::MOST >> 20
                ))),
                _ => Error::TimedOut,
            },
            ErrorCode::DatabaseBusy if watch.is_inline() => return Fault::Slow,
            ErrorCode::TooBig if watch.is_inline() => return Fault::Slow,
            _ if watch.is_inline() && db.message.contains("pattern too complex") => {
                return Fault::Slow;
            }
            ErrorCode::AuthorizationForStatementDenied => Error::Denied(db.message),
            ErrorCode::ConstraintViolation => {
                Error::Constraint(constraint(code.extended_code, db.message))
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SchemaChanged => {
                Error::Conflict(db)
            }
            ErrorCode::TooBig => Error::limit(LimitKind::ValueSize, self.value_limit),
            ErrorCode::DiskFull => self.full(),
            ErrorCode::SystemIoFailure if self.disk_is_full() => self.full(),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure => {
                self.tell(&db.message);
                Error::Other(db)
            }
            ErrorCode::ReadOnly => Error::ReadOnly,
            ErrorCode::TypeMismatch => Error::Conversion(db.message),
            ErrorCode::CannotOpen => Error::Unavailable(db.message),
            ErrorCode::ApiMisuse => Error::InvalidStatement(message("the text holds no statement")),
            _ if db.message.contains("may not be modified") => Error::Denied(format!(
                "{}; use CREATE, ALTER and DROP to change the schema",
                db.message
            )),
            _ => Error::Other(db),
        })
    }

    fn invalid(&self, code: i32, text: String, position: Option<u32>) -> Fault {
        Fault::Failed(
            if text.contains("too many SQL variables")
                || text.contains("variable number must be between")
            {
                Error::limit(LimitKind::ParameterCount, self.parameter_limit.into())
            } else if text.contains("may not be modified") || text.contains("prohibited") {
                Error::Denied(format!(
                    "{text}; plugins use ordinary tables and change the schema with CREATE, ALTER and DROP"
                ))
            } else {
                Error::InvalidStatement(DbError {
                    sqlstate: None,
                    native_code: Some(code),
                    message: text,
                    position,
                })
            },
        )
    }

    fn full(&self) -> Error {
        if self.disk_is_full() {
            self.tell("the disk is full");
            Error::StorageFull
        } else {
            Error::limit(LimitKind::DatabaseSize, self.database_limit)
        }
    }

    /// What no plugin can put right is for the operator, a line now and then.
    pub(super) fn tell(&self, error: &str) {
        if self.told.get().is_none_or(|told| told.elapsed() > QUIET) {
            self.told.set(Some(Instant::now()));
            tracing::error!(path = %self.file.display(), error, "a database cannot be used as it should");
        }
    }

    fn disk_is_full(&self) -> bool {
        let Some(folder) = self.file.parent() else {
            return false;
        };
        rustix::fs::statvfs(folder)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < DISK_IS_FULL)
    }
}

pub(super) fn message(text: &str) -> DbError {
    DbError {
        message: text.into(),
        ..DbError::default()
    }
}

/// SQLite tells table and columns only in the text: `UNIQUE constraint failed: todos.id, todos.owner`.
fn constraint(code: i32, message: String) -> ConstraintViolation {
    let kind = match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE => ConstraintKind::Unique,
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            ConstraintKind::PrimaryKey
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
        ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
        ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
        _ => ConstraintKind::Other,
    };
    let detail = message
        .split_once("constraint failed: ")
        .map(|(_, detail)| detail);
    let mut found = ConstraintViolation {
        kind,
        constraint: None,
        table: None,
        columns: Vec::new(),
        message: String::new(),
    };
    match (kind, detail) {
        (ConstraintKind::Check, Some(name)) => found.constraint = Some(name.to_owned()),
        (
            ConstraintKind::Unique | ConstraintKind::PrimaryKey | ConstraintKind::NotNull,
            Some(detail),
        ) => {
            if let Some(index) = detail
                .strip_prefix("index '")
                .and_then(|rest| rest.strip_suffix('\''))
            {
                found.constraint = Some(index.to_owned());
            } else {
                for (table, column) in detail.split(", ").filter_map(|name| name.split_once('.')) {
                    found.table = Some(table.to_owned());
                    found.columns.push(column.to_owned());
                }
            }
        }
        _ => {}
    }
    found.message = message;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_read_from_their_text() {
        let found = constraint(
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            "UNIQUE constraint failed: t.a, t.b".into(),
        );
        assert_eq!(found.kind, ConstraintKind::Unique);
        assert_eq!(found.table.as_deref(), Some("t"));
        assert_eq!(found.columns, ["a", "b"]);
        let found = constraint(
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            "UNIQUE constraint failed: index 'lower_name'".into(),
        );
        assert_eq!(
            (found.constraint.as_deref(), found.table),
            (Some("lower_name"), None)
        );
        let found = constraint(
            ffi::SQLITE_CONSTRAINT_CHECK,
            "CHECK constraint failed: positive".into(),
        );
        assert_eq!(found.constraint.as_deref(), Some("positive"));
        let found = constraint(
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
            "FOREIGN KEY constraint failed".into(),
        );
        assert_eq!(
            (found.kind, found.columns.len()),
            (ConstraintKind::ForeignKey, 0)
        );
        let found = constraint(ffi::SQLITE_CONSTRAINT_TRIGGER, "not on Sundays".into());
        assert_eq!(
            (found.kind, found.message.as_str()),
            (ConstraintKind::Other, "not on Sundays")
        );
    }
}
