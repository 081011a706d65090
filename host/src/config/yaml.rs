//! YAML text to [`Node`]s.

use super::{
    error::{Problem, Source},
    node::{Entry, Map, Node, Origin, Place, Value},
};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess};
use serde_saphyr::{Error, Location, Spanned, options};
use std::{borrow::Cow, collections::btree_map, fmt};

/// Maps and lists within each other. A bound on the stack as well: what reads the tree walks it by recursion.
const MAX_DEPTH: usize = 32;
/// Values that aliases may repeat, all together.
const MAX_REPEATED: usize = 10_000;

/// Parses the text of file number `file`. An empty document is [`Value::Null`].
pub(super) fn parse(source: &Source, file: usize) -> Result<Node, Problem> {
    let reader = File { source, file };
    serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, how())
        .map_err(|error| reader.broken(&error))
        .and_then(|raw| reader.node(raw))
}

fn how() -> options::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPEATED },
        // Found here instead, so that the error can show both places.
        duplicate_keys: options::DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: options::NonFiniteFloatPolicy::AsString,
        // `yes`, `0755` and `1_000` are texts in YAML 1.2.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        emit_comments: false,
    }
}

const TOO_MUCH: &str =
    "maps and lists nest at most 32 deep, and aliases repeat at most 10,000 values";

struct File<'a> {
    source: &'a Source,
    file: usize,
}

impl File<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Result<Node, Problem> {
        let place = self.place(raw.defined);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Boolean(value) => Value::Boolean(value),
            Raw::Integer(value) => Value::Integer(value),
            Raw::Float(value) => Value::Float(value, self.written(place, value)),
            Raw::Text(text) => Value::Text(text),
            Raw::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| self.node(item))
                    .collect::<Result<_, _>>()?,
            ),
            Raw::Map(entries) => Value::Map(self.map(entries)?),
        };
        Ok(Node {
            value,
            place,
            origin: Origin::Written,
        })
    }

    fn map(&self, entries: Vec<(Spanned<String>, Spanned<Raw>)>) -> Result<Map, Problem> {
        let mut map = Map::new();
        for (key, value) in entries {
            let place = self.place(key.defined);
            match map.entry(key.value) {
                btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(Entry {
                        key: place,
                        node: self.node(value)?,
                    });
                }
                btree_map::Entry::Occupied(first) => {
                    return Err(
                        Problem::new(format!("the key `{}` is there twice", first.key()))
                            .at(self.source, place, "again here")
                            .also(self.source, first.get().key, "first here")
                            .help("keep one of the two"),
                    );
                }
            }
        }
        Ok(map)
    }

    /// The text of a number where the place holds just that.
    fn written(&self, place: Place, value: f64) -> String {
        self.source
            .text
            .get(place.start..place.start + place.len)
            .filter(|text| text.parse() == Ok(value))
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    fn place(&self, location: Location) -> Place {
        let text = &self.source.text;
        let span = location.span();
        let known = span
            .byte_offset()
            .zip(span.byte_len())
            .and_then(|(start, len)| {
                Some((usize::try_from(start).ok()?, usize::try_from(len).ok()?))
            });
        let (start, len) = known.unwrap_or_else(|| (offset(text, location), 0));
        let start = start.min(text.len());
        Place {
            file: self.file,
            start,
            len: len.min(text.len() - start),
        }
    }

    fn line(&self, location: Option<Location>) -> &str {
        let line = location
            .and_then(|location| usize::try_from(location.line()).ok())
            .unwrap_or(0);
        self.source
            .text
            .lines()
            .nth(line.saturating_sub(1))
            .unwrap_or_default()
    }

    fn broken(&self, error: &Error) -> Problem {
        let location = error.location();
        let full = error.to_string();
        let said = full.split(" at line ").next().unwrap_or(&full);
        let said = without_a_value(said);
        let said = &*said;
        let (message, help) = match error.without_snippet() {
            Error::MultipleDocuments { .. } => (
                "the file holds more than one YAML document".to_owned(),
                Some("remove the `---` between them, or write two files and give `--config` twice"),
            ),
            _ if said.starts_with("tabs disallowed") => (
                "a tab cannot indent YAML".to_owned(),
                Some("indent with spaces"),
            ),
            _ if said.starts_with("mapping values are not allowed") => (
                "this is not valid YAML: a `:` where no key can be".to_owned(),
                Some(
                    "check the indentation of this line and the one above it; quote a text that holds `: `",
                ),
            ),
            Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => (
                "the file is too deep or too large for a configuration".to_owned(),
                Some(TOO_MUCH),
            ),
            _ if said.starts_with("recursion limit") => (
                "the file is too deep for a configuration".to_owned(),
                Some(TOO_MUCH),
            ),
            _ if said.contains("flow") && self.line(location).contains("${") => (
                format!("this is not valid YAML: {said}"),
                Some("inside [ ] and { }, a text with `${` needs quotes: '${NAME}'"),
            ),
            _ if said.contains("expected string scalar") => {
                ("a key must be a text, not a list or a map".to_owned(), None)
            }
            _ => (format!("this is not valid YAML: {said}"), None),
        };
        let mut problem = Problem::new(message);
        if let Some(location) = location {
            problem = problem.at(self.source, self.place(location), "here");
        } else {
            problem = problem.of(self.source);
        }
        if let Some(help) = help {
            problem.help(help)
        } else {
            problem
        }
    }
}

/// The parser's words but for those that hold a value, which may be a secret.
fn without_a_value(said: &str) -> Cow<'_, str> {
    match said.split_once(", expected ") {
        Some((invalid, expected)) if invalid.starts_with("invalid ") => {
            format!("expected {expected}").into()
        }
        _ if said.starts_with("The string value [") => "this text needs quotes".into(),
        _ => said.into(),
    }
}

/// The byte at a line and column (in characters, both from 1), for errors that carry no byte offset.
fn offset(text: &str, location: Location) -> usize {
    let (mut line, mut column) = (1, 1);
    for (index, character) in text.char_indices() {
        if line > location.line() || (line == location.line() && column >= location.column()) {
            return index;
        }
        if character == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    text.len()
}

enum Raw {
    Null,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
