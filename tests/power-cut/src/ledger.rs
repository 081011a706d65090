//! What was acknowledged, and what was asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Shared by all who write.
#[derive(Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Default)]
pub struct Entries {
    /// By writer and number: whether, and when, it was acknowledged.
    pub(crate) writes: BTreeMap<(u32, u32), Option<Instant>>,
    /// By key-value writer.
    pub(crate) values: BTreeMap<u32, Counted>,
    pub(crate) sums: BTreeMap<u32, Counted>,
    /// By version.
    pub(crate) migrations: BTreeMap<u32, Fate>,
    /// Paths below the disk's root, with what was acknowledged before each was begun.
    pub(crate) backups: Vec<(PathBuf, BTreeSet<(u32, u32)>)>,
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    /// Acknowledged after the last one that failed.
    pub(crate) since: u64,
    /// Writes of the second plugin, and its answers of every kind.
    pub(crate) witness: Counted,
    pub(crate) witnessed: Witnessed,
    /// What should not have been answered.
    pub(crate) problems: Vec<String>,
    last: u32,
}

/// Grows by one with each write.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) asked: u32,
    pub(crate) acknowledged: u32,
    pub(crate) when: Option<Instant>,
}

/// Calls of a second plugin, whose files have no faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Witnessed {
    pub answered: u64,
    /// Opening its database included.
    pub failed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Unknown,
    Ran(Instant),
    Undone(Instant),
}

impl Ledger {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn acknowledged(&self) -> u64 {
        self.entries().acknowledged
    }

    /// Requests that were answered with an error.
    pub fn failed(&self) -> u64 {
        self.entries().failed
    }

    /// Acknowledged after the last one that failed.
    pub fn since_last_failure(&self) -> u64 {
        self.entries().since
    }

    pub fn take_problems(&self) -> Vec<String> {
        std::mem::take(&mut self.entries().problems)
    }

    pub(crate) fn problem(&self, problem: String) {
        self.entries().problems.push(problem);
    }

    /// A number that was not given before.
    pub(crate) fn next(&self) -> u32 {
        let mut entries = self.entries();
        entries.last += 1;
        entries.last
    }

    pub(crate) fn note(&self, failed: bool) {
        let mut entries = self.entries();
        if failed {
            entries.failed += 1;
            entries.since = 0;
        } else {
            entries.acknowledged += 1;
            entries.since += 1;
        }
    }

    pub fn witnessed(&self) -> Witnessed {
        self.entries().witnessed
    }

    pub(crate) fn note_witness(&self, answer: Result<(), String>) {
        let mut entries = self.entries();
        match answer {
            Ok(()) => entries.witnessed.answered += 1,
            Err(error) => {
                entries.witnessed.failed += 1;
                entries.problems.push(format!("the second plugin: {error}"));
            }
        }
    }

    pub(crate) fn write(&self, writer: u32, number: u32, acknowledged: bool) {
        let when = acknowledged.then(Instant::now);
        self.entries().writes.insert((writer, number), when);
    }

    pub(crate) fn fate(&self, version: u32, fate: Fate) {
        self.entries().migrations.insert(version, fate);
    }

    pub(crate) fn acknowledged_writes(&self) -> BTreeSet<(u32, u32)> {
        let entries = self.entries();
        let sure = |(key, when): (&(u32, u32), &Option<Instant>)| when.map(|_| *key);
        entries.writes.iter().filter_map(sure).collect()
    }
}
