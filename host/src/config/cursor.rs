//! Reading the tree: a [`Section`] is a map, a [`Field`] one value; both know their path of keys. A problem is noted
//! and reading goes on with the default, so that one run names everything that is wrong.

use super::{
    env::{self, Missing},
    error::{Problem, Source},
    node::{Entry, Map, Node, Place, Value},
    spelling::{listed, nearest},
};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What all cursors share.
pub(super) struct Reader<'a> {
    pub(super) sources: &'a [Source],
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) notes: RefCell<Vec<String>>,
    /// Paths of keys that Backstage has and this host does not use.
    pub(super) unused: RefCell<Vec<String>>,
    /// Paths of keys that nobody knows.
    pub(super) unknown: RefCell<Vec<String>>,
}

impl Reader<'_> {
    pub(super) fn refuse(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn note(&self, note: impl Into<String>) {
        self.notes.borrow_mut().push(note.into());
    }

    pub(super) fn source(&self, place: Place) -> &Source {
        &self.sources[place.file]
    }
}

/// A map, or the absence of one.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    /// `backend.database`; empty for the top level.
    pub(super) path: String,
    map: Option<&'a Map>,
    /// Keys that were looked up: the ones that are known.
    asked: RefCell<BTreeSet<&'static str>>,
}

/// A key with a value that is not null.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) path: String,
    pub(super) key: Place,
    pub(super) node: &'a Node,
}

