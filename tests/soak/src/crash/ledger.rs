//! What clients were told is written.

use std::collections::BTreeSet;

/// Rows that one transaction writes.
pub(super) const GROUP: u64 = 4;

#[derive(Default)]
pub(super) struct Ledger {
    /// Ids of todos.
    pub(super) todos: BTreeSet<String>,
    /// Names that `GROUP` rows of a transaction share, in the plugin `rows`.
    pub(super) groups: BTreeSet<String>,
    /// The same in the plugin `steps`, since its database was made.
    pub(super) steps: BTreeSet<String>,
    /// Increments by one of a key of the plugin `rows`.
    pub(super) increments: u64,
    /// Answers that were neither an acknowledgement nor cut off by the kill.
    pub(super) refused: Vec<String>,
}

impl Ledger {
    pub(super) fn acknowledged(&self) -> u64 {
        (self.todos.len() + self.groups.len() + self.steps.len()) as u64 + self.increments
    }

    pub(super) fn add(&mut self, other: Self) {
        self.todos.extend(other.todos);
        self.groups.extend(other.groups);
        self.steps.extend(other.steps);
        self.increments += other.increments;
    }

    pub(super) fn forget_steps(&mut self) {
        self.steps.clear();
    }
}
