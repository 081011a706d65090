//! Waiting for other processes, always with an end.

use crate::interrupt;
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

/// Between two looks at a child. Long enough to cost nothing beside a load of seconds.
const GLANCE: Duration = Duration::from_millis(5);
/// The same of one that has just begun, and whose time may be a figure.
const QUICK: Duration = Duration::from_millis(1);
/// What just begun is.
const BEGUN: Duration = Duration::from_millis(500);

/// The child's end. Past the time it is an error, and the child still runs.
pub(crate) fn wait(child: &mut Child, what: &str, patience: Duration) -> Result<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child
            .try_wait()
            .with_context(|| format!("cannot wait for {what}"))?
        {
            return Ok(status);
        }
        interrupt::check()?;
        let age = begin.elapsed();
        if age > patience {
            bail!("{what} did not end within {} s", patience.as_secs());
        }
        std::thread::sleep(if age < BEGUN { QUICK } else { GLANCE });
    }
}

/// Runs a command that prints little (less than a pipe holds), and ends it when it takes longer than `patience`.
pub(crate) fn output(command: &mut Command, what: &str, patience: Duration) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {what}"))?;
    match wait(&mut child, what, patience) {
        Ok(_) => child
            .wait_with_output()
            .with_context(|| format!("cannot read what {what} printed")),
        Err(error) => {
            end(&mut child);
            Err(error)
        }
    }
}

/// The first line of what a program prints about itself, as its version, whatever its exit status (`wrk --version` has
/// that of an error); `None` when it is missing or prints nothing.
pub(crate) fn line_of(program: &str, args: &[&str]) -> Option<String> {
    let patience = Duration::from_secs(20);
    let output = output(Command::new(program).args(args), program, patience).ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Asks a child to end in order.
pub(crate) fn terminate(child: &Child) -> Result<()> {
    kill(pid(child.id())?, Signal::SIGTERM).context("cannot send SIGTERM")
}

/// Ends a child at once, and collects it.
pub(crate) fn end(child: &mut Child) {
    // Both fail only when it is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

pub(crate) fn pid(raw: u32) -> Result<Pid> {
    let raw = i32::try_from(raw).context("a process id out of range")?;
    Ok(Pid::from_raw(raw))
}
