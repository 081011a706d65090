//! Several files as one tree: the later one wins.

use super::node::{Node, Value};
use std::collections::btree_map;

/// Puts `later` over `earlier`: maps merge key by key, everything else replaces. A `null` stays in the tree, where it
/// reads as "not set", so that even a removed key is checked. What has no value replaces nothing, as in Backstage: a
/// variable that is not set leaves the key to the files before.
pub(super) fn merge(earlier: &mut Node, later: Node) {
    match (&mut earlier.value, later.value) {
        (Value::Map(into), Value::Map(from)) => {
            for (name, entry) in from {
                match into.entry(name) {
                    btree_map::Entry::Vacant(vacant) => {
                        vacant.insert(entry);
                    }
                    btree_map::Entry::Occupied(mut occupied) => {
                        if !matches!(entry.node.value, Value::Absent(_)) {
                            occupied.get_mut().key = entry.key;
                        }
                        merge(&mut occupied.get_mut().node, entry.node);
                    }
                }
            }
        }
        (_, Value::Absent(_)) => {}
        (_, value) => {
            *earlier = Node {
                value,
                place: later.place,
                origin: later.origin,
            }
        }
    }
}
