//! What a connection's hooks share with the code that starts statements: until when one may run, who waits for it, what
//! the authorizer allows, and why it stopped.

use super::{authorizer::Policy, call::Call, spill};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Why the progress handler stopped a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Its time was over, or nobody waits for it any more.
    Deadline,
    /// Its time on the async worker was over: it may run again on a thread.
    Budget,
    /// Its temporary files were too large.
    Spill,
}

/// One per connection. SQLite calls the hooks while a statement runs, never while a method here holds the lock.
#[derive(Default)]
pub(super) struct Watch {
    state: Mutex<State>,
    /// A row was inserted into a rowid table since [`Watch::forget_inserts`].
    inserted: AtomicBool,
}

#[derive(Default)]
struct State {
    until: Option<Instant>,
    budget: Option<Instant>,
    call: Option<Arc<Call>>,
    stop: Option<Stop>,
    policy: Policy,
    denied: Option<String>,
    /// A function was prepared whose single call may take long.
    heavy: bool,
    /// Since when it runs without having let others run.
    turn: Option<Instant>,
    /// Bytes that a statement may write; none: any.
    writing: Option<u64>,
    /// What the thread had written when the statement was first looked at, and when that was looked at last.
    written: Option<(u64, Instant)>,
}

/// Between two looks at what a statement wrote: each is a system call.
const LOOK: Duration = Duration::from_millis(1);

impl State {
    /// A statement ran for so many ops by now that it may have begun to fill files.
    fn writes_too_much(&mut self, now: Instant) -> bool {
        let Some(most) = self.writing.filter(|_| self.until.is_some()) else {
            return false;
        };
        match &mut self.written {
            Some((_, last)) if now.duration_since(*last) < LOOK => false,
            Some((before, last)) => {
                *last = now;
                spill::written().is_some_and(|written| written.saturating_sub(*before) > most)
            }
            None => {
                self.written = spill::written().map(|written| (written, now));
                false
            }
        }
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before a statement of a caller: when it must end, and whose it is.
    pub(super) fn arm(&self, until: Instant, budget: Option<Instant>, call: Option<Arc<Call>>) {
        let mut state = self.state();
        state.until = Some(until);
        state.budget = budget;
        state.call = call;
        state.stop = None;
        state.denied = None;
        state.heavy = false;
        state.turn = None;
        state.written = None;
    }

    /// How many bytes a statement may write, temporary files among them.
    pub(super) fn bound_writing(&self, most: u64) {
        self.state().writing = Some(most);
    }

    /// After it. What runs now is the host's own and must not be cut off.
    pub(super) fn disarm(&self) {
        let mut state = self.state();
        state.until = None;
        state.budget = None;
        state.call = None;
    }

    /// Sets what the authorizer allows, and answers what it allowed before.
    pub(super) fn set_policy(&self, policy: Policy) -> Policy {
        std::mem::replace(&mut self.state().policy, policy)
    }

    /// The progress handler: true ends the statement.
    pub(super) fn must_stop(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let abandoned = state.call.as_ref().is_some_and(|call| call.is_abandoned());
        if abandoned || state.until.is_some_and(|until| now >= until) {
            state.stop = Some(Stop::Deadline);
        } else if state.budget.is_some_and(|budget| now >= budget) {
            state.stop = Some(Stop::Budget);
        } else if state.budget.is_none() && state.writes_too_much(now) {
            state.stop = Some(Stop::Spill);
        } else {
            // On a thread of its own, where it may run for long: what waits for this core is looked at every millisecond.
            if state.budget.is_none() && now >= *state.turn.get_or_insert(now) + TURN {
                state.turn = None;
                drop(state);
                std::thread::yield_now();
            }
            return false;
        }
        true
    }

    /// The busy handler: another connection holds a lock, for the `waits`-th time. Waits a little; false gives up.
    pub(super) fn wait_for_lock(&self, waits: i32) -> bool {
        let (inline, until) = {
            let state = self.state();
            (state.budget.is_some(), state.until)
        };
        // The host's own statements have no time of their own.
        if inline || self.must_stop() || (until.is_none() && waits > MOST_PAUSES) {
            return false;
        }
        let left = until.map_or(PAUSE, |until| {
            until.saturating_duration_since(Instant::now())
        });
        std::thread::sleep(left.min(PAUSE));
        true
    }

    /// The authorizer.
    pub(super) fn authorize(&self, context: &rusqlite::hooks::AuthContext<'_>) -> bool {
        let mut state = self.state();
        match state.policy.judge(context) {
            Ok(heavy) => {
                state.heavy |= heavy;
                true
            }
            Err(reason) => {
                state.denied = Some(reason);
                false
            }
        }
    }

    pub(super) fn stopped(&self) -> Option<Stop> {
        self.state().stop
    }

    pub(super) fn take_denied(&self) -> Option<String> {
        self.state().denied.take()
    }

    /// Whether the statement runs on an async worker.
    pub(super) fn is_inline(&self) -> bool {
        self.state().budget.is_some()
    }

    /// Whether a statement prepared since `arm` calls a function that may take long in one call.
    pub(super) fn is_heavy(&self) -> bool {
        self.state().heavy
    }

    pub(super) fn saw_insert(&self) {
        self.inserted.store(true, Ordering::Relaxed);
    }

    pub(super) fn forget_inserts(&self) {
        self.inserted.store(false, Ordering::Relaxed);
    }

    pub(super) fn has_inserted(&self) -> bool {
        self.inserted.load(Ordering::Relaxed)
    }
}

/// As long as a guest runs before it lets others run.
const TURN: Duration = Duration::from_millis(1);

/// Between two looks at a lock.
const PAUSE: Duration = Duration::from_millis(2);

/// For a statement of the host's own: about 5 s.
const MOST_PAUSES: i32 = 2500;