impl<'a> Section<'a> {
    pub(super) fn top(reader: &'a Reader<'a>, tree: &'a Node) -> Self {
        let map = if let Value::Map(map) = &tree.value {
            Some(map)
        } else {
            None
        };
        Self {
            reader,
            path: String::new(),
            map,
            asked: RefCell::default(),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of a key, unless it is absent or null. The key counts as known from now on.
    pub(super) fn get(&self, key: &'static str) -> Option<Field<'a>> {
        self.asked.borrow_mut().insert(key);
        self.field(key, self.map?.get(key)?)
    }

    fn field(&self, key: &str, entry: &'a Entry) -> Option<Field<'a>> {
        if matches!(entry.node.value, Value::Null) {
            return None;
        }
        Some(Field {
            reader: self.reader,
            path: self.path_of(key),
            key: entry.key,
            node: &entry.node,
        })
    }

    /// The map under a key; an empty section where there is none.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let path = self.path_of(key);
        let found = self.get(key).and_then(|field| field.section());
        found.unwrap_or(Section {
            reader: self.reader,
            path,
            map: None,
            asked: RefCell::default(),
        })
    }

    /// Every key but the known ones, with its place; `None` for the value where it is null.
    pub(super) fn others(&self) -> Vec<(&'a str, Place, Option<Field<'a>>)> {
        let asked = self.asked.borrow();
        let others = self
            .map
            .into_iter()
            .flatten()
            .filter(|(key, _)| !asked.contains(key.as_str()));
        others
            .map(|(key, entry)| (key.as_str(), entry.key, self.field(key, entry)))
            .collect()
    }

    /// For sections that are this host's own: any key that was not asked for is a mistake.
    pub(super) fn refuse_others(&self) {
        for (key, place, _) in self.others() {
            self.refuse_key(key, place);
        }
    }

    /// For sections that Backstage has too: its other keys are named in a note; what looks like a misspelling of a
    /// key that is read here is a mistake.
    pub(super) fn judge_others(&self, backstage: &[&str]) {
        for (key, place, field) in self.others() {
            let known = backstage.contains(&key);
            if !known && nearest(key, self.asked.borrow().iter().copied()).is_some() {
                self.refuse_key(key, place);
            } else if field.is_some() {
                let list = if known {
                    &self.reader.unused
                } else {
                    &self.reader.unknown
                };
                list.borrow_mut().push(shown(&self.path_of(key)));
            }
        }
    }

    fn refuse_key(&self, key: &str, place: Place) {
        let asked = self.asked.borrow();
        let help = match nearest(key, asked.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the keys here are {}", listed(asked.iter().copied())),
        };
        let problem = Problem::new(format!("`{}` is not a key", shown(&self.path_of(key))));
        self.reader.refuse(
            problem
                .at(self.reader.source(place), place, "not known")
                .help(help),
        );
    }
}

impl<'a> Field<'a> {
    /// Notes a problem with this value.
    pub(super) fn refuse(
        &self,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = help.into();
        let mut problem =
            Problem::new(message).at(self.reader.source(self.place()), self.place(), label);
        if !help.is_empty() {
            problem = problem.help(help);
        }
        self.reader.refuse(problem);
    }

    /// Where errors about it point: at the value, or at the key of a list or map.
    fn place(&self) -> Place {
        if self.node.value.is_collection() || self.node.place.len == 0 {
            self.key
        } else {
            self.node.place
        }
    }

    /// Notes that the value is of the wrong kind. `takes` is such as "a number from 1 to 10".
    pub(super) fn refuse_kind(&self, takes: &str) {
        if let Some(word) = self.unsupported() {
            return self.refuse(
                format!("`{}`: `{word}` is not read here", shown(&self.path)),
                "a way of Backstage to take a value from elsewhere",
                "write the value, or `${NAME}` for a variable of the environment",
            );
        }
        let kind = self.node.value.kind();
        let help = match (&self.node.value, takes) {
            (Value::Text(text), "true or false")
                if matches!(text.as_str(), "yes" | "on" | "Yes" | "On") =>
            {
                "write `true`"
            }
            (Value::Text(text), "true or false")
                if matches!(text.as_str(), "no" | "off" | "No" | "Off") =>
            {
                "write `false`"
            }
            _ => "",
        };
        self.refuse(
            format!("`{}` takes {takes}, not {kind}", shown(&self.path)),
            format!("this is {kind}"),
            help,
        );
    }

    /// `$env`, `$file` or `$include`, where the value is a map with such a key.
    pub(super) fn unsupported(&self) -> Option<&'a str> {
        let Value::Map(map) = &self.node.value else {
            return None;
        };
        map.keys()
            .map(String::as_str)
            .find(|key| matches!(*key, "$env" | "$file" | "$include"))
    }

    pub(super) fn section(&self) -> Option<Section<'a>> {
        match &self.node.value {
            Value::Map(map) if self.unsupported().is_none() => Some(Section {
                reader: self.reader,
                path: self.path.clone(),
                map: Some(map),
                asked: RefCell::default(),
            }),
            _ => {
                self.refuse_kind("a map");
                None
            }
        }
    }

    /// The items of a list, nulls included.
    pub(super) fn items(&self) -> Option<Vec<Field<'a>>> {
        let Value::List(items) = &self.node.value else {
            return None;
        };
        let item = |(index, node): (usize, &'a Node)| Field {
            reader: self.reader,
            path: format!("{}[{index}]", self.path),
            key: if node.place.len == 0 {
                self.key
            } else {
                node.place
            },
            node,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// A text with its variables filled in; the flag says that it may be a secret. Anything but a text is refused as
    /// not being `takes`.
    pub(super) fn text(&self, takes: &str) -> Option<(String, bool)> {
        match &self.node.value {
            Value::Text(text) => self.filled(text),
            _ => {
                self.refuse_kind(takes);
                None
            }
        }
    }

    /// As [`Self::text`]; numbers and booleans count as the text they are written with.
    pub(super) fn scalar(&self, takes: &str) -> Option<(String, bool)> {
        match &self.node.value {
            Value::Text(text) => self.filled(text),
            Value::Integer(number) => Some((number.to_string(), false)),
            Value::Float(_, text) => Some((text.clone(), false)),
            Value::Boolean(value) => Some((value.to_string(), false)),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.refuse_kind(takes);
                None
            }
        }
    }

    fn filled(&self, text: &str) -> Option<(String, bool)> {
        let path = shown(&self.path);
        match env::fill(text, self.reader.env) {
            Ok(filled) => return Some((filled.text, filled.secret)),
            Err(Missing::Unset(name)) => self.refuse(
                format!("`{path}`: the environment has no variable `{name}`"),
                "taken from here",
                format!(
                    "set {name}, or give a default: `${{{name}:-DEFAULT}}`; `$${{{name}}}` is the text `${{{name}}}` itself"
                ),
            ),
            Err(Missing::BadName(name)) => self.refuse(
                format!("`{path}`: `${{{}}}` names no variable of the environment", shown(&name)),
                "here",
                "a name is of letters, digits and `_`; write `$${` where the text `${` itself is meant",
            ),
        }
        None
    }

    /// A path; a relative one starts at the folder of the file that names it.
    pub(super) fn path(&self, takes: &str) -> Option<PathBuf> {
        let (text, _) = self.text(takes)?;
        if text.is_empty() || text.contains('\0') {
            self.refuse(
                format!("`{}` takes {takes}", shown(&self.path)),
                "this is no path",
                "",
            );
            return None;
        }
        Some(absolute(
            self.reader.source(self.node.place).folder(),
            Path::new(&text),
        ))
    }
}

/// `path` from `folder`, without `.` parts. `..` stays: behind a link it is not what the text says.
pub(super) fn absolute(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path).components().collect()
}

/// A path of keys for a message; keys come from the file, and may be long or hold control characters.
pub(super) fn shown(path: &str) -> String {
    let clean = path
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut text: String = clean.clone().take(120).collect();
    if clean.count() > 120 {
        text.push('…');
    }
    text
}
