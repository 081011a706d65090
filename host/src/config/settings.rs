//! `plugins.<id>.config`: what a plugin reads through `wasi:config`, and what its schema is held against.

use super::{
    app_config,
    cursor::{Field, Reader, shown},
    error::Problem,
    node::{Absent, Node, Place, Value},
    secrets::Secrets,
};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

/// A plugin's own section of the configuration.
#[derive(Clone)]
pub struct Settings {
    flat: BTreeMap<String, String>,
    tree: Json,
    /// By JSON pointer.
    spots: BTreeMap<String, Spot>,
}

/// Where a value stands: `app-config.yaml:12:7`, or the variable that sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    file: Arc<str>,
    /// Line and column, from 1, in bytes.
    at: Option<(usize, usize)>,
}

impl Settings {
    /// Nested keys joined with dots; numbers and booleans as written; lists as JSON; nulls left out.
    pub fn flat(&self) -> &BTreeMap<String, String> {
        &self.flat
    }

    /// A map, with the types that the values have in the files.
    pub fn tree(&self) -> &Json {
        &self.tree
    }

    /// Where the value stands, or else the nearest one around it.
    pub fn spot(&self, pointer: &str) -> Option<&Spot> {
        let mut pointer = pointer;
        loop {
            if let Some(spot) = self.spots.get(pointer) {
                return Some(spot);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }

    /// The texts and numbers at these JSON pointers, and below them.
    pub fn secrets<'p>(&self, pointers: impl IntoIterator<Item = &'p str>) -> Secrets {
        let mut secrets = Secrets::default();
        for pointer in pointers {
            if let Some(value) = self.tree.pointer(pointer) {
                leaves(value, &mut secrets);
            }
        }
        secrets
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flat: BTreeMap::new(),
            tree: Json::Object(serde_json::Map::new()),
            spots: BTreeMap::new(),
        }
    }
}

/// Where a value stands makes no difference.
impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.flat == other.flat && self.tree == other.tree
    }
}

/// Names alone: values may be secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.flat.keys()).finish()
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.at
            .map_or(Ok(()), |(line, column)| write!(f, ":{line}:{column}"))
    }
}

fn leaves(value: &Json, secrets: &mut Secrets) {
    match value {
        Json::String(text) => secrets.add(text),
        Json::Number(number) => secrets.add(&number.to_string()),
        Json::Array(items) => items.iter().for_each(|item| leaves(item, secrets)),
        Json::Object(entries) => entries.values().for_each(|item| leaves(item, secrets)),
        Json::Null | Json::Bool(_) => {}
    }
}

/// A section; what has no value is left out, as in Backstage, and told in a note.
pub(super) fn read(field: &Field<'_>) -> Settings {
    let mut reading = Reading {
        reader: field.reader,
        settings: Settings::default(),
        lines: HashMap::new(),
    };
    if let (Some(_), Value::Map(_)) = (field.section(), &field.node.value) {
        let here = Here {
            path: field.path.clone(),
            name: String::new(),
            pointer: String::new(),
            key: field.key,
        };
        if let Some(tree) = reading.value(field.node, &here, true) {
            reading.settings.tree = tree;
        }
    }
    reading.settings
}

/// The place of one value of the section.
struct Here {
    /// `plugins.todo.config.a.b`.
    path: String,
    /// `a.b`, its name in the flat form.
    name: String,
    /// `/a/b`.
    pointer: String,
    key: Place,
}

struct Reading<'a> {
    reader: &'a Reader<'a>,
    settings: Settings,
    /// The lines of the files that have values of the section.
    lines: HashMap<usize, Vec<usize>>,
}

