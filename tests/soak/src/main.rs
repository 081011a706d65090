//! What `cargo xtask soak` runs.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the command line"
)]

use anyhow::{Context, Result, bail};
use clap::Parser;
use greenroom_soak::{Row, Run, SECTIONS, Scale, Section, report};
use greenroom_tests::{binary, repository};
use sha2::Digest;
use std::{
    any::Any,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::ExitCode,
    time::Instant,
};

/// Runs the sections one after the other, and adds their rows to tests/soak-report.md. What was interrupted goes on,
/// what is done for this build of the host is not repeated.
#[derive(Parser)]
#[command(name = "greenroom-soak", bin_name = "cargo xtask soak")]
struct Cli {
    /// All of the figures, in hours, instead of a fifth of them
    #[arg(long)]
    full: bool,
    /// Forget what earlier runs did
    #[arg(long)]
    fresh: bool,
    /// These sections alone
    #[arg(value_name = "SECTION", value_parser = SECTIONS.iter().map(|s| s.name).collect::<Vec<_>>())]
    sections: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row is as wanted.
fn run(cli: &Cli) -> Result<bool> {
    let scale = if cli.full { Scale::Full } else { Scale::Fifth };
    let state = repository().join("target/soak").join(scale.name());
    forget_other_builds(&state, cli.fresh)?;
    let mut good = true;
    for section in SECTIONS {
        if !cli.sections.is_empty() && !cli.sections.iter().any(|name| name == section.name) {
            continue;
        }
        let done = state.join(format!("{}.done", section.name));
        let rows: Vec<Row> = match fs::read(&done) {
            Ok(rows) => serde_json::from_slice(&rows).context("an earlier run's rows")?,
            Err(_) => {
                let start = Instant::now();
                eprintln!("{}: {}", section.name, section.about);
                let rows = one(section, scale, &state)?;
                let full = if cli.full { " --full" } else { "" };
                report::append(&format!("cargo xtask soak {}{full}", section.name), &rows)?;
                fs::write(&done, serde_json::to_vec(&rows)?)?;
                eprintln!("{}: {} s", section.name, start.elapsed().as_secs());
                rows
            }
        };
        for row in rows {
            let verdict = if row.reached { "ok  " } else { "FAIL" };
            println!(
                "{verdict} {}: {}: {} (wanted: {})",
                section.name, row.what, row.measured, row.wanted
            );
            good &= row.reached;
        }
    }
    Ok(good)
}

fn one(section: &'static Section, scale: Scale, state: &Path) -> Result<Vec<Row>> {
    let mut run = Run::kept(scale, section.name, state.to_owned())?;
    match catch_unwind(AssertUnwindSafe(|| (section.run)(&mut run))) {
        Ok(rows) => rows.with_context(|| section.name),
        Err(panic) => bail!("{}: {}", section.name, told(&*panic)),
    }
}

fn told(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked")
}

/// Figures of two builds are not added up.
fn forget_other_builds(state: &Path, fresh: bool) -> Result<()> {
    let build = hex::encode(sha2::Sha256::digest(fs::read(binary())?));
    let kept = state.join("build");
    let other = fs::read_to_string(&kept).is_ok_and(|of| of != build);
    if state.exists() && (fresh || other) {
        fs::remove_dir_all(state).with_context(|| format!("cannot empty {}", state.display()))?;
    }
    fs::create_dir_all(state).with_context(|| format!("cannot create {}", state.display()))?;
    fs::write(&kept, build).with_context(|| format!("cannot write {}", kept.display()))
}
