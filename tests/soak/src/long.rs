//! What eight hours do to a host, in less time: as many requests, swaps and connections as it would get at a steady rate,
//! one after the other as fast as half of a machine goes. Every few minutes, and for a while at the end, nobody asks.
//!
//! Not compressed are hours that pass: what grew with time alone, and not with work, would not be seen but in that while.
//! And a host at a hundred times the rate holds what more requests at once need, and what its allocator keeps for the next
//! ones: so memory is compared at rest, where what is not needed any more is gone or leaked.

mod growth;
mod mixed;

use crate::{
    Row, Run, Scale,
    load::Load,
    process::{Process, wait_until},
};
use anyhow::{Result, ensure};
use greenroom_tests::{Host, Setup, chameleon, todo};
use growth::{Sample, slope};
use mixed::Todos;
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Minutes in eight hours: a swap in each.
const MINUTES: u64 = 480;
/// Requests in a minute, of a host that gets 50 a second.
const REQUESTS: f64 = 3000.0;
/// At which they are sent.
const RATE: f64 = 5000.0;
/// Minutes after each of which the host comes to rest and its memory is looked at.
const SPELL: u64 = 24;
/// For so long: threads that wait for work end after ten seconds, and what they kept goes with them.
const REST: Duration = Duration::from_secs(12);
/// Resident memory at rest, MiB in an hour of such minutes.
const MOST_GROWTH: f64 = 1.0;
/// Files of the host that come and go: databases' logs, a socket, an upload.
const FILES: usize = 8;

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    minutes: u64,
    seconds: f64,
    requests: u64,
    failed: u64,
    connections: u64,
    swaps: u64,
    refused: u64,
    todos: u64,
    wrong: u64,
    /// Of each host that ran, at rest after each spell.
    lives: Vec<Vec<Sample>>,
    /// Resident memory under load, KiB, at most.
    most_kib: u64,
    /// Of each: what it held at rest after its first fifth, and at its end.
    before: Vec<Held>,
    after: Vec<Held>,
    problems: Vec<String>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Held {
    /// Resident memory.
    kib: u64,
    descriptors: usize,
    threads: u64,
    files: usize,
    /// Bytes of the longest write-ahead log.
    log: u64,
}

impl Figures {
    fn problem(&mut self, problem: String) {
        self.wrong += 1;
        if self.problems.len() < 20 {
            self.problems.push(problem);
        }
    }
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut figures: Figures = run.figures()?;
    // A fifth of them would be over before caches are full, and its growth theirs.
    let minutes = match run.scale {
        Scale::Small => 3,
        Scale::Fifth => MINUTES / 2,
        Scale::Full => MINUTES,
    };
    if figures.minutes < minutes {
        life(run, &mut figures, minutes)?;
    }
    Ok(rows(&figures, run.scale))
}

/// One host, to the last minute, or until a signal comes.
fn life(run: &Run, figures: &mut Figures, minutes: u64) -> Result<()> {
    let host = Setup::durable()
        .log("info")
        .config(mixed::CONFIG)
        .plugin("chameleon", &build(0))
        .plugin("hostile", &chameleon(""))
        .plugin("todo", &todo())
        .start();
    let work = mixed::work(&host);
    let rest = match run.scale {
        Scale::Small => Duration::from_secs(1),
        Scale::Fifth | Scale::Full => REST,
    };
    let warm = figures.minutes + (minutes - figures.minutes).div_ceil(5);
    figures.lives.push(Vec::new());
    let mut todos = Todos::default();
    let mut kept = Ok(());
    while figures.minutes < minutes && kept.is_ok() {
        minute(&host, &work, &mut todos, figures)?;
        figures.minutes += 1;
        let (spell, warmed) = (
            figures.minutes.is_multiple_of(SPELL),
            figures.minutes == warm,
        );
        if spell || warmed {
            let held = at_rest(&host, rest)?;
            let life = figures.lives.last_mut().expect("one began");
            life.push(Sample {
                minute: figures.minutes,
                kib: held.kib,
            });
            if warmed {
                figures.before.push(held);
            }
        }
        kept = run.keep(figures);
    }
    if figures.before.len() < figures.lives.len() {
        // Too short for a figure.
        figures.lives.pop();
        return kept;
    }
    std::thread::sleep(Duration::from_secs(match run.scale {
        Scale::Small => 1,
        Scale::Fifth => 30,
        // Longer than an idle connection and a reader of a database live.
        Scale::Full => 120,
    }));
    figures.after.push(at_rest(&host, rest)?);
    let folder = host.stop_and_keep();
    for problem in todos.check(folder.path())? {
        figures.problem(problem);
    }
    figures.todos += todos.made();
    kept.and(run.keep(figures))
}

/// Three builds in turn, and now and then one that was never there.
fn build(number: u64) -> Vec<u8> {
    let version = match number % 16 {
        15 => format!("long-{number}"),
        _ => format!("long-{}", number % 3),
    };
    // What the clients that come and go compare.
    chameleon(&format!("version={version};answer=1.0.0;migrations=base;"))
}

