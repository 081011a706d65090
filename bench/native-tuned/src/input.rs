//! The body of POST, checked.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, error::Category};
use std::{borrow::Cow, fmt};

/// The longest text, in characters.
const TEXT_LIMIT: usize = 1024;

#[derive(Debug, PartialEq)]
pub(crate) struct NewTodo {
    pub(crate) title: String,
    pub(crate) entity_ref: Option<String>,
}

impl NewTodo {
    /// The error is what the client is told.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let fields = object(body)?;
        let title = match fields.title {
            None | Some(Value::Null) => return Err("title is required".into()),
            Some(title) => text("title", title)?,
        };
        if title.chars().all(|c| c.is_whitespace() || c == '\u{FEFF}') {
            return Err("title is required".into());
        }
        let entity_ref = match fields.entity_ref {
            None | Some(Value::Null) => None,
            Some(entity_ref) => Some(text("entityRef", entity_ref)?).filter(|t| !t.is_empty()),
        };
        Ok(Self { title, entity_ref })
    }
}

fn text(name: &str, value: Value) -> Result<String, String> {
    let Value::String(text) = value else {
        return Err(format!("{name} must be a string"));
    };
    // A text of so few bytes has no more characters.
    if text.len() > TEXT_LIMIT && text.chars().count() > TEXT_LIMIT {
        return Err(format!("{name} must be at most {TEXT_LIMIT} characters"));
    }
    if text.contains('\0') {
        return Err(format!("{name} must not contain NUL"));
    }
    Ok(text)
}

/// The fields that matter; the last of several with one name counts.
#[derive(Default)]
struct Fields {
    title: Option<Value>,
    entity_ref: Option<Value>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<Cow<'_, str>>()? {
                    match &*name {
                        "title" => fields.title = Some(map.next_value()?),
                        "entityRef" => fields.entity_ref = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A JSON object; what is wrong with it is told with line and column, and without its values.
fn object(body: &[u8]) -> Result<Fields, String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = str::from_utf8(body).map_err(|error| {
        at(
            "the body is not valid UTF-8",
            place(body, error.valid_up_to()),
        )
    })?;
    let start = text.find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r'));
    if let Some(start) = start
        && !text[start..].starts_with('{')
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
    {
        return Err(at("the body must be a JSON object", place(body, start)));
    }
    let fields = serde_json::from_str(text).map_err(|error| explain(&error))?;
    match lone_surrogate(body) {
        None => Ok(fields),
        Some(found) => Err(at(
            "the body is not valid JSON: lone surrogate",
            place(body, found),
        )),
    }
}

fn explain(error: &serde_json::Error) -> String {
    let place = (error.line(), error.column().max(1));
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(text, _)| text);
    match (error.classify(), text.split_once(", expected ")) {
        (Category::Data, Some((_, expected))) => at(
            &format!("the body does not fit: expected {expected}"),
            place,
        ),
        (Category::Data, None) => at(&format!("the body does not fit: {text}"), place),
        _ => at(&format!("the body is not valid JSON: {text}"), place),
    }
}

fn at(message: &str, (line, column): (usize, usize)) -> String {
    format!("{message} at line {line}, column {column}")
}

/// Line and column of a byte, both from 1.
fn place(text: &[u8], byte: usize) -> (usize, usize) {
    let before = &text[..byte];
    let start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |n| n + 1);
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    (line, byte - start + 1)
}

/// Where valid JSON has half of a surrogate pair: serde_json sees it only in strings that it keeps.
fn lone_surrogate(json: &[u8]) -> Option<usize> {
    let unit = |from: usize| {
        let digits = json.get(from..from + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut from = 0;
    while let Some(found) = json[from..].iter().position(|&b| b == b'\\') {
        from += found;
        match (unit(from), unit(from + 6)) {
            (None, _) => from += 2,
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => from += 12,
            (Some(0xD800..=0xDFFF), _) => return Some(from),
            (Some(_), _) => from += 6,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_checked() {
        let parse = |body: &str| NewTodo::parse(body.as_bytes());
        let good = parse("\u{feff}{\"title\":1,\"x\":[],\"title\":\" a \",\"entityRef\":\"\"}");
        let expected = NewTodo {
            title: " a ".into(),
            entity_ref: None,
        };
        assert_eq!(good, Ok(expected));
        for (body, message) in [
            ("{}", "title is required"),
            ("{\"title\":\"\\u00a0\\ufeff\"}", "title is required"),
            ("{\"title\":[]}", "title must be a string"),
            ("{\"title\":\"a\\u0000\"}", "title must not contain NUL"),
            (
                "{\"title\":\"a\",\"entityRef\":1}",
                "entityRef must be a string",
            ),
            (
                "\n [1]",
                "the body must be a JSON object at line 2, column 2",
            ),
            (
                "{} {}",
                "the body is not valid JSON: trailing characters at line 1, column 4",
            ),
            (
                "{\"x\":\"\\ud800\"}",
                "the body is not valid JSON: lone surrogate at line 1, column 7",
            ),
        ] {
            assert_eq!(parse(body), Err(message.into()), "{body}");
        }
        let long = |n| parse(&format!("{{\"title\":\"{}\"}}", "ü".repeat(n)));
        assert!(long(1024).is_ok() && long(1025).is_err());
    }
}
