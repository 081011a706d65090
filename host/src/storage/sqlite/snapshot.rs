//! A reading connection's snapshot, kept from one read to the next while nothing is written: to take a new one costs
//! two locks of the write-ahead log, as much as the rest of a short read.

use super::connection::Connection;
use crate::storage::Error;
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// A snapshot is not used for longer: another program's writes to the file must show, and nobody tells of those.
const LONGEST: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(super) struct Snapshot {
    /// When it was taken; `None` while the connection has none of ours open.
    since: Cell<Option<Instant>>,
    /// The commits that the host counted before the last read.
    commits: Cell<u64>,
}

impl Connection {
    /// Before a read: what it sees is not older than `commits`, which the caller counted just now.
    pub(super) fn look(&self, commits: u64, now: Instant) -> Result<(), Error> {
        let unchanged = self.snapshot.commits.replace(commits) == commits;
        let kept = self.snapshot.since.get().filter(|_| !self.is_autocommit());
        if unchanged && kept.is_some_and(|since| now < since + LONGEST) {
            return Ok(());
        }
        self.look_away();
        // Where writes come between reads, a transaction would cost more than it saves.
        if unchanged {
            self.control("BEGIN")?;
            self.snapshot.since.set(Some(now));
        }
        Ok(())
    }

    /// After a read. True: the snapshot stays open, since it is still what the database holds.
    pub(super) fn keeps_looking(&self, commits: u64) -> bool {
        self.snapshot.since.get().is_some() && self.snapshot.commits.get() == commits
    }

    /// Ends the snapshot, or whatever else is open.
    pub(super) fn look_away(&self) {
        self.snapshot.since.set(None);
        self.roll_back();
    }
}
