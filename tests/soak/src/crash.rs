//! kill -9 while clients write, at a random moment, some of them within a deploy or a migration.
//!
//! After each, a new host on the same files must have every write that was acknowledged, each group of rows whole or not
//! at all, one schema or the other, and files without damage. What the killed one had begun to write under a temporary
//! name must be gone.

mod deploys;
mod ledger;
mod leftovers;
mod stored;
mod writers;

use crate::{Row, Run, Scale, dice::Dice, process::wait_until};
use anyhow::{Result, ensure};
use deploys::{Deploy, Kind};
use greenroom_tests::{Host, Setup, chameleon, todo};
use ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use writers::Writers;

/// Acknowledged in every cycle before the kill.
const WRITES: u64 = 100;
/// Cycles on one folder; then one with empty databases, whose checks take less time.
const LIFE: u64 = 50;
/// From the start of the process to an answer of each plugin.
const READY: Duration = Duration::from_secs(1);
/// For what the new host itself writes under a temporary name.
const SETTLED: Duration = Duration::from_secs(5);

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Figures {
    cycles: u64,
    acknowledged: u64,
    deploys: Met,
    migrations: Met,
    /// Kills between the copy made before a migration and its end.
    copies: u64,
    /// Temporary names between a kill and the next start, those of copies included; of these, files that were not whole.
    leftovers: u64,
    unfinished: u64,
    lost: u64,
    half: u64,
    damaged: u64,
    /// Answers before the kill that were not what they should be.
    refused: u64,
    slow_starts: u64,
    slowest_start_ms: u64,
    /// In words, the first of each.
    problems: Vec<String>,
}

/// Kills while a build was on its way, by what served afterwards.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Met {
    /// The build before it.
    old: u64,
    /// The new one.
    new: u64,
}

impl Met {
    fn add(&mut self, went_live: bool) {
        if went_live {
            self.new += 1;
        } else {
            self.old += 1;
        }
    }

    fn all(self) -> u64 {
        self.old + self.new
    }

    fn has_both(self) -> bool {
        self.old > 0 && self.new > 0
    }
}

impl Figures {
    fn problem(&mut self, problem: String) {
        if self.problems.len() < 20 {
            self.problems
                .push(format!("cycle {}: {problem}", self.cycles));
        }
    }
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut figures: Figures = run.figures()?;
    let cycles = run.count(1000, 6);
    while figures.cycles < cycles {
        let until = cycles.min((figures.cycles / LIFE + 1) * LIFE);
        life(run, &mut figures, until)?;
    }
    ensure!(
        figures.deploys.all() > 0 && figures.migrations.all() > 0,
        "no deploy was hit"
    );
    Ok(rows(&figures, run.scale))
}

/// Cycles on one folder, up to this number in all.
fn life(run: &Run, figures: &mut Figures, until: u64) -> Result<()> {
    let mut host = Setup::durable()
        .log("warn")
        .plugin("todo", &todo())
        .plugin("rows", &deploys::rows_build(0))
        .plugin("steps", &chameleon(deploys::BASE))
        .start();
    deploys::warm(&host);
    let mut ledger = Ledger::default();
    while figures.cycles < until {
        host = cycle(host, figures, &mut ledger);
        figures.cycles += 1;
        run.keep(figures)?;
    }
    Ok(())
}

