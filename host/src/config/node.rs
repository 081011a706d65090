//! A YAML document as a tree whose every key and value knows its place in its file.

use std::collections::BTreeMap;

/// A run of bytes in one of the files: what an error points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Index into the list of files.
    pub(super) file: usize,
    /// Byte offset into the file's text.
    pub(super) start: usize,
    /// Bytes; 0 where only a beginning is known.
    pub(super) len: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

pub(super) type Map = BTreeMap<String, Entry>;

/// A key of a map with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Place,
    pub(super) node: Node,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i128),
    /// The number, and its text as the file has it: `1.10` stays `1.10`.
    Float(f64, String),
    /// As written: variables are filled in when it is read.
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

impl Value {
    /// What it is, for "takes a number, not ...".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Boolean(_) => "true or false",
            Self::Integer(_) | Self::Float(..) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// Lists and maps: an error about one points at its key, as the value may be many lines long.
    pub(super) fn is_collection(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }
}
