//! Several files as one tree: the later one wins.

use super::node::{Node, Value};
use std::collections::btree_map;

/// Puts `later` over `earlier`: maps merge key by key, everything else replaces. A `null` stays in the tree, where it
/// reads as "not set", so that even a removed key is checked.
pub(super) fn merge(earlier: &mut Node, later: Node) {
    match (&mut earlier.value, later.value) {
        (Value::Map(into), Value::Map(from)) => {
            for (name, entry) in from {
                match into.entry(name) {
                    btree_map::Entry::Vacant(vacant) => {
                        vacant.insert(entry);
                    }
                    btree_map::Entry::Occupied(mut occupied) => {
                        occupied.get_mut().key = entry.key;
                        merge(&mut occupied.get_mut().node, entry.node);
                    }
                }
            }
        }
        (_, value) => {
            *earlier = Node {
                value,
                place: later.place,
            }
        }
    }
}
