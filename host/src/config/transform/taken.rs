//! `$env`, `$file` and `$include`: a map with one of these keys, and no other, stands for a value from elsewhere.

use super::{
    super::{
        cursor::{absolute, shown},
        env::{self, Missing},
        error::{Problem, Source},
        node::{Absent, Map, Node, Origin, Place, Value},
        open::{self, Unreadable},
        sight::Sight,
        yaml,
    },
    Transform, covered, node,
};
use std::path::Path;

/// Bytes of a file that `$file` names.
const MAX_FILE: u64 = 64 << 10;
/// Bytes of a file that `$include` names, as of any other file of the configuration.
const MAX_INCLUDE: u64 = 1 << 20;
/// Files within files.
const MAX_DEPTH: usize = 8;

/// What may be taken out of other files, in one reading of the configuration.
pub(super) struct Left {
    files: u32,
    bytes: u64,
}

impl Left {
    pub(super) fn new() -> Self {
        Self {
            files: 1000,
            bytes: 8 << 20,
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let enough = self.files > 0 && self.bytes >= bytes;
        self.files = self.files.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        enough
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Env,
    File,
    Include,
}

impl Key {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Env => "$env",
            Self::File => "$file",
            Self::Include => "$include",
        }
    }
}

/// Which of them the map has; other keys with a `$` are keys as any other.
pub(super) fn key(map: &Map) -> Option<Key> {
    let all = [Key::Env, Key::File, Key::Include];
    all.into_iter().find(|key| map.contains_key(key.as_str()))
}

fn told(place: Place) -> Node {
    node(Value::Absent(Absent::Told), place, Origin::Written)
}

