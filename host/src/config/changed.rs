//! Which keys of a configuration are not what they were when it was read before.

use super::{
    cursor::{Reader, shown},
    node::{Node, Value},
};
use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Every key that this host reads, with a sum of its value; those of `plugins.<id>.config` are told apart by themselves.
#[derive(Clone, Default)]
pub struct Keys(BTreeMap<String, u64>);

impl Keys {
    /// Once the sections are read: by then it is known which keys nobody reads.
    pub(super) fn of(tree: &Node, reader: &Reader<'_>) -> Self {
        let (unused, unknown) = (reader.unused.borrow(), reader.unknown.borrow());
        let mut keys = BTreeMap::new();
        collect(tree, "", 0, &mut keys);
        let below = |key: &str, path: &String| {
            let rest = key.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // Comes into use with the sections.
        keys.remove("backend.logger.redactAllowlist");
        keys.retain(|key, _| {
            !unused
                .iter()
                .chain(unknown.iter())
                .any(|path| below(key, path))
        });
        Self(keys)
    }

    /// The paths of those that came, went or changed.
    pub fn changed(&self, before: &Self) -> Vec<String> {
        let other = |of: &Self, key: &String, sum: &u64| of.0.get(key) != Some(sum);
        let new = self.0.iter().filter(|(key, sum)| other(before, key, sum));
        let gone = (before.0.keys()).filter(|key| !self.0.contains_key(*key));
        let mut changed: Vec<String> = new.map(|(key, _)| key).chain(gone).cloned().collect();
        changed.sort();
        changed
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// `depth`: of the keys above.
fn collect(node: &Node, path: &str, depth: usize, keys: &mut BTreeMap<String, u64>) {
    match &node.value {
        Value::Null | Value::Absent(_) => {}
        Value::Map(map) => {
            for (name, entry) in map {
                if depth == 2 && name == "config" && path.starts_with("plugins.") {
                    continue;
                }
                let below = if path.is_empty() {
                    shown(name)
                } else {
                    format!("{path}.{}", shown(name))
                };
                collect(&entry.node, &below, depth + 1, keys);
            }
        }
        value => {
            let mut hasher = DefaultHasher::new();
            hash(value, &mut hasher);
            keys.insert(path.to_owned(), hasher.finish());
        }
    }
}

fn hash(value: &Value, hasher: &mut DefaultHasher) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Null | Value::Absent(_) => {}
        Value::Boolean(value) => value.hash(hasher),
        Value::Integer(number) => number.hash(hasher),
        Value::Float(_, text) | Value::Text(text) => text.hash(hasher),
        Value::List(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| hash(&item.value, hasher));
        }
        Value::Map(map) => {
            map.len().hash(hasher);
            for (name, entry) in map {
                name.hash(hasher);
                hash(&entry.node.value, hasher);
            }
        }
    }
}
