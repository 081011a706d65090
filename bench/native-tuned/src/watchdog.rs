//! Bounds how long a peer or a request may take, without a timer and without a look at the clock for any request: each
//! stamps its connection with a coarse time, and one thread looks at the stamps four times a second.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicU8, AtomicU32,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
    time::Duration,
};
use tokio::task::AbortHandle;

/// The unit of the coarse time, and what a limit may be exceeded by.
const TICK: Duration = Duration::from_millis(250);
const TICKS_A_SECOND: u32 = 4;

/// Seconds from a request's end to the first byte of the next.
const IDLE_LIMIT: u32 = 75;
/// Seconds for a head, for a body, and for the answer.
const LIMIT: u32 = 10;

/// Ticks since the start.
static NOW: AtomicU32 = AtomicU32::new(0);

const IDLE: u8 = 0; // the next request is awaited
const HEAD: u8 = 1; // the rest of a head, or the first one
const BODY: u8 = 2; // the rest of a body
const BUSY: u8 = 3; // nothing: a request runs, or its answer goes out

/// What a connection waits for, and since when. Its own task alone writes.
pub(crate) struct Watch {
    phase: AtomicU8,
    since: AtomicU32,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            phase: AtomicU8::new(HEAD),
            since: AtomicU32::new(NOW.load(Relaxed)),
        }
    }

    /// Bytes came in.
    pub(crate) fn received(&self) {
        if matches!(self.phase.load(Relaxed), IDLE | BUSY) {
            self.enter(HEAD);
        }
    }

    /// A head is whole and its body is awaited.
    pub(crate) fn body(&self) {
        self.enter(BODY);
    }

    /// A request is whole, or some of its answer went out.
    pub(crate) fn busy(&self) {
        self.enter(BUSY);
    }

    /// hyper reads, and nothing is there. While a request runs it does not read.
    pub(crate) fn awaits_input(&self) {
        if self.phase.load(Relaxed) == BUSY {
            self.enter(IDLE);
        }
    }

    /// The time first: a new phase is never held against an old time.
    fn enter(&self, phase: u8) {
        self.since.store(NOW.load(Relaxed), Relaxed);
        self.phase.store(phase, Release);
    }

    fn is_overdue(&self) -> bool {
        let limit = match self.phase.load(Acquire) {
            IDLE => IDLE_LIMIT,
            _ => LIMIT,
        };
        let waited = NOW.load(Relaxed).wrapping_sub(self.since.load(Relaxed));
        waited > limit * TICKS_A_SECOND
    }
}

/// A connection and its task.
type Guarded = (Arc<Watch>, AbortHandle);

#[derive(Clone)]
pub(crate) struct Watchdog(Arc<Mutex<Vec<Guarded>>>);

impl Watchdog {
    /// Ends `task` when its connection is overdue.
    pub(crate) fn guard(&self, watch: Arc<Watch>, task: AbortHandle) {
        let mut guarded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guarded.push((watch, task));
    }

    fn look(&self) {
        let mut guarded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guarded.retain(|(watch, task)| {
            if watch.is_overdue() {
                task.abort();
            }
            !task.is_finished()
        });
    }
}

/// Starts the thread that tells the time and looks.
pub(crate) fn start() -> io::Result<Watchdog> {
    let watchdog = Watchdog(Arc::default());
    let looking = watchdog.clone();
    thread::Builder::new()
        .name("watchdog".into())
        .spawn(move || {
            loop {
                thread::sleep(TICK);
                NOW.fetch_add(1, Relaxed);
                looking.look();
            }
        })?;
    Ok(watchdog)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_limit() {
        let watch = Watch::new();
        assert!(!watch.is_overdue());
        NOW.fetch_add(LIMIT * TICKS_A_SECOND + 1, Relaxed);
        assert!(watch.is_overdue());
        watch.busy();
        assert!(!watch.is_overdue());
        watch.awaits_input();
        NOW.fetch_add(LIMIT * TICKS_A_SECOND + 1, Relaxed);
        assert!(!watch.is_overdue());
        NOW.fetch_add(IDLE_LIMIT * TICKS_A_SECOND, Relaxed);
        assert!(watch.is_overdue());
        watch.received();
        assert!(!watch.is_overdue());
    }
}
