//! What the exchange and the socket of a connection tell each other.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::Instant;

/// What the peer is expected to send next.
pub(super) const AWAITING: u8 = 0; // a request, at its leisure
pub(super) const HEAD: u8 = 1; // the rest of a head
pub(super) const BODY: u8 = 2; // the rest of a body
pub(super) const BUSY: u8 = 3; // nothing: a request runs
pub(super) const OVER: u8 = 4; // nothing that counts: the connection ends

/// The exchange tells the socket through this what it waits for. Both run in the connection's one task.
pub(in crate::http) struct Watch {
    pub(super) phase: AtomicU8,
    pub(super) hurry: AtomicBool,
    /// The current wait for input has lasted for `QUIET`.
    pub(super) quiet: AtomicBool,
    /// The peer does not take the answer as fast as it comes.
    pub(super) stalled: AtomicBool,
    /// The end of hyper is not to be the end of the connection.
    pub(super) parting: AtomicBool,
    /// It is not sure where the last request ended.
    doubt: AtomicBool,
    pub(super) origin: Instant,
    /// Milliseconds of silence allowed within a body.
    pub(super) body_idle: AtomicU64,
    /// End of the body's whole time, milliseconds after `origin`.
    pub(super) body_until: AtomicU64,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            phase: AtomicU8::new(AWAITING),
            hurry: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            parting: AtomicBool::new(false),
            doubt: AtomicBool::new(false),
            origin: Instant::now(),
            body_idle: AtomicU64::new(0),
            body_until: AtomicU64::new(0),
        }
    }
}

impl Watch {
    /// A request runs; the peer owes nothing.
    pub(in crate::http) fn busy(&self) {
        self.phase.store(BUSY, Relaxed);
    }

    /// From now on the peer owes a body: at most `idle` between two pieces, `total` in all.
    pub(in crate::http) fn body(&self, idle: Duration, total: Duration) {
        self.body_idle.store(millis(idle), Relaxed);
        self.body_until
            .store(millis(self.origin.elapsed().saturating_add(total)), Relaxed);
        self.phase.store(BODY, Relaxed);
    }

    /// The server stops: close without lingering.
    pub(in crate::http) fn hurry(&self) {
        self.hurry.store(true, Relaxed);
    }

    /// What comes next may not be a request: the connection ends with the answer.
    pub(in crate::http) fn doubt(&self) {
        self.doubt.store(true, Relaxed);
    }

    pub(in crate::http) fn doubts(&self) -> bool {
        self.doubt.load(Relaxed)
    }

    /// Whether hyper has asked for the next request, and the peer has taken the last answer.
    pub(in crate::http) fn is_idle(&self) -> bool {
        self.phase.load(Relaxed) == AWAITING && !self.stalled.load(Relaxed)
    }

    /// Whether that has been so for a while.
    pub(in crate::http) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// If the next that hyper does is to end, the connection stays open.
    pub(in crate::http) fn part(&self) {
        self.parting.store(true, Relaxed);
    }

    /// Whether hyper did nothing else since.
    pub(in crate::http) fn has_parted(&self) -> bool {
        self.parting.swap(false, Relaxed)
    }

    /// hyper reads or writes: it was not at rest.
    pub(super) fn works(&self) {
        self.parting.store(false, Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
