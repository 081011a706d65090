//! A reader's view of the database, held over several reads. To begin and to end a view takes locks of the system and
//! of the process; a busy thread pays for that once, for all that it reads between two writes.

use crate::database::Error;
use rusqlite::{Connection, Statement};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

/// Counts the begins and the ends of write transactions: odd while one runs.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// A write transaction begins. Until it ends no view is held longer than for one read, for an old view would keep the
/// write-ahead log from being emptied.
pub(crate) fn write_begins() {
    WRITES.fetch_add(1, Release);
}

/// It has ended, and nobody has been told yet: who reads after the answer gets a new view.
pub(crate) fn write_ends() {
    WRITES.fetch_add(1, Release);
}

pub(crate) struct Snapshot {
    begin: Statement<'static>,
    end: Statement<'static>,
    /// What `WRITES` was when the view began.
    held: Option<u64>,
}

impl Snapshot {
    pub(crate) fn of(connection: &'static Connection) -> Result<Self, Error> {
        Ok(Self {
            begin: connection.prepare("BEGIN")?,
            end: connection.prepare("COMMIT")?,
            held: None,
        })
    }

    /// To be called before each read.
    pub(crate) fn renew(&mut self) -> Result<(), Error> {
        let writes = WRITES.load(Acquire);
        if self.held == Some(writes) {
            return Ok(());
        }
        self.release()?;
        if writes.is_multiple_of(2) {
            self.begin.execute([])?;
            self.held = Some(writes);
        }
        Ok(())
    }

    /// Ends the view, if there is one.
    pub(crate) fn release(&mut self) -> Result<(), Error> {
        if self.held.take().is_some() {
            self.end.execute([])?;
        }
        Ok(())
    }
}
