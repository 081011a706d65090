//! The end of builds that serve no longer: their `stop`, after their last request, and before the plugin's data is closed.

use super::{build::Build, hook::Hooks};
use crate::config::Limits;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Beyond the limits of the requests themselves, which have ended by then: in case one is held up elsewhere.
const GRACE: Duration = Duration::from_secs(10);

/// Those of one plugin.
#[derive(Default)]
pub(super) struct Ending {
    stops: TaskTracker,
    /// Nobody waits for requests any longer.
    hurry: CancellationToken,
    /// Nor for the calls themselves.
    cut: CancellationToken,
}

impl Ending {
    /// `old` serves no longer: its `stop` runs when its last request has ended.
    pub(super) fn follow(&self, old: Arc<Build>) {
        let (hooks, ended) = (old.hooks.clone(), old.ended());
        if !hooks.has_stop() {
            return;
        }
        let patience = patience(&old.limits);
        let (hurry, cut) = (self.hurry.clone(), self.cut.clone());
        // Each request holds its build; the last to let go ends it.
        drop(old);
        self.stops.spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = hurry.cancelled() => {}
                () = tokio::time::sleep(patience) => {}
            }
            tokio::select! {
                biased;
                () = cut.cancelled() => tell(&hooks, "it was cut off: there was no time left for it"),
                () = stop(&hooks) => {}
            }
        });
    }

    /// Runs what is still to run and returns when it has ended, or has been cut off after `within`.
    pub(super) async fn finish(&self, within: Duration) {
        self.hurry.cancel();
        self.stops.close();
        if timeout(within, self.stops.wait()).await.is_err() {
            self.cut.cancel();
            self.stops.wait().await;
        }
    }

    /// Nothing more of this plugin may touch its data.
    pub(super) fn cut_off(&self) {
        self.cut.cancel();
        self.hurry.cancel();
    }
}

/// A request's own time, from the call to the end of a streamed answer.
fn patience(limits: &Limits) -> Duration {
    let request = limits.timeout.saturating_add(limits.stream_timeout);
    request.saturating_add(GRACE)
}

async fn stop(hooks: &Arc<Hooks>) {
    let begun = Instant::now();
    match hooks.stop().await {
        Ok(()) => {
            let milliseconds = super::status::milliseconds(begun.elapsed());
            tracing::info!(plugin = %hooks.plugin, build = %hooks.build.short(), milliseconds, "stop() has run");
        }
        Err(reason) => tell(hooks, &reason),
    }
}

fn tell(hooks: &Hooks, reason: &str) {
    tracing::error!(plugin = %hooks.plugin, build = %hooks.build.short(), reason, "stop() failed");
}
