//! The targets of `fuzz/`: cargo-fuzz builds them with the nightly compiler, libFuzzer makes up what they are given. Small,
//! it takes neither: the same functions are tested with made up values beside their code.

use crate::{Row, Run, Scale, tools};
use anyhow::{Context, Result, bail, ensure};
use greenroom_tests::repository;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// What runs at the same time, on two cores: one that compiles takes most of its own.
const ROUNDS: [&[&str]; 2] = [&["component", "rows"], &["config", "router", "descriptor"]];
/// Of one input, seconds: a compile with every check of the sanitizer takes one.
const SECONDS_PER_INPUT: u64 = 20;
/// MiB of resident memory of one target.
const MEMORY: u64 = 3072;
/// Of an input, bytes: what a configuration or a component needs to be interesting.
const LONGEST: u64 = 8192;
/// libFuzzer's own, of a run that a signal ended.
const INTERRUPTED: i32 = 72;

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    done: BTreeMap<String, Done>,
}

#[derive(Serialize, Deserialize)]
struct Done {
    inputs: u64,
    /// Of those, kept because each took another way.
    corpus: u64,
    minutes: u64,
    /// How it ended, when not well: with the file that repeats it.
    found: Option<String>,
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut rows = vec![listed()?];
    if run.scale == Scale::Small {
        return Ok(rows);
    }
    let minutes = if run.scale == Scale::Full { 30 } else { 5 };
    let mut figures: Figures = run.figures()?;
    let programs = built()?;
    for round in ROUNDS {
        let new = round
            .iter()
            .filter(|name| !figures.done.contains_key(**name));
        let started = new.map(|name| Ok((*name, Fuzzer::start(&programs, name, minutes)?)));
        for (name, fuzzer) in started.collect::<Result<Vec<_>>>()? {
            if let Some(done) = fuzzer.end(minutes)? {
                figures.done.insert(name.to_owned(), done);
            }
        }
        run.keep(&figures)?;
    }
    rows.extend(figures.done.iter().map(|(name, done)| row(name, done)));
    Ok(rows)
}

fn row(name: &str, done: &Done) -> Row {
    let Done {
        inputs,
        corpus,
        minutes,
        found,
    } = done;
    Row::new(
        format!(
            "libFuzzer on the target {name}, with the address sanitizer, for {minutes} minutes"
        ),
        "no panic, no broken promise of its own, no input that takes 20 s or 3 GiB",
        match found {
            None => {
                format!("none in {inputs} inputs; {corpus} kept, each with branches of its own")
            }
            Some(found) => format!("after {inputs} inputs: {found}"),
        },
        found.is_none() && *inputs > 0,
    )
}

/// No target is forgotten, and each that cannot make up its own has inputs to start from.
fn listed() -> Result<Row> {
    let folder = repository().join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
    let bins = manifest.split("[[bin]]").skip(1);
    let names = bins.map(|bin| bin.split('"').nth(1).unwrap_or_default());
    let mut declared: Vec<_> = names.collect();
    declared.sort_unstable();
    let mut run: Vec<_> = ROUNDS.concat();
    run.sort_unstable();
    let bare = |name: &&&str| **name != "descriptor" && !folder.join("seeds").join(name).is_dir();
    let bare: Vec<_> = run.iter().filter(bare).collect();
    Ok(Row::new(
        "the targets of fuzz/Cargo.toml",
        "each is run, and has seeds",
        format!(
            "{} declared, {} run, without seeds: {bare:?}",
            declared.len(),
            run.len()
        ),
        declared == run && bare.is_empty(),
    ))
}

/// The folder with the programs.
fn built() -> Result<PathBuf> {
    let nightly = Command::new("rustup")
        .args(["run", "nightly", "rustc", "-vV"])
        .output();
    let nightly = nightly.ok().filter(|told| told.status.success());
    let Some(nightly) = nightly else {
        bail!(
            "libFuzzer takes the nightly compiler, which is not installed: `rustup toolchain install nightly --profile minimal`"
        );
    };
    let told = String::from_utf8(nightly.stdout)?;
    let machine = told.lines().find_map(|line| line.strip_prefix("host: "));
    let machine = machine.context("rustc -vV names no host")?;
    let cargo_fuzz = tools::installed("cargo-fuzz")?;
    let target = repository().join("target/fuzz");
    // Not through this toolchain's cargo, which would be found first.
    let mut build = Command::new("rustup");
    build
        .current_dir(repository().join("fuzz"))
        .args(["run", "nightly"])
        .arg(cargo_fuzz)
        .args(["build", "--target-dir"])
        .arg(&target)
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN");
    ensure!(
        build.status().context("rustup")?.success(),
        "the fuzz targets do not compile"
    );
    Ok(target.join(machine).join("release"))
}

/// One target at work.
struct Fuzzer {
    name: String,
    process: Child,
    corpus: PathBuf,
    log: PathBuf,
}

impl Fuzzer {
    fn start(programs: &Path, name: &str, minutes: u64) -> Result<Self> {
        let folder = repository().join("target/fuzz").join(name);
        let (corpus, found, scratch) = (
            folder.join("corpus"),
            folder.join("found"),
            folder.join("tmp"),
        );
        for folder in [&corpus, &found, &scratch] {
            fs::create_dir_all(folder)?;
        }
        let log = folder.join("log");
        let fuzz = repository().join("fuzz");
        let mut prefix = OsString::from("-artifact_prefix=");
        prefix.push(found.join(""));
        let mut command = Command::new(programs.join(name));
        command
            .arg(format!("-max_total_time={}", minutes * 60))
            .arg(format!("-timeout={SECONDS_PER_INPUT}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg("-print_final_stats=1")
            .arg(prefix);
        let words = fuzz.join("words").join(name);
        if words.is_file() {
            let mut dictionary = OsString::from("-dict=");
            dictionary.push(words);
            command.arg(dictionary);
        }
        command.arg(&corpus);
        let seeds = fuzz.join("seeds").join(name);
        if seeds.is_dir() {
            command.arg(seeds);
        }
        let process = command
            .env("TMPDIR", &scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot run the target {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            process,
            corpus,
            log,
        })
    }

    /// `None` when a signal ended it. It ends itself; what does not is ended, so that nothing waits for ever.
    fn end(mut self, minutes: u64) -> Result<Option<Done>> {
        let patience = Duration::from_secs(minutes * 60 + 10 * SECONDS_PER_INPUT);
        let ended =
            crate::process::wait_until(patience, || !matches!(self.process.try_wait(), Ok(None)));
        if !ended {
            self.process.kill()?;
        }
        let status = self.process.wait()?;
        if status.code() == Some(INTERRUPTED) {
            return Ok(None);
        }
        let log = fs::read(&self.log)?;
        let log = String::from_utf8_lossy(&log);
        let stat = |name: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|number| number.trim().parse().ok())
                .unwrap_or(0)
        };
        let found = (!status.success()).then(|| {
            let said = |line: &&str| line.contains("panicked at") || line.starts_with("SUMMARY:");
            let said: Vec<_> = log.lines().filter(said).collect();
            let said = said.join("; ");
            // The report names no place on a machine.
            let root = repository().join("").display().to_string();
            format!("{status}, {said}; see {}", self.log.display()).replace(&root, "")
        });
        if let Some(found) = &found {
            eprintln!("fuzz: {}: {found}", self.name);
        }
        Ok(Some(Done {
            inputs: stat("stat::number_of_executed_units:"),
            corpus: fs::read_dir(&self.corpus)?.count() as u64,
            minutes,
            found,
        }))
    }
}

/// An error on the way leaves none running.
impl Drop for Fuzzer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
