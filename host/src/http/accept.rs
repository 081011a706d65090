//! What to do when `accept` fails: go on, never exit.

use std::{io, time::Duration};
use tokio::time::{self, Instant};

/// How long to leave the queue alone when there is nothing to accept with (no descriptors, no memory).
const PAUSE: Duration = Duration::from_millis(50);
/// At most one log line in this time; an exhausted process fails many times a second.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Paces an accept loop that meets errors.
#[derive(Default)]
pub(super) struct Backoff {
    logged: Option<Instant>,
    failures: u64,
}

impl Backoff {
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Returns when the loop may try again.
    pub(super) async fn failed(&mut self, error: &io::Error) {
        if is_about_one_connection(error) {
            return;
        }
        self.failures += 1;
        if self.logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            tracing::warn!(%error, failures = self.failures, "cannot accept connections; raise the limit on open files if it is too low");
        }
        time::sleep(PAUSE).await;
    }
}

/// The peer went away between its SYN and our accept: nothing is wrong with the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
