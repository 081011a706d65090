//! `cargo xtask test`: builds all that the tests drive, then runs them.

use crate::{
    build::{self, Part},
    command::{self, cargo},
    tree::Workspace,
};
use anyhow::{Result, bail};
use std::{process::Command, time::Instant};

/// How many tests run at once: libtest's variable, which whoever runs the tests may set.
const THREADS: &str = "RUST_TEST_THREADS";
/// End-to-end tests wait much, for hosts, time limits and compiles. On 2 cores, with all components
/// compiled before, they took 314 s two at once, which left the cores idle for 42 % of that, and 190 s four at once, 16 %.
const THREADS_A_CORE: usize = 2;

/// Both stages of tests run, even when the first one fails; the last line says how it went.
pub(crate) fn run(filters: &[String]) -> Result<()> {
    let start = Instant::now();
    build::run(&[Part::Todo, Part::Fixtures, Part::Host])?;
    let stages = [("guest", guest()), ("host and end-to-end", host())];
    let mut failed = Vec::new();
    for (name, mut stage) in stages {
        if !filters.is_empty() {
            stage.arg("--").args(filters);
        }
        if let Err(error) = command::run(&mut stage) {
            eprintln!("xtask: {error:#}");
            failed.push(name);
        }
    }
    let seconds = start.elapsed().as_secs();
    if !failed.is_empty() {
        bail!(
            "tests failed after {seconds} s, stage: {}",
            failed.join(", ")
        );
    }
    println!("test: every stage passed (guest; host and end-to-end), {seconds} s");
    Ok(())
}

/// What the SDK and the plugins can show without a sandbox, the SDK's examples included. Natively.
fn guest() -> Command {
    let mut test = cargo(Workspace::Guest, "test");
    test.args(["--workspace", "--locked", "--no-fail-fast", "--target-dir"]);
    test.arg(Workspace::Guest.target());
    test
}

/// With `--release`, as the host that was just built: its dependencies take minutes to compile a second time.
fn host() -> Command {
    let mut test = cargo(Workspace::Root, "test");
    test.args([
        "--release",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--target-dir",
    ]);
    test.arg(Workspace::Root.target());
    if std::env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        test.env(THREADS, (THREADS_A_CORE * cores).to_string());
    }
    test
}
