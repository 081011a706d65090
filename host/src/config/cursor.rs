//! Reading the tree: a [`Section`] is a map, a [`Field`] one value; both know their path of keys. A problem is noted
//! and reading goes on with the default, so that one run names everything that is wrong.

use super::{
    environment::Environment,
    error::{Problem, Source},
    node::{Absent, Entry, Map, Node, Origin, Place, Value},
    spelling::{listed, nearest},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What all cursors share.
pub(super) struct Reader<'a> {
    pub(super) sources: &'a [Source],
    pub(super) env: &'a Environment,
    /// A key was asked for whose value could not be taken from where it is. That was noted before.
    pub(super) told: Cell<bool>,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) notes: RefCell<Vec<String>>,
    /// Paths of keys that Backstage has and this host does not use.
    pub(super) unused: RefCell<Vec<String>>,
    /// Paths of keys that nobody knows.
    pub(super) unknown: RefCell<Vec<String>>,
    /// Paths of keys of plugins that have no value, and the variables that they name.
    pub(super) unset: RefCell<Vec<String>>,
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

    /// Notes why a value that is asked for is not there.
    pub(super) fn refuse_absent(&self, path: &str, place: Place, why: &Absent) {
        let path = shown(path);
        let (message, label, help) = match why {
            Absent::Told => return self.told.set(true),
            Absent::Unset(name) => (
                format!("`{path}`: the environment has no variable `{}`", shown(name)),
                "taken from here",
                format!(
                    "set {name}, or give a default: `${{{name}:-DEFAULT}}`; `$${{{name}}}` is the text `${{{name}}}` itself"
                ),
            ),
            Absent::BadName(name) => (
                format!("`{path}`: `{}` names no variable of the environment", shown(name)),
                "here",
                "a name is of letters, digits and `_`; write `$${` where the text `${` itself is meant".to_owned(),
            ),
        };
        let problem = Problem::new(message).at(self.source(place), place, label);
        self.refuse(problem.help(help));
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

    /// The value of a key, unless it is absent or null. The key counts as known from now on. That a variable is not set
    /// is a mistake here, where Backstage leaves the key out: the default that comes in its place may lose data, or open
    /// what was to be closed.
    pub(super) fn get(&self, key: &'static str) -> Option<Field<'a>> {
        let first = self.asked.borrow_mut().insert(key);
        let entry = self.map?.get(key)?;
        if let (Value::Absent(why), true) = (&entry.node.value, first) {
            (self.reader).refuse_absent(&self.path_of(key), entry.node.place, why);
        }
        self.field(key, entry)
    }

    fn field(&self, key: &str, entry: &'a Entry) -> Option<Field<'a>> {
        if matches!(entry.node.value, Value::Null | Value::Absent(_)) {
            return None;
        }
        Some(Field {
            reader: self.reader,
            path: self.path_of(key),
            key: entry.key,
            node: &entry.node,
        })
    }

    /// Whether nothing is written under the key, or null. What is written and has no value is told by [`Self::get`].
    pub(super) fn lacks(&self, key: &str) -> bool {
        let entry = self.map.and_then(|map| map.get(key));
        entry.is_none_or(|entry| matches!(entry.node.value, Value::Null))
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

    /// Every key but the known ones, with its place, for maps whose keys are names; `None` for the value where it is null.
    /// A variable that is not set is a mistake, as it is for a known key.
    pub(super) fn others(&self) -> Vec<(&'a str, Place, Option<Field<'a>>)> {
        let mut others = Vec::new();
        for (key, entry) in self.not_asked() {
            if let Value::Absent(why) = &entry.node.value {
                (self.reader).refuse_absent(&self.path_of(key), entry.node.place, why);
            }
            others.push((key, entry.key, self.field(key, entry)));
        }
        others
    }

    /// Every key but the known ones.
    fn not_asked(&self) -> Vec<(&'a str, &'a Entry)> {
        let asked = self.asked.borrow();
        let all = self.map.into_iter().flatten();
        let others = all.filter(|(key, _)| !asked.contains(key.as_str()));
        others.map(|(key, entry)| (key.as_str(), entry)).collect()
    }

    /// Whether there are no keys but the known ones.
    pub(super) fn has_no_others(&self) -> bool {
        self.not_asked().is_empty()
    }

    /// For sections that are this host's own: any key that was not asked for is a mistake.
    pub(super) fn refuse_others(&self) {
        for (key, entry) in self.not_asked() {
            self.refuse_key(key, entry.key);
        }
    }

    /// For sections that Backstage has too: its other keys are named in a note; what looks like a misspelling of a
    /// key that is read here is a mistake.
    pub(super) fn judge_others(&self, backstage: &[&str]) {
        for (key, entry) in self.not_asked() {
            let known = backstage.contains(&key);
            if !known && nearest(key, self.asked.borrow().iter().copied()).is_some() {
                self.refuse_key(key, entry.key);
            } else if self.field(key, entry).is_some() {
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

    pub(super) fn section(&self) -> Option<Section<'a>> {
        match &self.node.value {
            Value::Map(map) => Some(Section {
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

    /// The items of a list, nulls included. One whose variable is not set is a mistake, as it is for a key.
    pub(super) fn items(&self) -> Option<Vec<Field<'a>>> {
        let Value::List(items) = &self.node.value else {
            return None;
        };
        let item = |(index, node): (usize, &'a Node)| {
            let path = format!("{}[{index}]", self.path);
            if let Value::Absent(why) = &node.value {
                self.reader.refuse_absent(&path, node.place, why);
                return None;
            }
            let key = if node.place.len == 0 {
                self.key
            } else {
                node.place
            };
            Some(Field {
                reader: self.reader,
                path,
                key,
                node,
            })
        };
        Some(items.iter().enumerate().filter_map(item).collect())
    }

    /// `[]`. One whose items all lack their variables is none, and was told.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::List(items) if items.is_empty())
    }

    /// A text; the flag says that it comes from elsewhere, and may be a secret. Anything but a text is refused as not
    /// being `takes`.
    pub(super) fn text(&self, takes: &str) -> Option<(String, bool)> {
        match &self.node.value {
            Value::Text(text) => Some((text.clone(), self.is_from_elsewhere())),
            _ => {
                self.refuse_kind(takes);
                None
            }
        }
    }

    /// As [`Self::text`]; numbers and booleans count as the text they are written with.
    pub(super) fn scalar(&self, takes: &str) -> Option<(String, bool)> {
        match &self.node.value {
            Value::Text(text) => Some((text.clone(), self.is_from_elsewhere())),
            Value::Integer(number) => Some((number.to_string(), false)),
            Value::Float(_, text) => Some((text.clone(), false)),
            Value::Boolean(value) => Some((value.to_string(), false)),
            Value::Null | Value::List(_) | Value::Map(_) | Value::Absent(_) => {
                self.refuse_kind(takes);
                None
            }
        }
    }

    fn is_from_elsewhere(&self) -> bool {
        self.node.origin != Origin::Written
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
