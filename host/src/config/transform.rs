//! From a file as it is written to what it means: variables are filled in, and `$env`, `$file` and `$include` make room
//! for what they name. Each file is transformed before it is merged with others, as in Backstage.

mod taken;

use super::{
    env::{self, Missing},
    environment::Environment,
    error::{Problem, Source},
    node::{Absent, Node, Origin, Place, Value},
    secrets::Secrets,
    sight::Sight,
};
use std::{collections::BTreeSet, path::PathBuf};

/// Maps and lists within each other, in all files together. What reads the tree walks it by recursion.
const MAX_DEPTH: usize = 64;

/// What is gathered while the files are read.
pub(super) struct Transform<'a> {
    pub(super) env: &'a Environment,
    /// The files of the configuration, and those that they include.
    pub(super) sources: Vec<Source>,
    /// How many of them are named by the user, or are there by default. They come first.
    pub(super) named: usize,
    pub(super) problems: Vec<Problem>,
    /// Every path that was looked at, whether there is a file or not.
    pub(super) touched: BTreeSet<PathBuf>,
    pub(super) secrets: Secrets,
    /// The files that are being included, each in the one before it, with the part that is taken.
    including: Vec<(PathBuf, String)>,
    /// What may still be taken out of other files.
    left: taken::Left,
    depth: usize,
}

impl<'a> Transform<'a> {
    pub(super) fn new(env: &'a Environment) -> Self {
        Self {
            env,
            sources: Vec::new(),
            named: 0,
            problems: Vec::new(),
            touched: BTreeSet::new(),
            secrets: Secrets::default(),
            including: Vec::new(),
            left: taken::Left::new(),
            depth: 0,
        }
    }

    /// The tree of file number `file`, parsed and hidden, as it is meant.
    pub(super) fn file(&mut self, file: usize, tree: Node) -> Node {
        let path = self.sources[file].path.clone();
        self.including = vec![(path, String::new())];
        self.node(tree, Sight::TOP)
    }

    /// That of the environment, in which nothing is filled in.
    pub(super) fn environment(&mut self, tree: &Node) {
        self.learn(tree, Sight::TOP);
    }

    fn node(&mut self, node: Node, sight: Sight) -> Node {
        if self.depth == MAX_DEPTH {
            let problem = Problem::new("the configuration is too deep");
            let help = "maps and lists nest at most 64 deep, those of included files as well";
            return self.refuse(problem, node.place, "deeper than this", help);
        }
        self.depth += 1;
        let node = self.meant(node, sight);
        self.depth -= 1;
        node
    }

    fn meant(&mut self, written: Node, sight: Sight) -> Node {
        let Node {
            value,
            place,
            origin,
        } = written;
        let value = match value {
            Value::Text(text) => return self.text(&text, place, sight),
            Value::Map(map) => match taken::key(&map) {
                Some(key) => return self.taken(key, map, sight),
                None => Value::Map(
                    map.into_iter()
                        .map(|(name, mut entry)| {
                            entry.node = self.node(entry.node, sight.below(&name));
                            (name, entry)
                        })
                        .collect(),
                ),
            },
            Value::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| self.node(item, sight))
                    .collect(),
            ),
            scalar => scalar,
        };
        let node = node(value, place, origin);
        self.judge(&node, sight);
        node
    }

    fn text(&mut self, text: &str, place: Place, sight: Sight) -> Node {
        let (value, origin) = match env::fill(text, self.env) {
            Ok(filled) if filled.taken.is_empty() => (Value::Text(filled.text), Origin::Written),
            Ok(filled) => {
                // Of `Bearer ${TOKEN}` the token alone is a secret too.
                for value in filled.taken.into_iter().map(Value::Text) {
                    self.judge(&node(value, place, Origin::Variable), sight);
                }
                (Value::Text(filled.text), Origin::Variable)
            }
            Err(Missing::Unset(name)) => (Value::Absent(Absent::Unset(name)), Origin::Written),
            Err(Missing::BadName(name)) => (Value::Absent(Absent::BadName(name)), Origin::Written),
        };
        let node = node(value, place, origin);
        self.judge(&node, sight);
        node
    }

    /// Remembers a value that is shown nowhere.
    fn judge(&mut self, node: &Node, sight: Sight) {
        match &node.value {
            Value::Text(text) => {
                if sight.is_secret(&node.value, node.origin) {
                    self.secrets.add(text);
                } else if let Some(password) = password(text) {
                    self.secrets.add(password);
                }
            }
            Value::Integer(number) if sight.is_secret(&node.value, node.origin) => {
                self.secrets.add(&number.to_string());
            }
            Value::Float(_, text) if sight.is_secret(&node.value, node.origin) => {
                self.secrets.add(text);
            }
            _ => {}
        }
    }

    fn learn(&mut self, node: &Node, sight: Sight) {
        match &node.value {
            Value::Map(map) => {
                for (name, entry) in map {
                    self.learn(&entry.node, sight.below(name));
                }
            }
            Value::List(items) => {
                for item in items {
                    self.learn(item, sight);
                }
            }
            _ => self.judge(node, sight),
        }
    }
}

fn node(value: Value, place: Place, origin: Origin) -> Node {
    Node {
        value,
        place,
        origin,
    }
}

/// From here on errors about a file that could be read leave out its secrets, and no more.
pub(super) fn hide(source: &mut Source, tree: &Node) {
    let mut places = Vec::new();
    covered(tree, Sight::TOP, &mut places);
    source.hide(&places);
}

/// Adds what errors about the file of this tree leave out.
fn covered(node: &Node, sight: Sight, places: &mut Vec<Place>) {
    match &node.value {
        Value::Map(map) => {
            // The name of a file or of a variable is none.
            let taken = taken::key(map).map(taken::Key::as_str);
            for (name, entry) in map.iter().filter(|(name, _)| Some(name.as_str()) != taken) {
                covered(&entry.node, sight.below(name), places);
            }
        }
        Value::List(items) => items.iter().for_each(|item| covered(item, sight, places)),
        Value::Text(text) if password(text).is_some() => places.push(node.place),
        value if sight.is_covered(value) => places.push(node.place),
        _ => {}
    }
}

/// That of a URL such as `postgres://user:password@host/`.
fn password(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

#[cfg(test)]
mod tests {
    use super::password;

    #[test]
    fn a_url_may_hold_a_password() {
        for (url, found) in [
            ("postgres://jane:hunter2@db/todo", Some("hunter2")),
            ("redis://:hunter2@cache", Some("hunter2")),
            ("https://jane@example.com/a:b@c", None),
            ("https://jane:@example.com", None),
            ("https://example.com/?a=b:c@d", None),
            ("mailto:jane@example.com", None),
            ("", None),
        ] {
            assert_eq!(password(url), found, "{url}");
        }
    }
}