fn cycle(mut host: Host, figures: &mut Figures, ledger: &mut Ledger) -> Host {
    let mut dice = Dice::new(figures.cycles);
    let kind = Kind::of(figures.cycles);
    let writers = Writers::start(host.address());
    writers.wait_for(WRITES);
    let deploy = Deploy::start(&host, kind);
    std::thread::sleep(dice.up_to(kind.takes()));
    host.kill();
    let deployed = deploy.end(host.folder());
    let left = leftovers::found(host.folder());
    leftovers::make_old(host.folder(), &left);
    let unfinished = left.iter().filter(|path| leftovers::is_unfinished(path));
    figures.unfinished += unfinished.count() as u64;
    figures.leftovers += left.len() as u64;
    figures.copies += u64::from(deploys::copy_is_there(host.folder()));
    let written = writers.end();
    figures.acknowledged += written.acknowledged();
    figures.refused += written.refused.len() as u64;
    for refused in &written.refused {
        figures.problem(format!("{kind:?}: {refused}"));
    }
    ledger.add(written);
    if !kind.is_migration() {
        // For the next cycle: its schema is as at first. What was in it has been checked after each of the migrations.
        deploys::reset(host.folder());
        ledger.forget_steps();
    }

    let start = Instant::now();
    let host = host.revive();
    for id in ["todo", "rows", "steps"] {
        let target = match id {
            "todo" => "/api/todo/todos?limit=1".to_owned(),
            _ => format!("/api/{id}/version"),
        };
        let answer = host.get(&target);
        if answer.status != 200 {
            figures.damaged += 1;
            figures.problem(format!("{kind:?}: {target}: {}", answer.text()));
        }
    }
    let took = start.elapsed();
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    figures.slowest_start_ms = figures.slowest_start_ms.max(ms);
    if took > READY {
        figures.slow_starts += 1;
        figures.problem(format!("{kind:?}: ready after {ms} ms"));
    }

    let found = stored::check(&host, ledger);
    figures.lost += found.lost;
    figures.half += found.half;
    let seen = deployed.look(&host);
    match kind {
        Kind::None => {}
        Kind::Folder | Kind::Upload => figures.deploys.add(seen.went_live),
        Kind::Additive | Kind::Exclusive | Kind::Slow => figures.migrations.add(seen.went_live),
    }
    let mut left = Vec::new();
    wait_until(SETTLED, || {
        left = leftovers::found(host.folder());
        left.is_empty()
    });
    let left = left
        .iter()
        .map(|path| format!("{} is left", path.display()));
    let damages = found.damages.into_iter().chain(seen.contradictions);
    for damage in damages.chain(left) {
        figures.damaged += 1;
        figures.problem(format!("{kind:?}: {damage}"));
    }
    if found.lost + found.half > 0 {
        figures.problem(format!(
            "{kind:?}: lost {}, half {}",
            found.lost, found.half
        ));
    }
    host
}

fn rows(figures: &Figures, scale: Scale) -> Vec<Row> {
    let problems = if figures.problems.is_empty() {
        String::new()
    } else {
        format!(" ({})", figures.problems.join("; "))
    };
    let Figures {
        cycles,
        deploys,
        migrations,
        copies,
        leftovers,
        unfinished,
        ..
    } = figures;
    let what = format!(
        "kill -9 under writes, {cycles} cycles with {WRITES} acknowledged writes or more; {} within a deploy, of which {} \
         before the new build was live and {} after; {} within one with a migration, {} before and {} after, {copies} with \
         a copy to put back",
        deploys.all(),
        deploys.old,
        deploys.new,
        migrations.all(),
        migrations.old,
        migrations.new
    );
    // The few cycles of a test may all be on one side.
    let both_sides = deploys.has_both() && migrations.has_both() && *copies > 0;
    let faults = figures.lost + figures.half + figures.damaged + figures.refused;
    vec![
        Row::new(
            what,
            "0 acknowledged writes lost, no half transaction, integrity_check ok, 0 requests refused before the kill, no \
             temporary file left by the next start; kills before and after each kind of build is live",
            format!(
                "{} acknowledged, {} lost, {} half, {} damaged, contradicting or left, {} refused; {leftovers} temporary \
                 names after kills, {unfinished} of them files that were just written{problems}",
                figures.acknowledged, figures.lost, figures.half, figures.damaged, figures.refused
            ),
            faults == 0 && (both_sides || scale == Scale::Small),
        ),
        Row::new(
            "from the start of the new process to an answer of each of three plugins",
            "< 1 s each time",
            format!(
                "{} of {} took longer, the slowest {} ms",
                figures.slow_starts, figures.cycles, figures.slowest_start_ms
            ),
            figures.slow_starts == 0,
        ),
    ]
}
