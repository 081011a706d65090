//! How a plugin is, by its own word: the live build's `check`, on a schedule, and what has come of it.

use super::{hook::Hooks, status::Wellness};
use crate::config::HealthChecks;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use xxhash_rust::xxh3::xxh3_64;

/// Of one plugin. What is known stays while builds take over from each other.
#[derive(Default)]
pub(super) struct Health(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    /// `None`: the live build has no check, or none serves.
    known: Option<Known>,
    /// Ends the checks of the live build.
    checks: Option<DropGuard>,
}

struct Known {
    state: State,
    /// Since when it is so.
    since: jiff::Timestamp,
    /// In a row.
    failures: u32,
    /// Of the last failed check; empty where the last one went well.
    reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No build of the plugin was live before this one: nobody knows yet.
    First,
    /// The build before this one had no check: nobody has said that it is not well.
    Unchecked,
    Well,
    Failing,
}

/// What one check has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    None,
    /// It failed, and does not count yet.
    Doubt,
    Failing,
    Well,
}

impl Health {
    /// `hooks` are those of the build that goes live. `first`: none was live before.
    pub(super) fn begin(&self, hooks: &Arc<Hooks>, settings: &HealthChecks, first: bool) {
        let mut board = lock(&self.0);
        // Those of the build before.
        board.checks = None;
        if !settings.on || !hooks.has_check() {
            board.known = None;
            return;
        }
        match &mut board.known {
            Some(known) => {
                known.failures = 0;
                // The reason of one that counts as failing stands until a check says otherwise.
                if known.state != State::Failing {
                    known.reason.clear();
                }
            }
            None => {
                board.known = Some(Known::new(match first {
                    true => State::First,
                    false => State::Unchecked,
                }));
            }
        }
        let over = CancellationToken::new();
        board.checks = Some(over.clone().drop_guard());
        drop(board);
        let checks = Checks {
            board: Arc::downgrade(&self.0),
            hooks: hooks.clone(),
            settings: settings.clone(),
            over,
        };
        tokio::spawn(checks.run());
    }

    /// No build serves.
    pub(super) fn end(&self) {
        *lock(&self.0) = Board::default();
    }

    /// Why a host that needs this plugin is not ready.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match lock(&self.0).known.as_ref()?.state {
            State::First => Some("has not said yet that it is well"),
            State::Failing => Some("says that it is not well"),
            State::Unchecked | State::Well => None,
        }
    }

    pub(super) fn status(&self) -> Option<Wellness> {
        let board = lock(&self.0);
        let known = board.known.as_ref()?;
        Some(Wellness {
            state: match known.state {
                State::First | State::Unchecked => "unchecked",
                State::Well => "well",
                State::Failing => "failing",
            },
            since: known.since.to_string(),
            failures: known.failures,
            reason: Some(known.reason.clone()).filter(|reason| !reason.is_empty()),
        })
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn new(state: State) -> Self {
        Self {
            state,
            since: jiff::Timestamp::now(),
            failures: 0,
            reason: String::new(),
        }
    }

    /// Takes the outcome of a check. Who was never checked has no reputation: the first outcome decides. Afterwards
    /// `enough` failures in a row make it fail, and one success makes it well.
    fn take(&mut self, outcome: Result<(), String>, enough: u32) -> Turn {
        let before = self.state;
        let turn = match outcome {
            Ok(()) => {
                self.failures = 0;
                self.reason.clear();
                self.state = State::Well;
                match before {
                    State::Failing => Turn::Well,
                    _ => Turn::None,
                }
            }
            Err(reason) => {
                self.failures = self.failures.saturating_add(1);
                self.reason = reason;
                match before {
                    State::Failing => Turn::None,
                    State::Well if self.failures < enough => Turn::Doubt,
                    _ => {
                        self.state = State::Failing;
                        Turn::Failing
                    }
                }
            }
        };
        if self.state != before {
            self.since = jiff::Timestamp::now();
        }
        turn
    }
}

/// The checks of one build, while it is the live one.
struct Checks {
    /// Gone with its plugin.
    board: Weak<Mutex<Board>>,
    hooks: Arc<Hooks>,
    settings: HealthChecks,
    over: CancellationToken,
}

impl Checks {
    async fn run(self) {
        // At once, and then at moments of its own: plugins that start together are not asked together for ever.
        let mut wait = self.offset();
        loop {
            let outcome = tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                outcome = self.hooks.check(self.settings.timeout) => outcome,
            };
            if !self.report(outcome) {
                return;
            }
            tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = self.settings.interval;
        }
    }

    /// From half of an interval to a whole one, by the plugin's name.
    fn offset(&self) -> Duration {
        let share = xxh3_64(self.hooks.plugin.as_str().as_bytes()) % 512;
        let parts = 512 + u32::try_from(share).unwrap_or(0);
        self.settings.interval.saturating_mul(parts) / 1024
    }

    /// `false`: this build is not the live one any more.
    fn report(&self, outcome: Result<(), String>) -> bool {
        let Some(board) = self.board.upgrade() else {
            return false;
        };
        let mut board = lock(&board);
        // Whoever ends the checks holds the lock.
        if self.over.is_cancelled() {
            return false;
        }
        let Some(known) = &mut board.known else {
            return false;
        };
        let reason = outcome.as_ref().err().cloned().unwrap_or_default();
        let turn = known.take(outcome, self.settings.failures);
        let failures = known.failures;
        drop(board);
        let (plugin, build) = (&self.hooks.plugin, self.hooks.build.short());
        match turn {
            Turn::None => {}
            Turn::Doubt => {
                tracing::debug!(%plugin, build, failures, reason, "a health check failed");
            }
            Turn::Failing => {
                tracing::error!(%plugin, build, failures, reason, "the plugin is not well");
            }
            Turn::Well => tracing::info!(%plugin, build, "the plugin is well again"),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad() -> Result<(), String> {
        Err("a reason".into())
    }

    /// The turns and states of these outcomes, one after the other.
    fn after(known: &mut Known, outcomes: &[bool]) -> Vec<(Turn, State)> {
        let outcomes = outcomes
            .iter()
            .map(|well| if *well { Ok(()) } else { bad() });
        outcomes
            .map(|outcome| {
                let turn = known.take(outcome, 3);
                (turn, known.state)
            })
            .collect()
    }

    #[test]
    fn the_first_check_decides_at_once() {
        for state in [State::First, State::Unchecked] {
            let mut known = Known::new(state);
            assert_eq!(after(&mut known, &[true]), [(Turn::None, State::Well)]);
            let mut known = Known::new(state);
            assert_eq!(
                after(&mut known, &[false]),
                [(Turn::Failing, State::Failing)]
            );
        }
    }

    #[test]
    fn some_in_a_row_make_it_fail_and_one_makes_it_well() {
        let mut known = Known::new(State::Well);
        let doubt = (Turn::Doubt, State::Well);
        let got = after(&mut known, &[false, false, true, false, false]);
        let fine = (Turn::None, State::Well);
        assert_eq!(got, [doubt, doubt, fine, doubt, doubt]);
        assert_eq!((known.failures, &*known.reason), (2, "a reason"));
        let got = after(&mut known, &[false, false, false]);
        assert_eq!(
            got,
            [
                (Turn::Failing, State::Failing),
                (Turn::None, State::Failing),
                (Turn::None, State::Failing),
            ]
        );
        let got = after(&mut known, &[true, true]);
        assert_eq!(got, [(Turn::Well, State::Well), (Turn::None, State::Well)]);
        assert_eq!((known.failures, &*known.reason), (0, ""));
    }
}
