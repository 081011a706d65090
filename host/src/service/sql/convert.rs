//! WIT's types and the storage's: the same shapes on both sides of the trust boundary.

use super::types;
use crate::storage;

pub(super) fn statement(s: types::Statement) -> storage::Statement {
    storage::Statement {
        sql: s.sql,
        params: params(s.params),
    }
}

pub(super) fn params(p: types::Params) -> storage::Params {
    match p {
        types::Params::None => storage::Params::None,
        types::Params::Positional(values) => {
            storage::Params::Positional(values.into_iter().map(value_in).collect())
        }
        types::Params::Named(values) => storage::Params::Named(
            values
                .into_iter()
                .map(|(name, v)| (name, value_in(v)))
                .collect(),
        ),
    }
}

fn value_in(v: types::Value) -> storage::Value {
    match v {
        types::Value::Null => storage::Value::Null,
        types::Value::Boolean(b) => storage::Value::Boolean(b),
        types::Value::Int64(i) => storage::Value::Integer(i),
        types::Value::Float64(f) => storage::Value::Real(f),
        types::Value::Text(t) => storage::Value::Text(t),
        types::Value::Blob(b) => storage::Value::Blob(b),
    }
}

fn value_out(v: storage::Value) -> types::Value {
    match v {
        storage::Value::Null => types::Value::Null,
        storage::Value::Boolean(b) => types::Value::Boolean(b),
        storage::Value::Integer(i) => types::Value::Int64(i),
        storage::Value::Real(f) => types::Value::Float64(f),
        storage::Value::Text(t) => types::Value::Text(t),
        storage::Value::Blob(b) => types::Value::Blob(b),
    }
}

pub(super) fn row(row: Vec<storage::Value>) -> types::Row {
    row.into_iter().map(value_out).collect()
}

pub(super) fn rows(r: storage::Rows) -> types::ResultSet {
    types::ResultSet {
        columns: r.columns,
        rows: r.rows.into_iter().map(row).collect(),
    }
}

pub(super) fn executed(e: storage::Executed) -> types::ExecResult {
    types::ExecResult {
        rows_affected: e.rows_affected,
        last_insert_id: e.last_insert_id,
    }
}

pub(super) fn error(e: storage::Error) -> types::Error {
    use storage::Error as E;
    match e {
        E::Denied(m) => types::Error::Denied(m),
        E::Constraint(c) => types::Error::Constraint(violation(c)),
        E::Conflict(e) => types::Error::Conflict(db_error(e)),
        E::InvalidStatement(e) => types::Error::InvalidStatement(db_error(e)),
        E::InvalidParameter(m) => types::Error::InvalidParameter(m),
        E::Conversion(m) => types::Error::Conversion(m),
        E::LimitExceeded(l) => types::Error::LimitExceeded(limit(l)),
        E::TimedOut => types::Error::TimedOut,
        E::ReadOnly => types::Error::ReadOnly,
        E::StorageFull => types::Error::StorageFull,
        E::Unavailable(m) => types::Error::Unavailable(m),
        E::OutcomeUnknown(m) => types::Error::OutcomeUnknown(m),
        E::Closed(m) => types::Error::Closed(m),
        E::Other(e) => types::Error::Other(db_error(e)),
    }
}

fn db_error(e: storage::DbError) -> types::DbError {
    types::DbError {
        sqlstate: e.sqlstate,
        native_code: e.native_code,
        message: e.message,
        position: e.position,
    }
}

fn violation(c: storage::ConstraintViolation) -> types::ConstraintViolation {
    use storage::ConstraintKind as K;
    types::ConstraintViolation {
        kind: match c.kind {
            K::Unique => types::ConstraintKind::Unique,
            K::PrimaryKey => types::ConstraintKind::PrimaryKey,
            K::ForeignKey => types::ConstraintKind::ForeignKey,
            K::NotNull => types::ConstraintKind::NotNull,
            K::Check => types::ConstraintKind::Check,
            K::Exclusion => types::ConstraintKind::Exclusion,
            K::Other => types::ConstraintKind::Other,
        },
        constraint: c.constraint,
        table: c.table,
        columns: c.columns,
        message: c.message,
    }
}

fn limit(l: storage::LimitExceeded) -> types::LimitExceeded {
    use storage::LimitKind as K;
    types::LimitExceeded {
        kind: match l.kind {
            K::StatementLength => types::LimitKind::StatementLength,
            K::ParameterCount => types::LimitKind::ParameterCount,
            K::ValueSize => types::LimitKind::ValueSize,
            K::ResultRows => types::LimitKind::ResultRows,
            K::ResultBytes => types::LimitKind::ResultBytes,
            K::BatchStatements => types::LimitKind::BatchStatements,
            K::OpenTransactions => types::LimitKind::OpenTransactions,
            K::DatabaseSize => types::LimitKind::DatabaseSize,
        },
        maximum: l.maximum,
    }
}
