//! One call that waits for a thread: whether it still may start, and whether its caller still waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

/// Shared by the caller and the thread.
pub(super) struct Call {
    pub(super) until: Instant,
    state: AtomicU8,
}

impl Call {
    pub(super) fn new(until: Instant) -> Arc<Self> {
        Arc::new(Self {
            until,
            state: AtomicU8::new(QUEUED),
        })
    }

    /// The thread takes it up. False: too late or nobody waits, skip it.
    pub(super) fn start(&self) -> bool {
        self.is_in_time()
            && self
                .state
                .compare_exchange(QUEUED, STARTED, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    /// Whether it may run once more.
    pub(super) fn is_in_time(&self) -> bool {
        Instant::now() < self.until && !self.is_abandoned()
    }

    /// The caller's time is over. True: it never started and never will. False: it is under way.
    pub(super) fn withdraw(&self) -> bool {
        self.state
            .compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.state.load(Ordering::Acquire) == ABANDONED
    }
}

/// Held by the caller's future: dropped before the answer came, it stops the call.
pub(super) struct Caller(pub(super) Arc<Call>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.state.store(ABANDONED, Ordering::Release);
    }
}
