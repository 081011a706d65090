//! A transaction that reads: one snapshot from its first statement on, on a connection of the readers' stack.

use super::{
    Sqlite,
    connection::Connection,
    faults::Fault,
    readers::{Lease, Readers},
    rows::Shape,
};
use crate::storage::{Error, LimitKind, Statement};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// Open transactions of one database that read.
const MOST_READING: usize = 16;

pub(super) struct Reading {
    state: Mutex<State>,
    end: Instant,
    /// How many of the database are open; counted down when this goes.
    open: Arc<AtomicUsize>,
}

struct State {
    /// None while a call uses it, and after the end.
    lease: Option<Lease>,
    in_use: bool,
    ended: Option<Error>,
    last_used: Instant,
}

/// The connection while one call uses it; goes back when dropped.
struct Use {
    lease: Option<Lease>,
    reading: Arc<Reading>,
}

impl Reading {
    pub(super) fn begin(db: &Sqlite) -> Result<Arc<Self>, Error> {
        let open = db.open_reading().clone();
        if open.fetch_add(1, Ordering::AcqRel) >= MOST_READING {
            open.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::limit(
                LimitKind::OpenTransactions,
                MOST_READING as u64,
            ));
        }
        let now = Instant::now();
        let state = State {
            lease: None,
            in_use: false,
            ended: None,
            last_used: now,
        };
        let end = now + db.limits().transaction_time;
        let reading = Arc::new(Self {
            state: Mutex::new(state),
            end,
            open,
        });
        let busy =
            || Error::Unavailable("all connections of the database are in use; try again".into());
        let lease = db.core().readers().lease()?.ok_or_else(busy)?;
        lease.control("BEGIN")?;
        reading.state().lease = Some(lease);
        reading.watch_time(db);
        Ok(reading)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it when it is idle or open for too long: its snapshot holds up the write-ahead log.
    fn watch_time(self: &Arc<Self>, db: &Sqlite) {
        let (idle, end) = (db.limits().transaction_idle, self.end);
        let reading = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let Some(open) = reading.upgrade() else {
                    return;
                };
                let wake = {
                    let mut state = open.state();
                    let now = Instant::now();
                    let idle_end = if state.in_use {
                        now + idle
                    } else {
                        state.last_used + idle
                    };
                    let wake = idle_end.min(end);
                    if now >= wake {
                        // A statement under way ends by itself at `end`; then its connection finds this.
                        state.ended.get_or_insert(Error::TimedOut);
                        state.lease = None;
                        return;
                    }
                    wake
                };
                drop(open);
                tokio::time::sleep_until(wake.into()).await;
            }
        });
    }

    pub(super) async fn read<S: Shape>(
        self: &Arc<Self>,
        db: &Sqlite,
        statement: Statement,
        until: Instant,
    ) -> Result<S::Out, Error> {
        let until = until.min(self.end);
        let in_use = Use {
            lease: Some(self.take()?),
            reading: self.clone(),
        };
        if !db.is_slow(&statement.sql) {
            match in_use.inline(until, |connection| connection.read::<S>(&statement)) {
                Err(Fault::Slow) => db.remember_slow(&statement.sql),
                outcome => return outcome.map_err(|fault| fault.into_error(db.limits().value)),
            }
        }
        let value_limit = db.limits().value;
        let read = db.core().readers().task(until, move |call| {
            let lease = in_use.lease();
            lease.set_inline(false);
            lease.watch.arm(until, None, Some(call.clone()));
            lease
                .read::<S>(&statement)
                .map_err(|fault| fault.into_error(value_limit))
        });
        read.await
    }

    fn take(&self) -> Result<Lease, Error> {
        let mut state = self.state();
        if let Some(reason) = &state.ended {
            return Err(reason.clone());
        }
        let lease = state.lease.take();
        state.in_use = lease.is_some();
        lease.ok_or_else(|| {
            Error::Denied("an earlier call of this transaction still runs; wait for it".into())
        })
    }

    /// Ends it, also under a call that still runs. Error: it had ended before by itself.
    pub(super) fn end(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.lease = None;
        let before = state.ended.clone();
        state.ended.get_or_insert_with(Error::closed);
        before.map_or(Ok(()), Err)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Use {
    fn lease(&self) -> &Lease {
        self.lease
            .as_ref()
            .expect("a call holds its connection until it is dropped")
    }

    fn inline<T>(
        &self,
        until: Instant,
        run: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let lease = self.lease();
        lease.set_inline(true);
        lease
            .watch
            .arm(until, Some(Readers::inline_end(Instant::now())), None);
        run(lease)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        lease.watch.disarm();
        let mut state = self.reading.state();
        state.in_use = false;
        state.last_used = Instant::now();
        if state.ended.is_none() && !lease.is_autocommit() {
            state.lease = Some(lease);
        }
    }
}
