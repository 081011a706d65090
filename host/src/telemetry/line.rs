//! One line of the log: what an event holds, as JSON or as text.

use super::escape;
use crate::config::secrets::redacted;
use std::{
    error::Error,
    fmt::{self, Debug, Write},
};
use tracing::{
    Level,
    field::{Field, Visit},
};

/// Bytes of one value, and of all values of a line together; the rest is cut.
///
/// A plugin's message of 8 KiB fits, with the mark that it was cut.
const LONGEST_VALUE: usize = (8 << 10) + 64;
const LONGEST_LINE: usize = 24 << 10;
/// Bytes that are looked at beyond a cut: a secret that begins before it is found whole.
const BEYOND: usize = 8 << 10;

/// How lines are written.
#[derive(Debug, Clone)]
pub(super) struct Format {
    pub(super) shape: Shape,
    /// In every line that has no field of that name: the name, and how it is written: `,"service":"greenroom"` in JSON,
    /// ` zone="a"` in text.
    meta: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    Text,
    /// Text with the colours of a terminal.
    Colours,
}

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, Value)>,
    /// Bytes of all values.
    taken: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// In quotes in a line for people.
    Text(String),
    /// Without, where it is one word.
    Word(String),
    /// A number or a truth value, as JSON has it.
    Bare(String),
}

impl Said {
    pub(super) fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(known, _)| *known == name)?;
        match value {
            Value::Text(text) | Value::Word(text) => Some(text),
            Value::Bare(_) => None,
        }
    }

    /// What `write` writes, as far as there is room.
    fn bounded(&mut self, write: impl FnOnce(&mut Bounded) -> fmt::Result) -> String {
        let room = LONGEST_VALUE.min(LONGEST_LINE.saturating_sub(self.taken));
        let mut bounded = Bounded {
            text: String::new(),
            room: room + BEYOND,
        };
        // It fails where the room ends.
        let mut cut = write(&mut bounded).is_err();
        let mut text = bounded.text;
        if text.len() > room {
            text = redacted(&text).into_owned();
            cut |= text.len() > room;
            text.truncate(text.floor_char_boundary(room));
        }
        if cut {
            text.push_str(escape::CUT);
        }
        self.taken += text.len();
        text
    }

    fn keep(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text) | Value::Word(text) | Value::Bare(text)) => {
                self.message = text;
            }
            (name, value) => self.fields.push((name, value)),
        }
    }
}

/// A text that ends where its room does.
struct Bounded {
    text: String,
    room: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.room {
            self.room -= text.len();
            self.text.push_str(text);
            return Ok(());
        }
        self.text
            .push_str(&text[..text.floor_char_boundary(self.room)]);
        self.room = 0;
        Err(fmt::Error)
    }
}

