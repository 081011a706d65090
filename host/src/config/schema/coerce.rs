//! Backstage holds a section against its schema with texts taken for the numbers that they are (Ajv's `coerceTypes`):
//! what comes from a variable is a text always. What the plugin reads does not change by it.

use serde_json::{Number, Value};

/// The value as one of the types that the schema names; `None`: it is none of them.
pub(super) fn coerced(value: &Value, types: &Value) -> Option<Value> {
    let all = match types {
        Value::Array(types) => types.as_slice(),
        one => std::slice::from_ref(one),
    };
    all.iter()
        .filter_map(Value::as_str)
        .find_map(|name| to(value, name))
}

fn to(value: &Value, name: &str) -> Option<Value> {
    match (name, value) {
        ("string", Value::Bool(value)) => Some(value.to_string().into()),
        ("string", Value::Number(number)) => Some(number.to_string().into()),
        ("number", Value::String(text)) => number(text),
        ("integer", Value::String(text)) => number(text).filter(is_whole),
        ("number" | "integer", Value::Bool(value)) => Some(i32::from(*value).into()),
        ("boolean", Value::String(text)) if text == "true" => Some(true.into()),
        ("boolean", Value::String(text)) if text == "false" => Some(false.into()),
        ("boolean", Value::Number(number)) if number.as_i64() == Some(1) => Some(true.into()),
        ("boolean", Value::Number(number)) if number.as_i64() == Some(0) => Some(false.into()),
        ("null", Value::String(text)) if text.is_empty() => Some(Value::Null),
        ("null", Value::Bool(false)) => Some(Value::Null),
        ("null", Value::Number(number)) if number.as_i64() == Some(0) => Some(Value::Null),
        _ => None,
    }
}

fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let decimal = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let number: f64 = text.parse().ok().filter(|_| decimal)?;
    Number::from_f64(number).map(Value::Number)
}

fn is_whole(number: &Value) -> bool {
    number.is_i64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_may_be_what_the_schema_wants() {
        for (value, types, wanted) in [
            (json!("5"), json!("integer"), Some(json!(5))),
            (json!(" 5 "), json!("number"), Some(json!(5))),
            (json!("-1.5e3"), json!("number"), Some(json!(-1500.0))),
            (json!("1.5"), json!("integer"), None),
            (json!("inf"), json!("number"), None),
            (json!(""), json!("number"), None),
            (json!("five"), json!(["integer", "boolean"]), None),
            (
                json!("true"),
                json!(["integer", "boolean"]),
                Some(json!(true)),
            ),
            (json!(0), json!("boolean"), Some(json!(false))),
            (json!(5), json!("string"), Some(json!("5"))),
            (json!(true), json!("string"), Some(json!("true"))),
            (json!(""), json!("null"), Some(json!(null))),
            (json!([1]), json!("string"), None),
            (json!({}), json!("array"), None),
            (json!(1), json!(5), None),
        ] {
            assert_eq!(coerced(&value, &types), wanted, "{value} to {types}");
        }
    }
}
