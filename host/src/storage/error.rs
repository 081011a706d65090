//! What can go wrong, one variant per case of `greenroom:sql/types.error`.

use std::path::PathBuf;

/// Why a call failed. After any of these nothing of the call was applied, [`Error::OutcomeUnknown`] excepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Refused by policy; the text says what, and what to do instead.
    #[error("denied: {0}")]
    Denied(String),
    #[error("{}", .0.message)]
    Constraint(ConstraintViolation),
    /// A lock or the schema stood in the way: run the whole transaction again.
    #[error("conflict: {}", .0.message)]
    Conflict(DbError),
    #[error("invalid statement: {}", .0.message)]
    InvalidStatement(DbError),
    #[error("invalid parameter: {0}")]
    InvalidParameter(String),
    #[error("conversion: {0}")]
    Conversion(String),
    #[error("{} over the limit of {}", .0.kind, .0.maximum)]
    LimitExceeded(LimitExceeded),
    #[error("timed out and rolled back")]
    TimedOut,
    #[error("the transaction or connection is read-only")]
    ReadOnly,
    #[error("the disk is full")]
    StorageFull,
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Not known whether it was applied.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    #[error("closed: {0}")]
    Closed(String),
    #[error("{}", .0.message)]
    Other(DbError),
}

/// What the engine said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DbError {
    /// Always none on SQLite.
    pub sqlstate: Option<String>,
    /// SQLite's extended result code.
    pub native_code: Option<i32>,
    pub message: String,
    /// Where in the SQL text, in characters from 1.
    pub position: Option<u32>,
}

/// A constraint that a statement broke. SQLite names no table for a foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstraintViolation {
    pub kind: ConstraintKind,
    pub constraint: Option<String>,
    pub table: Option<String>,
    pub columns: Vec<String>,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    Unique,
    PrimaryKey,
    ForeignKey,
    NotNull,
    Check,
    Exclusion,
    Other,
}

/// A limit of `plugins.<id>.limits.sql` that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitExceeded {
    pub kind: LimitKind,
    /// Bytes or a count, by kind.
    pub maximum: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    StatementLength,
    ParameterCount,
    ValueSize,
    ResultRows,
    ResultBytes,
    BatchStatements,
    OpenTransactions,
    DatabaseSize,
}

impl std::fmt::Display for LimitKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::StatementLength => "bytes of the statement",
            Self::ParameterCount => "parameters",
            Self::ValueSize => "bytes of one value",
            Self::ResultRows => "rows of the result",
            Self::ResultBytes => "bytes of the result",
            Self::BatchStatements => "statements of the batch",
            Self::OpenTransactions => "open transactions",
            Self::DatabaseSize => "bytes of the database",
        })
    }
}

impl Error {
    pub(crate) fn limit(kind: LimitKind, maximum: u64) -> Self {
        Self::LimitExceeded(LimitExceeded { kind, maximum })
    }

    /// A fault of the host or the engine that no other variant names.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other(DbError {
            message: message.into(),
            ..DbError::default()
        })
    }

    pub(crate) fn closed() -> Self {
        Self::Closed("the database is closed: the plugin was removed or the host stops".into())
    }
}

/// Why a database file could not be opened. The messages are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        source: std::io::Error,
    },
    #[error("{}: not usable as a SQLite database ({message}); move the file away or restore it from a backup", .path.display())]
    Unusable { path: PathBuf, message: String },
}

/// Why migrations were refused or failed. The database is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// The build's own list is wrong.
    #[error("migration {version} ({name}): {reason}")]
    Invalid {
        version: u32,
        name: String,
        reason: String,
    },
    /// The text of a migration that ran was edited.
    #[error(
        "migration {version} ({name}) has another text than when it ran on this database; put the old text back and \
         add a new migration with the change"
    )]
    Changed { version: u32, name: String },
    /// A newer build migrated this database in a way that this build cannot know.
    #[error(
        "this build lacks {missing}, which ran on this database and changed more than by adding; deploy a build that has \
         it"
    )]
    Newer { missing: String },
    /// A statement failed, or the result breaks a foreign key.
    #[error("migration {version} ({name}) failed{}: {reason}", statement_number(.statement))]
    Failed {
        version: u32,
        name: String,
        /// Which statement of its text, from 1.
        statement: Option<u32>,
        reason: String,
    },
    /// The limit `migrationTimeout` passed.
    #[error(
        "migration {version} ({name}) ran longer than {seconds} s and was rolled back; raise limits.migrationTimeout"
    )]
    TimedOut {
        version: u32,
        name: String,
        seconds: u64,
    },
    #[error(transparent)]
    Storage(Error),
}

fn statement_number(statement: &Option<u32>) -> String {
    statement
        .map(|n| format!(" in its statement {n}"))
        .unwrap_or_default()
}