impl Visit for Said {
    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = value.to_string();
        // JSON has no such numbers.
        let value = if value.is_finite() {
            Value::Bare(text)
        } else {
            Value::Word(text)
        };
        self.keep(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, Value::Bare(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, Value::Bare(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, Value::Bare(value.to_string()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = self.bounded(|into| into.write_str(value));
        self.keep(field, Value::Text(text));
    }

    /// With its causes.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let text = self.bounded(|into| {
            write!(into, "{value}")?;
            let mut cause = value.source();
            while let Some(error) = cause {
                write!(into, ": {error}")?;
                cause = error.source();
            }
            Ok(())
        });
        self.keep(field, Value::Word(text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = self.bounded(|into| write!(into, "{value:?}"));
        self.keep(field, Value::Word(text));
    }
}

impl Format {
    /// `meta`: names and values of `backend.logger.meta`. JSON lines have `service` besides, where it is not in there.
    pub(super) fn new(shape: Shape, meta: &[(String, serde_json::Value)]) -> Self {
        let mut written = Vec::new();
        if shape == Shape::Json && meta.iter().all(|(name, _)| name != "service") {
            written.push((
                "service".to_owned(),
                ",\"service\":\"greenroom\"".to_owned(),
            ));
        }
        for (name, value) in meta {
            let mut text = String::new();
            if shape == Shape::Json {
                text.push(',');
                escape::json(&mut text, name);
                text.push(':');
                text.push_str(&ascii(&value.to_string()));
            } else {
                text.extend([" ", name.as_str(), "="]);
                match value {
                    serde_json::Value::String(value) => escape::quote(&mut text, value),
                    value => escape::plain(&mut text, &value.to_string()),
                }
            }
            written.push((name.clone(), text));
        }
        Self {
            shape,
            meta: written,
        }
    }

    /// With the end of the line.
    pub(super) fn line(&self, level: Level, target: &str, said: &Said) -> String {
        let mut line = String::with_capacity(256);
        match self.shape {
            Shape::Json => self.json(&mut line, level, target, said),
            Shape::Text | Shape::Colours => self.text(&mut line, level, target, said),
        }
        line.push('\n');
        line
    }

    fn json(&self, into: &mut String, level: Level, target: &str, said: &Said) {
        begin_json(into, level, &said.message);
        for (name, value) in &said.fields {
            // A line has each name once.
            if matches!(*name, "timestamp" | "level" | "target") {
                continue;
            }
            into.extend([",\"", *name, "\":"]);
            match value {
                Value::Text(text) | Value::Word(text) => escape::json(into, text),
                Value::Bare(text) => into.push_str(text),
            }
        }
        self.end_json(into, target, &said.fields);
    }

    /// A line of the target `audit`. `members`: of a JSON object, without its braces, in ASCII where it matters.
    ///
    /// For people it is JSON as well, after the time and the level.
    pub(super) fn audit(&self, level: Level, message: &str, members: &str) -> String {
        let mut line = String::with_capacity(512);
        if self.shape == Shape::Json {
            begin_json(&mut line, level, message);
            line.extend([",", members]);
            self.end_json(&mut line, "audit", &[]);
        } else {
            self.begin_text(&mut line, level, "audit");
            line.push_str("{\"message\":");
            escape::json(&mut line, message);
            line.extend([",", members, "}"]);
            self.add_meta(&mut line, &[]);
        }
        line.push('\n');
        line
    }

    fn end_json(&self, into: &mut String, target: &str, fields: &[(&'static str, Value)]) {
        into.push_str(",\"target\":");
        escape::json(into, target);
        self.add_meta(into, fields);
        into.push('}');
    }

    /// What stands in every line, but for the names that this one has.
    fn add_meta(&self, into: &mut String, fields: &[(&'static str, Value)]) {
        for (name, written) in &self.meta {
            if fields.iter().all(|(known, _)| known != name) {
                into.push_str(written);
            }
        }
    }

    fn text(&self, into: &mut String, level: Level, target: &str, said: &Said) {
        self.begin_text(into, level, target);
        // One that could be taken for fields stands in quotes.
        if said.message.contains(['=', '"']) {
            escape::quote(into, &said.message);
        } else {
            escape::plain(into, &said.message);
        }
        let colours = self.shape == Shape::Colours;
        for (name, value) in &said.fields {
            if colours {
                into.extend([" \x1b[3m", *name, "\x1b[0m\x1b[2m=\x1b[0m"]);
            } else {
                into.extend([" ", *name, "="]);
            }
            match value {
                Value::Text(text) => escape::quote(into, text),
                Value::Word(text) if is_word(text) => escape::plain(into, text),
                Value::Word(text) => escape::quote(into, text),
                Value::Bare(text) => into.push_str(text),
            }
        }
        self.add_meta(into, &said.fields);
    }

    /// `2026-11-22T17:03:34.819824Z  INFO greenroom::host: `.
    fn begin_text(&self, into: &mut String, level: Level, target: &str) {
        let now = jiff::Timestamp::now();
        let (colour, name) = match level {
            Level::ERROR => ("31", "ERROR"),
            Level::WARN => ("33", " WARN"),
            Level::INFO => ("32", " INFO"),
            Level::DEBUG => ("34", "DEBUG"),
            Level::TRACE => ("35", "TRACE"),
        };
        // Into a string it does not fail.
        let _ = if self.shape == Shape::Colours {
            write!(
                into,
                "\x1b[2m{now:.6}\x1b[0m \x1b[{colour}m{name}\x1b[0m \x1b[2m{target}:\x1b[0m "
            )
        } else {
            write!(into, "{now:.6} {name} {target}: ")
        };
    }
}

fn begin_json(into: &mut String, level: Level, message: &str) {
    let now = jiff::Timestamp::now();
    // Into a string it does not fail.
    let _ = write!(
        into,
        "{{\"timestamp\":\"{now:.6}\",\"level\":\"{level}\",\"message\":"
    );
    escape::json(into, message);
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '=' || c == '"')
}

/// JSON whose characters that are not to be seen are escaped: they stand in strings alone.
pub(super) fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if escape::is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Into a string it does not fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests;
