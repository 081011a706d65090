//! Values for placeholders. SQLite numbers `$2, $1` by appearance, so `$1` is bound by its name.

use super::faults::Fault;
use crate::{
    config::SqlLimits,
    storage::{Error, LimitKind, Params, Value},
};
use rusqlite::{
    ErrorCode, Statement,
    types::{ToSql, ToSqlOutput, ValueRef},
};

/// A statement's placeholders in SQLite's order.
pub(super) struct Placeholders(Vec<Placeholder>);

enum Placeholder {
    /// `$1` is 0.
    Position(usize),
    /// `:name`, without the colon.
    Name(String),
}

impl Placeholders {
    /// Refuses forms other than `$1` and `:name`: `?`, `?1`, `@name`, `$name`.
    pub(super) fn of(statement: &Statement<'_>) -> Result<Self, Error> {
        let count = statement.parameter_count();
        let mut list = Vec::with_capacity(count);
        for index in 1..=count {
            let name = statement.parameter_name(index).unwrap_or("?");
            list.push(Placeholder::parse(name).ok_or_else(|| {
                Error::InvalidParameter(format!(
                    "the placeholder {name} is not supported; write $1, $2, ... or :name"
                ))
            })?);
        }
        Ok(Self(list))
    }

    /// Binds all of them.
    pub(super) fn bind(
        &self,
        statement: &mut Statement<'_>,
        params: &Params,
        limits: &SqlLimits,
    ) -> Result<(), Fault> {
        match params {
            Params::None if self.0.is_empty() => Ok(()),
            Params::None => Err(self.wrong_count(0).into()),
            Params::Positional(values) => self.bind_positions(statement, values, limits),
            Params::Named(values) => self.bind_names(statement, values, limits),
        }
    }

    fn bind_positions(
        &self,
        statement: &mut Statement<'_>,
        values: &[Value],
        limits: &SqlLimits,
    ) -> Result<(), Fault> {
        check_count(values.len(), limits)?;
        for (index, placeholder) in self.0.iter().enumerate() {
            match placeholder {
                Placeholder::Position(position) => match values.get(*position) {
                    Some(value) => bind(statement, index + 1, value, limits)?,
                    None => return Err(self.wrong_count(values.len()).into()),
                },
                Placeholder::Name(name) => {
                    return Err(Error::InvalidParameter(format!(
                        "the statement has :{name}, but its values are positional; write $1, $2, ... or give named values"
                    )).into());
                }
            }
        }
        // SQLite lists each name once, so as many as there are values means that each value has its place.
        if self.0.len() == values.len() {
            Ok(())
        } else {
            Err(self.wrong_count(values.len()).into())
        }
    }

    fn bind_names(
        &self,
        statement: &mut Statement<'_>,
        values: &[(String, Value)],
        limits: &SqlLimits,
    ) -> Result<(), Fault> {
        check_count(values.len(), limits)?;
        let bare = |name: &str| name.strip_prefix(':').unwrap_or(name).to_owned();
        let mut by_name = std::collections::HashMap::with_capacity(values.len());
        for (name, value) in values {
            if by_name.insert(bare(name), value).is_some() {
                return Err(Error::InvalidParameter(format!(
                    "the value :{} is given twice",
                    bare(name)
                ))
                .into());
            }
        }
        for (index, placeholder) in self.0.iter().enumerate() {
            match placeholder {
                Placeholder::Name(name) => match by_name.remove(name) {
                    Some(value) => bind(statement, index + 1, value, limits)?,
                    None => {
                        return Err(Error::InvalidParameter(format!(
                            "no value is given for :{name}"
                        ))
                        .into());
                    }
                },
                Placeholder::Position(position) => {
                    return Err(Error::InvalidParameter(format!(
                        "the statement has ${}, but its values are named; write :name or give positional values",
                        position + 1
                    )).into());
                }
            }
        }
        match by_name.keys().min() {
            None => Ok(()),
            Some(name) => Err(Error::InvalidParameter(format!(
                "the statement has no :{name}, for which a value is given"
            ))
            .into()),
        }
    }

    fn wrong_count(&self, given: usize) -> Error {
        let largest = self.0.iter().filter_map(|p| {
            if let Placeholder::Position(at) = p {
                Some(at + 1)
            } else {
                None
            }
        });
        let wanted = match largest.max() {
            Some(largest) if largest != self.0.len() => {
                format!(
                    "{} placeholders, the largest of them ${largest}",
                    self.0.len()
                )
            }
            _ => format!("{} placeholders", self.0.len()),
        };
        Error::InvalidParameter(format!(
            "the statement has {wanted}, and {given} values are given; each of $1 to ${} must appear in it",
            given.max(self.0.len())
        ))
    }
}

impl Placeholder {
    fn parse(name: &str) -> Option<Self> {
        if let Some(name) = name.strip_prefix(':') {
            return Some(Self::Name(name.to_owned()));
        }
        let digits = name.strip_prefix('$')?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: usize = if plain {
            digits.parse().ok()?
        } else {
            return None;
        };
        number.checked_sub(1).map(Self::Position)
    }
}

fn check_count(given: usize, limits: &SqlLimits) -> Result<(), Fault> {
    if given > limits.parameters as usize {
        return Err(Error::limit(LimitKind::ParameterCount, limits.parameters.into()).into());
    }
    Ok(())
}

fn bind(
    statement: &mut Statement<'_>,
    index: usize,
    value: &Value,
    limits: &SqlLimits,
) -> Result<(), Fault> {
    let size = match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        // SQLite would store it as NULL.
        Value::Real(number) if number.is_nan() => {
            return Err(Error::InvalidParameter(
                "NaN cannot be stored; give null or a number".into(),
            )
            .into());
        }
        _ => 0,
    };
    if size as u64 > limits.value {
        return Err(Error::limit(LimitKind::ValueSize, limits.value).into());
    }
    statement
        .raw_bind_parameter(index, Bound(value))
        .map_err(|error| match error.sqlite_error_code() {
            // The limit above holds, so this is the smaller one of an inline read.
            Some(ErrorCode::TooBig) => Fault::Slow,
            _ => Error::InvalidParameter(format!("value {index}: {error}")).into(),
        })
}

struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Boolean(yes) => ValueRef::Integer((*yes).into()),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
