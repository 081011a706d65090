//! The shapes in which a result is collected, each written straight from the statement.

use crate::{
    config::SqlLimits,
    storage::{Error, LimitKind, Rows, Value},
};
use rusqlite::{Row, Statement, types::ValueRef};
use std::ops::ControlFlow;

/// Collects a result while the statement is stepped.
pub(super) trait Shape: Sized + Send + 'static {
    type Out: Send + 'static;
    fn new(limits: &SqlLimits) -> Self;
    /// Called once, after the first step: only then SQLite knows the columns for the schema as it is now.
    fn columns(&mut self, statement: &Statement<'_>) -> Result<(), Error>;
    /// Break: no further row is wanted.
    fn row(&mut self, row: &Row<'_>) -> Result<ControlFlow<()>, Error>;
    fn finish(self) -> Self::Out;
}

/// Counts rows and bytes against the limits of a result.
struct Meter {
    rows: u64,
    bytes: u64,
    max_rows: u64,
    max_bytes: u64,
    max_value: u64,
}

impl Meter {
    fn new(limits: &SqlLimits) -> Self {
        Self {
            rows: 0,
            bytes: 0,
            max_rows: limits.rows,
            max_bytes: limits.result,
            max_value: limits.value,
        }
    }

    fn row(&mut self) -> Result<(), Error> {
        self.rows += 1;
        if self.rows > self.max_rows {
            return Err(Error::limit(LimitKind::ResultRows, self.max_rows));
        }
        Ok(())
    }

    /// One cell: 8 bytes for what has no length, so that a million nulls count too.
    fn cell(&mut self, value: ValueRef<'_>) -> Result<(), Error> {
        let size = match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
            _ => 0,
        };
        if size > self.max_value {
            return Err(Error::limit(LimitKind::ValueSize, self.max_value));
        }
        self.bytes += size + 8;
        if self.bytes > self.max_bytes {
            return Err(Error::limit(LimitKind::ResultBytes, self.max_bytes));
        }
        Ok(())
    }
}

/// SQLite does not check text: `CAST(x'ff' AS TEXT)` holds any bytes.
fn text<'v>(bytes: &'v [u8], row: &Row<'_>, column: usize) -> Result<&'v str, Error> {
    std::str::from_utf8(bytes).map_err(|_| {
        let statement: &Statement<'_> = row.as_ref();
        let name = statement.column_name(column).unwrap_or("?");
        Error::Conversion(format!(
            "column {name} holds text that is not UTF-8; select it as CAST({name} AS BLOB)"
        ))
    })
}

fn value(row: &Row<'_>, column: usize, meter: &mut Meter) -> Result<Value, Error> {
    let cell = cell(row, column)?;
    meter.cell(cell)?;
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => Value::Text(text(bytes, row, column)?.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
    })
}

fn cell<'r>(row: &'r Row<'_>, column: usize) -> Result<ValueRef<'r>, Error> {
    row.get_ref(column)
        .map_err(|error| Error::other(error.to_string()))
}

fn values(row: &Row<'_>, columns: usize, meter: &mut Meter) -> Result<Vec<Value>, Error> {
    meter.row()?;
    (0..columns)
        .map(|column| value(row, column, meter))
        .collect()
}

/// All rows as values.
pub(super) struct All {
    rows: Rows,
    meter: Meter,
}

impl Shape for All {
    type Out = Rows;

    fn new(limits: &SqlLimits) -> Self {
        Self {
            rows: Rows::default(),
            meter: Meter::new(limits),
        }
    }

    fn columns(&mut self, statement: &Statement<'_>) -> Result<(), Error> {
        self.rows.columns = statement.column_names().map(str::to_owned).collect();
        self.meter.bytes = self.rows.columns.iter().map(|name| name.len() as u64).sum();
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> Result<ControlFlow<()>, Error> {
        self.rows
            .rows
            .push(values(row, self.rows.columns.len(), &mut self.meter)?);
        Ok(ControlFlow::Continue(()))
    }

    fn finish(self) -> Rows {
        self.rows
    }
}

/// The first row as values.
pub(super) struct First {
    row: Option<Vec<Value>>,
    columns: usize,
    meter: Meter,
}

impl Shape for First {
    type Out = Option<Vec<Value>>;

    fn new(limits: &SqlLimits) -> Self {
        Self {
            row: None,
            columns: 0,
            meter: Meter::new(limits),
        }
    }

    fn columns(&mut self, statement: &Statement<'_>) -> Result<(), Error> {
        self.columns = statement.column_count();
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> Result<ControlFlow<()>, Error> {
        self.row = Some(values(row, self.columns, &mut self.meter)?);
        Ok(ControlFlow::Break(()))
    }

    fn finish(self) -> Self::Out {
        self.row
    }
}

/// A length as the layout has it.
fn four(length: usize) -> Result<[u8; 4], Error> {
    u32::try_from(length)
        .map(u32::to_le_bytes)
        .map_err(|_| Error::limit(LimitKind::ValueSize, u32::MAX.into()))
}

/// All rows in the layout of [`crate::storage::Database::query_packed`].
pub(super) struct Packed {
    buffer: Vec<u8>,
    columns: usize,
    rows: u32,
    meter: Meter,
}

impl Packed {
    fn length(&mut self, length: usize) -> Result<(), Error> {
        self.buffer.extend_from_slice(&four(length)?);
        Ok(())
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) -> Result<(), Error> {
        let [a, b, c, d] = four(bytes.len())?;
        self.buffer.reserve(5 + bytes.len());
        self.buffer.extend_from_slice(&[tag, a, b, c, d]);
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn number(&mut self, tag: u8, [a, b, c, d, e, f, g, h]: [u8; 8]) {
        self.buffer
            .extend_from_slice(&[tag, a, b, c, d, e, f, g, h]);
    }
}

impl Shape for Packed {
    type Out = Vec<u8>;

    fn new(limits: &SqlLimits) -> Self {
        Self {
            buffer: Vec::with_capacity(512),
            columns: 0,
            rows: 0,
            meter: Meter::new(limits),
        }
    }

    fn columns(&mut self, statement: &Statement<'_>) -> Result<(), Error> {
        self.columns = statement.column_count();
        self.length(0)?;
        self.length(self.columns)?;
        for column in 0..self.columns {
            let name = statement.column_name(column).unwrap_or("");
            self.length(name.len())?;
            self.buffer.extend_from_slice(name.as_bytes());
        }
        self.meter.bytes = self.buffer.len() as u64;
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> Result<ControlFlow<()>, Error> {
        self.meter.row()?;
        self.rows += 1;
        for column in 0..self.columns {
            let cell = cell(row, column)?;
            self.meter.cell(cell)?;
            match cell {
                ValueRef::Null => self.buffer.push(0),
                ValueRef::Integer(number) => self.number(3, number.to_le_bytes()),
                ValueRef::Real(number) => self.number(4, number.to_le_bytes()),
                ValueRef::Text(bytes) => {
                    text(bytes, row, column)?;
                    self.tagged(5, bytes)?;
                }
                ValueRef::Blob(bytes) => self.tagged(6, bytes)?,
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(mut self) -> Vec<u8> {
        self.buffer[..4].copy_from_slice(&self.rows.to_le_bytes());
        self.buffer
    }
}
