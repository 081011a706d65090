//! JSON bodies: strict where a client would otherwise be misunderstood, and silent about what the body holds.

use crate::{
    Error,
    words::{self, below, holds},
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Parses a body that must be one JSON object.
///
/// A byte-order mark is skipped. Invalid UTF-8, invalid JSON, a lone surrogate anywhere, another top level, or fields
/// that do not fit `T` are a 400 whose message names line and column (counted in bytes, from 1) and repeats nothing of
/// the body's values.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = str::from_utf8(body).map_err(|error| {
        let (line, column) = position(body, error.valid_up_to());
        refuse("the body is not valid UTF-8", line, column)
    })?;
    let start = text.find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r'));
    if let Some(start) = start
        && !text[start..].starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    {
        let (line, column) = position(body, start);
        return Err(refuse("the body must be a JSON object", line, column));
    }
    let value = serde_json::from_str(text).map_err(|error| explain(&error))?;
    match lone_surrogate(body) {
        None => Ok(value),
        Some(at) => {
            let (line, column) = position(body, at);
            Err(refuse(
                "the body is not valid JSON: lone surrogate",
                line,
                column,
            ))
        }
    }
}

/// Whether a `Content-Type` says JSON in UTF-8: `application/json` or `application/*+json` (but no JSON Patch, which is
/// an array of operations), with charset UTF-8 or none.
pub fn is_json(content_type: &str) -> bool {
    let (media, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let Some((kind, subtype)) = media.trim().split_once('/') else {
        return false;
    };
    let json = subtype.eq_ignore_ascii_case("json")
        || subtype
            .split_at_checked(subtype.len().wrapping_sub(5))
            .is_some_and(|(name, suffix)| suffix.eq_ignore_ascii_case("+json") && is_token(name));
    kind.eq_ignore_ascii_case("application")
        && json
        && !subtype.eq_ignore_ascii_case("json-patch+json")
        && utf8(parameters)
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// True unless a parameter names another charset.
fn utf8(mut parameters: &str) -> bool {
    while !parameters.is_empty() {
        let mut quoted = false;
        let end = parameters.find(|c| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let (parameter, rest) = match end {
            Some(end) => (&parameters[..end], &parameters[end + 1..]),
            None => (parameters, ""),
        };
        parameters = rest;
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset")
            && !value.eq_ignore_ascii_case("utf-8")
            && !value.eq_ignore_ascii_case("utf8")
        {
            return false;
        }
    }
    true
}

/// Appends a text as a JSON string, as serde_json writes it, at a fraction of the cost.
pub fn write_text(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    end_text(text.as_bytes(), json);
}

/// [`write_text`] for a text in UTF-8 whose first quote is there already. Most need no escapes and are copied as they
/// are.
#[inline]
pub(crate) fn end_text(text: &[u8], json: &mut Vec<u8>) {
    // One exclusive or brings the quote to where one comparison finds it with the control characters.
    let escaped = |word| below(word ^ (u64::MAX / 255 * 2), 0x21) | holds(word, b'\\');
    if words::append(text, json, escaped) {
        json.push(b'"');
    } else {
        escape(text, json);
    }
}

#[cold]
fn escape(text: &[u8], json: &mut Vec<u8>) {
    json.pop();
    let text = String::from_utf8_lossy(text);
    serde_json::to_writer(json, &text).expect("a text can be written into memory");
}

/// serde_json's message without what it may repeat of the body.
fn explain(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column().max(1));
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    if error.classify() != Category::Data {
        return refuse(&format!("the body is not valid JSON: {text}"), line, column);
    }
    let echoes = [
        "invalid type",
        "invalid value",
        "unknown field",
        "unknown variant",
    ];
    let text = match text
        .split_once(", expected ")
        .or_else(|| text.split_once(", there are "))
    {
        Some((found, expected)) if echoes.iter().any(|echo| found.starts_with(echo)) => {
            format!("expected {expected}")
        }
        _ => text.to_owned(),
    };
    refuse(&format!("the body does not fit: {text}"), line, column)
}

fn refuse(message: &str, line: usize, column: usize) -> Error {
    Error::bad_request(format!("{message} at line {line}, column {column}"))
}

/// Line and column of a byte, both from 1.
fn position(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |newline| newline + 1);
    (line, at - start + 1)
}

/// Where valid JSON has an escape that is half of a surrogate pair. serde_json sees it only in strings that it keeps.
fn lone_surrogate(json: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &json[at..]) {
        at += found;
        match (unit(json, at), unit(json, at + 6)) {
            (None, _) => at += 2,
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => at += 12,
            (Some(0xD800..=0xDFFF), _) => return Some(at),
            (Some(_), _) => at += 6,
        }
    }
    None
}