impl Reading<'_> {
    /// The value, unless there is none. `flat`: it has a name of its own in the flat form, no list is around it.
    fn value(&mut self, node: &Node, here: &Here, flat: bool) -> Option<Json> {
        let text = match &node.value {
            Value::Null => return (!flat).then_some(Json::Null),
            Value::Absent(why) => {
                self.absent(why, node.place, here);
                return None;
            }
            Value::Map(_) | Value::List(_) => None,
            Value::Boolean(value) => Some(value.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(_, text) | Value::Text(text) => Some(text.clone()),
        };
        self.place(node, here);
        let value = match &node.value {
            Value::Map(map) => {
                let entries = map.iter().filter_map(|(key, entry)| {
                    let below = here.key(key, entry.key);
                    let null = matches!(entry.node.value, Value::Null);
                    let value = (!null).then(|| self.value(&entry.node, &below, flat));
                    Some((key.clone(), value??))
                });
                return Some(Json::Object(entries.collect()));
            }
            Value::List(items) => {
                let items = items.iter().enumerate().filter_map(|(index, item)| {
                    self.value(item, &here.item(index, item.place), false)
                });
                Json::Array(items.collect())
            }
            Value::Boolean(value) => (*value).into(),
            Value::Integer(number) => number_of(*number),
            Value::Float(number, _) => (*number).into(),
            Value::Text(text) => text.clone().into(),
            Value::Null | Value::Absent(_) => return None,
        };
        if flat {
            self.name(here, text.unwrap_or_else(|| value.to_string()));
        }
        Some(value)
    }

    fn name(&mut self, here: &Here, text: String) {
        let name = here.name.clone();
        if self.settings.flat.insert(name, text).is_some() {
            let name = shown(&here.name);
            let problem = Problem::new(format!("the setting `{name}` is there twice"))
                .at(self.reader.source(here.key), here.key, "and here")
                .help("a key with a dot and a key inside a map are the same name: keep one");
            self.reader.refuse(problem);
        }
    }

    fn absent(&mut self, why: &Absent, place: Place, here: &Here) {
        match why {
            Absent::Unset(variable) => {
                let note = format!("{} ({})", shown(&here.path), shown(variable));
                self.reader.unset.borrow_mut().push(note);
            }
            Absent::BadName(_) | Absent::Told => {
                self.reader.refuse_absent(&here.path, place, why);
            }
        }
    }

    fn place(&mut self, node: &Node, here: &Here) {
        let known = !node.value.is_collection() && node.place.len > 0;
        let place = if known { node.place } else { here.key };
        let source = self.reader.source(place);
        let lines = self
            .lines
            .entry(place.file)
            .or_insert_with(|| source.lines());
        let line = lines.partition_point(|start| *start <= place.start);
        let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let spot = if source.name == app_config::NAME {
            let end = (place.start + place.len).min(source.text.len());
            Spot {
                file: source.text.get(place.start..end).unwrap_or_default().into(),
                at: None,
            }
        } else {
            Spot {
                file: source.name.as_str().into(),
                at: Some((line, place.start - start + 1)),
            }
        };
        self.settings.spots.insert(here.pointer.clone(), spot);
    }
}

impl Here {
    fn key(&self, key: &str, place: Place) -> Self {
        let name = if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        };
        Self {
            path: format!("{}.{key}", self.path),
            name,
            pointer: format!("{}/{}", self.pointer, escaped(key)),
            key: place,
        }
    }

    fn item(&self, index: usize, place: Place) -> Self {
        Self {
            path: format!("{}[{index}]", self.path),
            name: self.name.clone(),
            pointer: format!("{}/{index}", self.pointer),
            key: if place.len == 0 { self.key } else { place },
        }
    }
}

/// A value of the host's own keys as JSON.
pub(super) fn json(field: &Field<'_>) -> Json {
    match &field.node.value {
        // No field has an absent one.
        Value::Null | Value::Absent(_) => Json::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Integer(number) => number_of(*number),
        Value::Float(number, _) => (*number).into(),
        Value::Text(text) => text.clone().into(),
        Value::List(_) => {
            let items = field.items().unwrap_or_default();
            items.iter().map(json).collect()
        }
        Value::Map(_) => {
            let section = field.section();
            let entries = section.map(|section| section.others()).unwrap_or_default();
            let entries = entries.into_iter().map(|(key, _, field)| {
                let value = field.map_or(Json::Null, |field| json(&field));
                (key.to_owned(), value)
            });
            Json::Object(entries.collect())
        }
    }
}

/// A key in a JSON pointer (RFC 6901).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn number_of(number: i128) -> Json {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        // JSON's readers would round it.
        _ => number.to_string().into(),
    }
}