impl Transform<'_> {
    /// The value that the map stands for.
    pub(super) fn taken(&mut self, key: Key, mut map: Map, sight: Sight) -> Node {
        let name = key.as_str();
        let others = map.len() > 1;
        let entry = map.remove(name).expect("the key was found there");
        let place = entry.node.place;
        if others {
            let problem = Problem::new(format!("`{name}` stands beside other keys"));
            return self.refuse(
                problem,
                entry.key,
                "stands for the whole map",
                "put the other keys elsewhere",
            );
        }
        let Value::Text(text) = &entry.node.value else {
            let kind = entry.node.value.kind();
            let problem = Problem::new(format!("`{name}` takes a text, not {kind}"));
            return self.refuse(problem, entry.key, format!("this is {kind}"), "");
        };
        let text = match env::fill(text, self.env) {
            Ok(filled) => filled.text,
            Err(Missing::Unset(variable) | Missing::BadName(variable)) => {
                let variable = shown(&variable);
                let problem = Problem::new(format!(
                    "`{name}`: the environment has no variable `{variable}`"
                ));
                let help = format!("set it, or give a default: `${{{variable}:-DEFAULT}}`");
                return self.refuse(problem, place, "taken from here", help);
            }
        };
        let node = match key {
            Key::Env => self.variable(text.trim(), place),
            Key::File => self.content(&text, place),
            Key::Include => return self.include(&text, place, sight),
        };
        self.judge(&node, sight);
        node
    }

    pub(super) fn refuse(
        &mut self,
        problem: Problem,
        place: Place,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Node {
        let help = help.into();
        let mut problem = problem.at(&self.sources[place.file], place, label);
        if !help.is_empty() {
            problem = problem.help(help);
        }
        self.problems.push(problem);
        told(place)
    }

    fn variable(&mut self, name: &str, place: Place) -> Node {
        let absent = |why| node(Value::Absent(why), place, Origin::Written);
        if !env::is_name(name) {
            return absent(Absent::BadName(name.to_owned()));
        }
        match self.env.get(name) {
            None => absent(Absent::Unset(name.to_owned())),
            Some(value) => {
                let value = Value::Text(value.trim().to_owned());
                node(value, place, Origin::Variable)
            }
        }
    }

    fn content(&mut self, name: &str, place: Place) -> Node {
        match self.read(Key::File, name, place, MAX_FILE) {
            Err(told) => told,
            Ok(text) => node(Value::Text(text.trim_end().to_owned()), place, Origin::File),
        }
    }

    /// The text of a file whose name starts at the folder of the file that names it.
    fn read(&mut self, key: Key, name: &str, place: Place, most: u64) -> Result<String, Node> {
        let word = key.as_str();
        if name.is_empty() || name.contains('\0') {
            let problem = Problem::new(format!("`{word}` takes the path of a file"));
            return Err(self.refuse(problem, place, "this is no path", ""));
        }
        let path = absolute(self.sources[place.file].folder(), Path::new(name));
        let read = open::text(&path, most);
        self.touched.insert(path);
        let text = match read {
            Ok(text) => text,
            Err(why) => return Err(self.unreadable(key, name, place, &why)),
        };
        if self.left.take(text.len()) {
            return Ok(text);
        }
        let problem = Problem::new("the configuration takes too much from other files");
        let help = "`$file` and `$include` may read 1,000 files and 8MiB in all";
        Err(self.refuse(problem, place, "this is too much", help))
    }

    fn unreadable(&mut self, key: Key, name: &str, place: Place, why: &Unreadable) -> Node {
        let word = key.as_str();
        let problem = Problem::new(format!(
            "`{word}`: cannot read {}: {}",
            shown(name),
            why.why()
        ));
        let help = why.remedy(
            "its path starts at the folder of the file that names it",
            "name the file in it",
            match key {
                Key::Include => "is this a part of the configuration?",
                Key::Env | Key::File => "`$file` is for one value, such as a token or a key",
            },
        );
        self.refuse(problem, place, "named here", help)
    }

    /// `other.yaml`, or with `#a.b` the value under these keys in it.
    fn include(&mut self, what: &str, place: Place, sight: Sight) -> Node {
        let (name, part) = what.split_once('#').unwrap_or((what, ""));
        let known = ["json", "yaml", "yml"];
        let ending = Path::new(name).extension().and_then(|e| e.to_str());
        if !ending.is_some_and(|ending| known.contains(&ending)) {
            let problem = Problem::new(format!("`$include` cannot read {}", shown(name)));
            let help = "it takes files that end in .yaml, .yml or .json; `$file` takes any text";
            return self.refuse(problem, place, "not the name of such a file", help);
        }
        let path = absolute(self.sources[place.file].folder(), Path::new(name));
        let this = (path.clone(), part.to_owned());
        if self.including.contains(&this) || self.including.len() > MAX_DEPTH {
            let problem = Problem::new(format!(
                "`$include`: {} is included in itself, or files are included more than {MAX_DEPTH} deep",
                shown(name)
            ));
            return self.refuse(problem, place, "here again", "include it in one place");
        }
        let text = match self.read(Key::Include, name, place, MAX_INCLUDE) {
            Ok(text) => text,
            Err(told) => return told,
        };
        let beside = Path::new(&self.sources[place.file].name).with_file_name(name);
        let file = self.sources.len();
        let whole = Place {
            file,
            start: 0,
            len: text.len(),
        };
        let mut source = Source::new(beside.display().to_string(), path, text.into());
        if sight.is_in_section() {
            source.hide(&[whole]);
        }
        let parsed = yaml::parse(&source, file);
        self.sources.push(source);
        let tree = match parsed {
            Ok(tree) => tree,
            Err(problem) => {
                self.problems.push(problem);
                return told(place);
            }
        };
        let mut places = Vec::new();
        covered(&tree, Sight::ANYWHERE, &mut places);
        let Some(tree) = self.part(tree, part, place) else {
            return told(place);
        };
        covered(&tree, sight, &mut places);
        self.sources[file].hide(&places);
        self.including.push(this);
        let node = self.node(tree, sight);
        self.including.pop();
        node
    }

    /// `a.b` of a tree; without it the whole.
    fn part(&mut self, tree: Node, part: &str, place: Place) -> Option<Node> {
        let mut tree = tree;
        for key in part.split('.').filter(|_| !part.is_empty()) {
            let found = match tree.value {
                Value::Map(mut map) => map.remove(key),
                _ => None,
            };
            let Some(entry) = found else {
                let problem =
                    Problem::new(format!("`$include`: the file has no `{}`", shown(part)));
                let help =
                    "after the `#` come the keys that lead to the value, with dots between them";
                self.refuse(problem, place, "there is none", help);
                return None;
            };
            tree = entry.node;
        }
        Some(tree)
    }
}
