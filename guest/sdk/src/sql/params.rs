//! Rust values as parameters.

use super::{Params, Statement, Value};

/// The parameters of a statement: `params![]`, `params![title, 5]` for `$1, $2`, or `params! { "id" => id }` for `:id`.
/// A value is anything that [`Value`] can be made of; an `Option` is null where it is `None`.
#[macro_export]
macro_rules! params {
    () => { $crate::sql::Params::None };
    ($($name:literal => $value:expr),+ $(,)?) => {
        $crate::sql::Params::Named(::std::vec![$(($name.to_string(), $crate::sql::Value::from($value))),+])
    };
    ($($value:expr),+ $(,)?) => {
        $crate::sql::Params::Positional(::std::vec![$($crate::sql::Value::from($value)),+])
    };
}

impl Statement {
    pub fn new(sql: &str, params: Params) -> Self {
        Self {
            sql: sql.to_owned(),
            params,
        }
    }
}

macro_rules! value_from {
    ($($source:ty: $value:ident => $made:expr;)+) => {
        $(impl From<$source> for Value {
            fn from($value: $source) -> Self {
                $made
            }
        })+
    };
}

value_from! {
    bool: value => Value::Boolean(value);
    i8: value => Value::Int64(value.into());
    i16: value => Value::Int64(value.into());
    i32: value => Value::Int64(value.into());
    i64: value => Value::Int64(value);
    u8: value => Value::Int64(value.into());
    u16: value => Value::Int64(value.into());
    u32: value => Value::Int64(value.into());
    f32: value => Value::Float64(value.into());
    f64: value => Value::Float64(value);
    &str: value => Value::Text(value.to_owned());
    &String: value => Value::Text(value.clone());
    String: value => Value::Text(value);
    &[u8]: value => Value::Blob(value.to_vec());
    Vec<u8>: value => Value::Blob(value);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_made_of_what_is_at_hand() {
        assert!(matches!(params![], Params::None));
        let Params::Positional(values) = params!["a", 5, Some(true), None::<&str>, &b"x"[..], 0.5]
        else {
            panic!()
        };
        assert!(matches!(
            values.as_slice(),
            [Value::Text(a), Value::Int64(5), Value::Boolean(true), Value::Null, Value::Blob(x), Value::Float64(_)]
                if a == "a" && x == b"x"
        ));
        let Params::Named(values) = params!["id" => "x", "n" => 1u32,] else {
            panic!()
        };
        assert!(
            matches!(values.as_slice(), [(id, Value::Text(_)), (n, Value::Int64(1))] if id == "id" && n == "n")
        );
    }
}
