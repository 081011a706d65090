//! Ctrl-C and SIGTERM end the driver in order: every wait looks here, and the servers go as their owners are dropped.

use anyhow::{Context, Result, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on a first signal is noted, a second one ends the process at once.
pub(crate) fn listen() -> Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, 130, asked.clone())
            .and_then(|_| flag::register(signal, asked.clone()))
            .context("cannot listen for signals")?;
    }
    Ok(())
}

/// An error once a signal has come.
pub(crate) fn check() -> Result<()> {
    let asked = ASKED
        .get()
        .is_some_and(|asked| asked.load(Ordering::SeqCst));
    if asked {
        bail!("interrupted");
    }
    Ok(())
}

/// Sleeps, but wakes for a signal.
pub(crate) fn sleep(time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    loop {
        check()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}
