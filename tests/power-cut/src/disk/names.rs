//! The names in a folder and in those below it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Folder,
    File(u64),
}

/// Paths relative to the root.
#[derive(Clone, Default)]
pub(super) struct Names(BTreeMap<PathBuf, Node>);

/// One change of names.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) change: Change,
    /// A sync of its folder failed: no later one counts for it.
    pub(super) stranded: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

impl Entry {
    fn new(change: Change) -> Self {
        Self {
            change,
            stranded: false,
        }
    }

    pub(crate) fn put(name: &Path, node: Node) -> Self {
        Self::new(Change::Put(name.into(), node))
    }

    pub(crate) fn remove(name: &Path) -> Self {
        Self::new(Change::Remove(name.into()))
    }

    pub(crate) fn rename(from: &Path, to: &Path, node: Node) -> Self {
        Self::new(Change::Rename(from.into(), to.into(), node))
    }

    /// Whether a sync of this folder makes it last.
    pub(super) fn lies_in(&self, folder: &Path) -> bool {
        let (Change::Put(name, _) | Change::Remove(name) | Change::Rename(_, name, _)) =
            &self.change;
        name.parent() == Some(folder)
    }
}

impl Names {
    pub(super) fn get(&self, name: &Path) -> Option<Node> {
        if name.as_os_str().is_empty() {
            return Some(Node::Folder);
        }
        self.0.get(name).copied()
    }

    pub(super) fn put(&mut self, name: &Path, node: Node) {
        self.0.insert(name.into(), node);
    }

    pub(super) fn apply(&mut self, entry: &Entry) {
        match &entry.change {
            Change::Put(name, node) => self.put(name, *node),
            Change::Remove(name) => {
                self.0.remove(name);
            }
            Change::Rename(from, to, node) => {
                // The new name is that of what was moved, whether or not its old one was ever kept.
                self.0.remove(from);
                self.put(to, *node);
                let below: Vec<_> = (self.0.iter())
                    .filter_map(|(name, node)| {
                        Some((
                            name.clone(),
                            name.strip_prefix(from).ok()?.to_owned(),
                            *node,
                        ))
                    })
                    .collect();
                for (old, rest, node) in below {
                    self.0.remove(&old);
                    self.put(&to.join(rest), node);
                }
            }
        }
    }

    /// Folders before what is in them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Path, Node)> {
        self.0.iter().map(|(name, node)| (name.as_path(), *node))
    }
}
