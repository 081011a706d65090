//! The log: one line an event on standard error, as text or as JSON. A reader that does not keep up loses lines (and is
//! told how many were lost at the end) instead of holding up requests.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Lines that wait to be written, at most.
const QUEUE: usize = 16_384;

/// Starts the log. What is in the queue is written when the guard is dropped.
///
/// `filter`: as `RUST_LOG`, `info,plugin=debug` for example; the lines of plugins have the target `plugin`.
pub fn start(filter: Option<&str>, json: bool, colours: bool) -> anyhow::Result<WorkerGuard> {
    use anyhow::Context;
    let filter = EnvFilter::try_new(filter.unwrap_or("info"))
        .context("GREENROOM_LOG: a level (error, warn, info, debug, trace), or targets with levels: info,plugin=debug")?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE)
        .finish(std::io::stderr());
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        registry
            .with(fmt::layer().json().flatten_event(true).with_writer(writer))
            .init();
    } else {
        registry
            .with(fmt::layer().with_ansi(colours).with_writer(writer))
            .init();
    }
    Ok(guard)
}