/// The UTF-16 unit of the `\uXXXX` that starts at this byte.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, de::IgnoredAny};
    use std::collections::BTreeMap;

    fn message(body: &[u8]) -> String {
        let error = object::<BTreeMap<String, IgnoredAny>>(body).unwrap_err();
        assert_eq!(error.status(), 400);
        error.message().to_owned()
    }

    #[test]
    fn texts_are_written_as_serde_json_writes_them() {
        let plain = "0123456789abcdefäß€😀 ~\u{7f}";
        let mut texts: Vec<String> = (0..=plain.chars().count())
            .map(|length| plain.chars().take(length).collect())
            .collect();
        // Each character that may need an escape, at each place of a word of eight and after it.
        for special in (0..0x80u8)
            .map(char::from)
            .chain(['\u{80}', '\u{a2}', '\u{dc}'])
        {
            texts.extend((0..11).map(|at| format!("{}{special}tail", "x".repeat(at))));
        }
        for text in texts {
            let mut json = b"before".to_vec();
            write_text(&text, &mut json);
            let expected = format!("before{}", serde_json::to_string(&text).unwrap());
            assert_eq!(String::from_utf8(json).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn positions_are_named() {
        assert_eq!(
            message(b""),
            "the body is not valid JSON: EOF while parsing a value at line 1, column 1"
        );
        assert_eq!(
            message(b"{\n \"a\": x}"),
            "the body is not valid JSON: expected value at line 2, column 7"
        );
        assert_eq!(
            message(b"\n [1]"),
            "the body must be a JSON object at line 2, column 2"
        );
        assert_eq!(
            message(b"nope"),
            "the body is not valid JSON: expected ident at line 1, column 2"
        );
        assert_eq!(
            message(b"{\"a\":\n\"\xFF\"}"),
            "the body is not valid UTF-8 at line 2, column 2"
        );
        assert_eq!(
            message(b"{} {}"),
            "the body is not valid JSON: trailing characters at line 1, column 4"
        );
    }

    #[test]
    fn lone_surrogates_are_refused_anywhere() {
        for body in [
            r#"{"a":"\ud800"}"#,
            r#"{"a":["\uDC00"]}"#,
            r#"{"\ud83d":1}"#,
            r#"{"a":"\ud83d\u0041"}"#,
            r#"{"a":"\ud83dx\ude00"}"#,
        ] {
            let message = message(body.as_bytes());
            assert!(
                message.contains("surrogate") || message.contains("hex escape"),
                "{body}: {message}"
            );
        }
        assert_eq!(
            message(br#"{"a":"\ud800"}"#),
            "the body is not valid JSON: lone surrogate at line 1, column 7"
        );
        for body in [
            r#"{"a":"\ud83d\ude00"}"#,
            r#"{"a":"\\ud800"}"#,
            r#"{"a":"\\\\"}"#,
            r#"{"a":"\u00e4\n"}"#,
        ] {
            assert!(
                object::<BTreeMap<String, IgnoredAny>>(body.as_bytes()).is_ok(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once() {
        assert!(object::<BTreeMap<String, IgnoredAny>>(b"\xEF\xBB\xBF{}").is_ok());
        assert_eq!(
            message(b"\xEF\xBB\xBF!"),
            "the body is not valid JSON: expected value at line 1, column 1"
        );
        assert!(message(b"\xEF\xBB\xBF\xEF\xBB\xBF{}").contains("not valid JSON"));
    }

    #[test]
    fn typed_errors_repeat_no_value() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Note {
            #[expect(dead_code, reason = "only parsed")]
            text: String,
        }
        for (body, expected) in [
            (
                r#"{"text":12345}"#,
                "the body does not fit: expected a string at line 1, column 13",
            ),
            (
                r#"{"secret":1}"#,
                "the body does not fit: expected `text` at line 1, column 9",
            ),
            (
                "{}",
                "the body does not fit: missing field `text` at line 1, column 2",
            ),
        ] {
            assert_eq!(
                object::<Note>(body.as_bytes()).unwrap_err().message(),
                expected
            );
        }
    }

    #[test]
    fn content_types() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf8\"; x=\"a;charset=latin1\"",
            "application/merge-patch+json",
            "application/vnd.api+json;",
            " application/json ;q=1",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "application",
            "text/json",
            "text/plain",
            "application/json-patch+json",
            "application/JSON-Patch+json",
            "application/+json",
            "application/jsonp",
            "application/json; charset=latin1",
            "application/json; x=1; Charset = utf-16",
            "application/json; charset=",
            "application/json, application/json",
            "application/a b+json",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
