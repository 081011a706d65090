//! The log: one line an event on standard error, as text or as JSON. A reader that does not keep up loses lines (and is
//! told how many were lost at the end) instead of holding up requests.

mod progress;

use progress::{Progress, Terminal, is_compile};
use std::io::stderr;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

/// Lines that wait to be written, at most.
const QUEUE: usize = 16_384;

/// Starts the log. What is in the queue is written when the guard is dropped.
///
/// `filter`: as `RUST_LOG`, `info,plugin=debug` for example; the lines of plugins have the target `plugin`. `terminal`:
/// standard error is one. There, unless it is JSON that is asked for, the log has colours, and in place of the line about
/// a compile there is one that shows how it goes.
pub fn start(filter: Option<&str>, json: bool, terminal: bool) -> anyhow::Result<WorkerGuard> {
    use anyhow::Context;
    let filter = EnvFilter::try_new(filter.unwrap_or("info"))
        .context("GREENROOM_LOG: a level (error, warn, info, debug, trace), or targets with levels: info,plugin=debug")?;
    let queue = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE);
    let registry = tracing_subscriber::registry().with(filter);
    if terminal && !json {
        let (writer, guard) = queue.finish(Terminal::new(stderr()));
        let lines = fmt::layer().with_ansi(true).with_writer(writer.clone());
        registry
            .with(lines.with_filter(filter_fn(|metadata| !is_compile(metadata))))
            .with(Progress::new(writer))
            .init();
        return Ok(guard);
    }
    let (writer, guard) = queue.finish(stderr());
    let lines = fmt::layer().with_writer(writer);
    if json {
        registry.with(lines.json().flatten_event(true)).init();
    } else {
        registry.with(lines.with_ansi(false)).init();
    }
    Ok(guard)
}
