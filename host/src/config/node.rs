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
    pub(super) origin: Origin,
}

/// Where a value comes from. What is not written in the file may be a secret, so errors do not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The file itself.
    Written,
    /// A variable of the environment, or a text with one in it.
    Variable,
    /// The file that `$file` names.
    File,
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
    /// Once `transform` has seen it: with its variables filled in.
    Text(String),
    List(Vec<Node>),
    Map(Map),
    /// Something is written there that has no value.
    Absent(Absent),
}

/// Why there is no value.
#[derive(Debug, Clone)]
pub(super) enum Absent {
    /// The environment has no such variable.
    Unset(String),
    /// What is written in the place of a variable's name is none.
    BadName(String),
    /// A problem is noted already.
    Told,
}

impl Value {
    /// What it is, for "takes a number, not ...".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null | Self::Absent(_) => "nothing",
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
