//! `APP_CONFIG_backend_listen_port=7008`: keys out of the environment, over those of all files.

use super::{
    cursor::shown,
    environment::Environment,
    error::{Problem, Source},
    node::{Entry, Map, Node, Origin, Place, Value},
};
use std::{collections::btree_map, path::Path};

const PREFIX: &str = "APP_CONFIG_";
/// Lists and maps within each other, as in a file.
const MAX_DEPTH: usize = 32;
/// How errors name the place.
pub(super) const NAME: &str = "the environment";

/// The variables as one more file, number `file`: `None` where there are none. Their values are in the tree alone.
/// Relative paths start at `cwd`.
pub(super) fn read(
    env: &Environment,
    cwd: &Path,
    file: usize,
    problems: &mut Vec<Problem>,
) -> Option<(Source, Node)> {
    let given = env
        .starting_with(PREFIX)
        .filter(|(_, value)| !value.is_empty());
    let given: Vec<(&str, &str)> = given.collect();
    if given.is_empty() {
        return None;
    }
    let text: String = (given.iter())
        .map(|(name, _)| format!("{}=***\n", shown(name)))
        .collect();
    let mut source = Source::new(NAME.to_owned(), cwd.join(NAME), text.into());
    // It has no values.
    source.hide(&[]);
    let nowhere = Place {
        file,
        start: 0,
        len: 0,
    };
    let mut top = Map::new();
    let mut start = 0;
    for (name, value) in given {
        let len = shown(name).len();
        let place = Place { file, start, len };
        start += len + "=***\n".len();
        if let Err(problem) = put(&mut top, name, value, place) {
            problems.push(problem.at(&source, place, "here"));
        }
    }
    Some((source, node(Value::Map(top), nowhere)))
}

fn node(value: Value, place: Place) -> Node {
    Node {
        value,
        place,
        origin: Origin::Variable,
    }
}

/// Puts the value of one variable at its path.
fn put(top: &mut Map, name: &str, value: &str, place: Place) -> Result<(), Problem> {
    let path = &name[PREFIX.len()..];
    let parts: Vec<&str> = path.split('_').collect();
    if parts.len() > MAX_DEPTH {
        return Err(too_deep(name));
    }
    if let Some(part) = parts.iter().find(|part| !is_key(part)) {
        return Err(Problem::new(format!(
            "`{}`: `{}` can be no key of the configuration",
            shown(name),
            shown(part)
        ))
        .help(
            "after APP_CONFIG_ come the keys with `_` between them, each of letters, digits and `-`, a letter first: \
             APP_CONFIG_backend_listen_port; keys with `_` and items of lists are set in a file",
        ));
    }
    let value = read_value(name, value, place)?;
    let (last, above) = parts.split_last().unwrap_or((&"", &[]));
    let mut map = top;
    for (depth, part) in above.iter().enumerate() {
        let entry = map.entry((*part).to_owned()).or_insert_with(|| Entry {
            key: place,
            node: node(Value::Map(Map::new()), place),
        });
        let Value::Map(below) = &mut entry.node.value else {
            return Err(Problem::new(format!(
                "`{}` cannot be below `{PREFIX}{}`, which is no map",
                shown(name),
                shown(&parts[..=depth].join("_"))
            ))
            .help("unset one of the two"));
        };
        map = below;
    }
    match map.entry((*last).to_owned()) {
        btree_map::Entry::Vacant(vacant) => {
            vacant.insert(Entry {
                key: place,
                node: value,
            });
            Ok(())
        }
        btree_map::Entry::Occupied(_) => Err(Problem::new(format!(
            "`{}` sets what another variable of the environment has set",
            shown(name)
        ))
        .help("unset one of the two")),
    }
}

/// As Backstage: `^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$`, of either case.
fn is_key(part: &str) -> bool {
    part.split('-').all(|word| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// JSON where it is JSON, else the text itself.
fn read_value(name: &str, text: &str, place: Place) -> Result<Node, Problem> {
    match serde_json::from_str(text) {
        Err(_) => Ok(node(Value::Text(text.to_owned()), place)),
        Ok(serde_json::Value::Null) => Err(Problem::new(format!(
            "`{}`: null is no value for a key",
            shown(name)
        ))
        .help("unset the variable; `null` in a file removes what the files before it have set")),
        Ok(value) => tree(value, place, MAX_DEPTH).ok_or_else(|| too_deep(name)),
    }
}

fn tree(value: serde_json::Value, place: Place, depth: usize) -> Option<Node> {
    let depth = depth.checked_sub(1)?;
    let value = match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Boolean(value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole.into()),
            None => match number.as_u64() {
                Some(whole) => Value::Integer(whole.into()),
                None => Value::Float(number.as_f64()?, number.to_string()),
            },
        },
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| tree(item, place, depth))
                .collect::<Option<_>>()?,
        ),
        serde_json::Value::Object(entries) => {
            let entry = |(key, value)| {
                let node = tree(value, place, depth)?;
                Some((key, Entry { key: place, node }))
            };
            Value::Map(entries.into_iter().map(entry).collect::<Option<_>>()?)
        }
    };
    Some(node(value, place))
}

fn too_deep(name: &str) -> Problem {
    Problem::new(format!("`{}` is too deep for a configuration", shown(name)))
        .help("maps and lists nest at most 32 deep")
}
