//! `greenroom-bench`: run by `cargo xtask bench`, which builds what is measured here.

#![allow(clippy::print_stderr, reason = "a program for the command line")]

mod against;
mod child;
mod greenroom;
mod http;
mod interrupt;
mod machine;
mod meter;
mod places;
mod profile;
mod report;
mod rounds;
mod section;
mod seed;
mod server;
mod size;
mod stats;
mod subject;
mod summary;
mod verdicts;
mod work;
mod wrk;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use machine::Machine;
use report::{Load, Report};
use rounds::Plan;
use std::{path::PathBuf, process::ExitCode};
use subject::Subject;

/// Measures Greenroom beside native servers and Express; `cargo xtask bench` builds them all and runs this.
#[derive(Parser)]
struct Options {
    /// One short round of the main works: results go to target/bench, and say little.
    #[arg(long)]
    quick: bool,
    /// Measure nothing; leave flame graphs of the host under load in target/bench.
    #[arg(long, conflicts_with_all = ["quick", "only", "subjects"])]
    profile: bool,
    /// The host alone, beside that of another checkout of this repository in which `cargo xtask build all` has run;
    /// with `--programs` that of its target/dist.
    #[arg(long, value_name = "CHECKOUT", conflicts_with_all = ["quick", "only", "subjects", "profile", "train"])]
    against: Option<PathBuf>,
    /// Where the programs `greenroom` and `native-tuned` are, instead of target/release.
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// How those programs were compiled, in a few words for the report.
    #[arg(long, value_name = "WORDS", default_value = "cargo's release profile")]
    compiled: String,
    /// Measure nothing; put every load on the servers once, so that instrumented programs write their profiles.
    #[arg(long, conflicts_with_all = ["quick", "only", "profile"])]
    train: bool,
    /// One part alone; its results go to target/bench.
    #[arg(long)]
    only: Option<Part>,
    /// These servers alone, with commas between them; results go to target/bench.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    subjects: Vec<Subject>,
    /// Leave Express out, and say why in the report.
    #[arg(long, value_name = "REASON")]
    without_express: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Load,
    Size,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("greenroom-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    interrupt::listen()?;
    if let Some(folder) = &options.programs {
        places::take_from(folder)?;
    }
    if options.profile {
        return profile::run();
    }
    if let Some(checkout) = &options.against {
        let checkout = (checkout.canonicalize())
            .with_context(|| format!("there is no checkout {}", checkout.display()))?;
        return against::run(&checkout);
    }
    let subjects: Vec<_> = (Subject::ALL.into_iter())
        .filter(|s| options.subjects.is_empty() || options.subjects.contains(s))
        .filter(|s| *s != Subject::Express || options.without_express.is_none())
        .collect();
    if options.train {
        return Plan::training(subjects).measure().map(drop);
    }
    let mut report = Report {
        machine: Machine::look(&subjects, &options.compiled),
        load: None,
        sections: Vec::new(),
        notes: Vec::new(),
    };
    if let Some(reason) = &options.without_express {
        report
            .notes
            .push(format!("Express was not measured: {reason}"));
    }
    if options.only != Some(Part::Size) {
        let plan = if options.quick {
            Plan::quick
        } else {
            Plan::full
        };
        let plan = plan(subjects);
        let runs = plan.measure()?;
        report.load = Some(Load { plan, runs });
    }
    if options.only != Some(Part::Load) {
        report.sections.push(size::run(options.quick)?);
    }
    report.write(&options.results())
}

impl Options {
    /// The committed results are of full runs only.
    fn results(&self) -> PathBuf {
        let full = !self.quick && self.only.is_none() && self.subjects.is_empty();
        if full {
            places::results()
        } else {
            places::scratch()
        }
    }
}
