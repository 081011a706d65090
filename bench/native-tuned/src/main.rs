//! The todo API written by hand for one purpose: to be the least that an answer can cost with hyper and SQLite, as the
//! measure for what plugins cost. `native-tuned <port> <database file>` listens on 127.0.0.1 until SIGTERM.
//!
//! It answers the routes that are measured, byte for byte as Greenroom does with the todo plugin: the list, one item, a
//! new item, and a constant at `/api/hello/`. It has no PATCH, no DELETE, no `Idempotency-Key` and no log, and it reads
//! no `Accept-Encoding`: the load that is measured sends none, and gets the answer that is not compressed.

mod answer;
mod cursor;
mod database;
mod etag;
mod exchange;
mod head;
mod input;
mod json;
mod query;
mod refusal;
mod request_id;
mod routes;
mod server;
mod snapshot;
mod socket;
mod watchdog;
mod writer;

use std::{error::Error, path::Path, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

#[expect(
    clippy::print_stderr,
    reason = "a command says on its standard error why it ends"
)]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("native-tuned: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(port), Some(file), None) = (args.next(), args.next(), args.next()) else {
        return Err("usage: native-tuned <port> <database file>".into());
    };
    let port = port
        .to_str()
        .and_then(|port| port.parse().ok())
        .ok_or("the port must be a number from 0 to 65535")?;
    // Lives as long as the process, so that nobody counts who uses it.
    let writer = Box::leak(Box::new(writer::start(database::create(Path::new(
        &file,
    ))?)?));
    let watchdog = watchdog::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(database::release)
        .build()?;
    runtime.block_on(async {
        // An orderly end, so that an instrumented build writes its profile.
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = server::serve(port, writer, watchdog) => ended,
            _ = terminate.recv() => Ok(()),
        }
    })?;
    Ok(())
}
