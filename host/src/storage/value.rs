//! What goes into a statement and what comes out.

/// A parameter or a column. SQLite never yields `Boolean`; a boolean parameter is stored as 0 or 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// The values of a statement's placeholders.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Params {
    #[default]
    None,
    /// For `$1`, `$2`, ...
    Positional(Vec<Value>),
    /// For `:name`; the names here with or without the colon.
    Named(Vec<(String, Value)>),
}

/// One SQL statement and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub sql: String,
    pub params: Params,
}

impl Statement {
    /// A statement with values for `$1`, `$2`, ...
    pub fn new(sql: impl Into<String>, values: impl Into<Vec<Value>>) -> Self {
        let values = values.into();
        let params = if values.is_empty() {
            Params::None
        } else {
            Params::Positional(values)
        };
        Self {
            sql: sql.into(),
            params,
        }
    }
}

/// All rows of a result, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

/// What a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executed {
    /// Rows inserted, updated or deleted by the statement itself, not by its triggers or cascades.
    pub rows_affected: u64,
    /// The rowid after an INSERT into a table that has one.
    pub last_insert_id: Option<i64>,
}

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
}

/// Where a query may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A query that writes (`INSERT ... RETURNING`) waits for the writer.
    Writer,
    /// One that writes is denied: the caller's own transaction has the writer, and it would wait for itself.
    Readers,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}