fn minute(
    host: &Host,
    work: &[crate::load::Work],
    todos: &mut Todos,
    figures: &mut Figures,
) -> Result<()> {
    let begun = Instant::now();
    let number = figures.minutes + 1;
    let load = Load::start(host.address(), 32, Some(RATE), work);
    let swapped = if number % 10 == 9 {
        let refused = chameleon(&format!("version=bad-{number};migrations=base;start=fail;"));
        figures.refused += 1;
        let outcome = host.deploy("chameleon", &refused);
        outcome.is_err_and(|reason| reason.contains("told to fail"))
    } else {
        figures.swaps += 1;
        host.deploy("chameleon", &build(number)).is_ok()
    };
    if !swapped {
        figures.problem(format!("minute {number}: another outcome of the deploy"));
    }
    let mut asked = 0;
    for result in [
        todos.some(host),
        mixed::hostile(host, number),
        mixed::connections(host, number),
    ] {
        match result {
            Ok(count) => asked += count,
            Err(problem) => figures.problem(format!("minute {number}: {problem}")),
        }
    }
    figures.connections += mixed::CONNECTIONS;
    let rest = Duration::from_secs_f64(REQUESTS / RATE).saturating_sub(begun.elapsed());
    std::thread::sleep(rest);
    let seen = load.stop();
    figures.requests += seen.answered + seen.failed + asked;
    figures.failed += seen.failed;
    for failure in seen.failures {
        figures.problem(format!("minute {number}: {failure}"));
    }
    ensure!(
        figures.wrong < 20,
        "too much is wrong: {}",
        figures.problems.join("; ")
    );
    figures.seconds += begun.elapsed().as_secs_f64();
    figures.most_kib = figures.most_kib.max(Process::of(host).kib);
    Ok(())
}

/// Once instances and connections that nobody uses have gone.
fn at_rest(host: &Host, rest: Duration) -> Result<Held> {
    let idle = || {
        let told = host.plugins();
        let rows = told["plugins"].as_array().expect("rows");
        rows.iter().all(|row| row["instances"] == 0)
    };
    ensure!(
        wait_until(Duration::from_secs(60), idle),
        "instances that idle for longer than a second stay: {}",
        host.plugins()
    );
    std::thread::sleep(rest);
    let process = Process::of(host);
    let (mut files, mut log) = (0, 0);
    look(host.folder(), &mut |path, bytes| {
        files += 1;
        if path.to_string_lossy().ends_with("-wal") {
            log = bytes.max(log);
        }
    })?;
    Ok(Held {
        kib: process.kib,
        descriptors: process.descriptors,
        threads: process.threads,
        files,
        log,
    })
}

/// What is there by then: a file that has gone meanwhile is none.
fn look(folder: &Path, each: &mut impl FnMut(&Path, u64)) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            look(&entry.path(), each)?;
        } else {
            each(&entry.path(), metadata.len());
        }
    }
    Ok(())
}

fn rows(figures: &Figures, scale: Scale) -> Vec<Row> {
    let small = scale == Scale::Small;
    #[expect(clippy::cast_precision_loss, reason = "minutes")]
    let hours = figures.minutes as f64 / 60.0;
    let Figures {
        requests,
        failed,
        swaps,
        refused,
        connections,
        wrong,
        todos,
        ..
    } = figures;
    let problems = figures.problems.join("; ");
    let growth = figures
        .lives
        .iter()
        .filter_map(|life| slope(life))
        .max_by(|a, b| a.mib_an_hour.total_cmp(&b.mib_an_hour));
    let grown = |of: fn(&Held) -> u64, most: u64| {
        let mut pairs = figures.before.iter().zip(&figures.after);
        pairs.all(|(before, after)| of(after) <= of(before) + most)
    };
    let pair = |of: fn(&Held) -> u64| {
        let pairs = figures.before.iter().zip(&figures.after);
        let told: Vec<_> = pairs
            .map(|(before, after)| format!("{}, then {}", of(before), of(after)))
            .collect();
        told.join("; ")
    };
    let descriptors = |held: &Held| held.descriptors as u64;
    let threads = |held: &Held| held.threads;
    let files = |held: &Held| held.files as u64;
    vec![
        Row::new(
            format!(
                "{hours:.1} h of 50 requests/s and a swap a minute, in {:.0} s: {requests} requests of {swaps} swaps, \
                 {refused} refused builds and {connections} connections that ended in every manner",
                figures.seconds
            ),
            "each answer as it must be, every acknowledged todo there at the end",
            format!("{failed} failed, {wrong} wrong, {todos} todos {problems}"),
            *failed == 0 && *wrong == 0 && *todos > 0,
        ),
        Row::new(
            format!(
                "the same: growth of resident memory at rest after every {SPELL} of these minutes, without the first \
                 fifth, Theil-Sen, an hour of them"
            ),
            format!("< {MOST_GROWTH} MiB/h"),
            growth.as_ref().map_or("none".to_owned(), |growth| {
                format!(
                    "{:+.2} MiB/h ({:.1} MiB, then {:.1} MiB; at most {} under load)",
                    growth.mib_an_hour,
                    growth.first_mib,
                    growth.last_mib,
                    figures.most_kib >> 10
                )
            }),
            growth.is_some_and(|growth| growth.mib_an_hour < MOST_GROWTH) || small,
        ),
        Row::new(
            "the same: descriptors and threads at rest, after the first fifth and after a while at the end in which \
             nobody asked",
            "no more",
            format!(
                "descriptors {}; threads {}",
                pair(descriptors),
                pair(threads)
            ),
            (grown(descriptors, 0) && grown(threads, 0)) || small,
        ),
        Row::new(
            "the same: files in the host's folders, and the longest write-ahead log",
            format!("at most {FILES} more files; a log that does not grow by more than 1 MiB"),
            format!("files {}; bytes {}", pair(files), pair(|held| held.log)),
            (grown(files, FILES as u64) && grown(|held| held.log, 1 << 20)) || small,
        ),
    ]
}
