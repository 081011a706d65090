//! Builds of one plugin that come in a random order while clients read and write: good ones, broken ones, some that are
//! slow or trap on their way, some with migrations. Nobody may notice but by the version that answers.
//!
//! Windows with ten swaps alternate with windows without, at the same rate, at which half of what the cores have is in use:
//! half of the requests that a busy host answers take nearly all of it, as each then wakes a thread. A migration that
//! is not additive holds the plugin's requests on purpose, so that none fails: those are counted apart, and its code is
//! compiled before, so that no more than that is counted apart.

mod builds;
mod door;
mod look;
mod stored;
mod told;
mod witness;

use crate::{
    Row, Run, Scale,
    dice::Dice,
    load::{Holds, Load, Seen, Work},
    machine::{Cores, rate_for},
    process::wait_until,
};
use anyhow::{Result, ensure};
use builds::{Card, Model, Step, Wanted, card};
use door::{Door, Said, status};
use greenroom_tests::{Host, Setup, todo};
use look::Held;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use stored::Stored;
use witness::Witness;

/// In a window.
const SWAPS: u64 = 10;
/// Requests a second that write, so that the database is not all that is tested: a rebuild of it holds requests.
const WRITES: f64 = 40.0;
/// Of the cores' time, with the clients'.
const LOAD: f64 = 0.5;
const LOOKS: u32 = 10;
/// A probe, so that it can fail; little memory, so that it can be used up; instances that end when nobody asks.
const CONFIG: &str = "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
     plugins: {swapped: {probe: /ready, limits: {memory: 32MiB, instanceIdle: 1s}}, todo: {limits: {instanceIdle: 1s}}}";

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    swaps: u64,
    answered: u64,
    failed: u64,
    /// Outcomes, versions or rows that were not what they had to be.
    wrong: u64,
    witnessed: u64,
    acknowledged: u64,
    migrations: u64,
    /// Requests a second of the last host, and what they took of the cores in each window without swaps: 0 to 1.
    rate: f64,
    busy: Vec<f64>,
    /// By what came of them.
    outcomes: BTreeMap<String, u64>,
    /// The p99 of each window with swaps and without, and the longest answer of them, in milliseconds, but for those that
    /// a migration held.
    during: Vec<f64>,
    quiet: Vec<f64>,
    longest: f64,
    /// How many it held, and the longest of them in milliseconds.
    held: u64,
    longest_held: f64,
    /// Of each host, in KiB, at rest after each window.
    memory: Vec<Vec<u64>>,
    /// What was held at the end beyond what was before: the most of it.
    more_descriptors: u64,
    more_threads: u64,
    /// Builds whose code was mapped at the end.
    builds: u64,
    cached: u64,
    problems: Vec<String>,
}

impl Figures {
    fn problem(&mut self, problem: String) {
        self.wrong += 1;
        self.tell(problem);
    }

    fn tell(&mut self, problem: String) {
        if self.problems.len() < 20 {
            self.problems.push(problem);
        }
    }

    fn compare(&mut self, settled: &Held, end: &Held) {
        let (descriptors, threads) = end.beyond(settled);
        self.more_descriptors = self.more_descriptors.max(descriptors);
        self.more_threads = self.more_threads.max(threads);
        self.builds = self.builds.max(end.builds as u64);
    }

    fn saw(&mut self, seen: &Seen, during: bool) {
        self.answered += seen.answered;
        self.failed += seen.failed;
        for failure in &seen.failures {
            let when = if during { "" } else { "no " };
            self.tell(format!("{when}swaps: {failure}"));
        }
        let windows = if during {
            &mut self.during
        } else {
            &mut self.quiet
        };
        windows.push(seen.p99());
        self.longest = self.longest.max(seen.longest());
        self.held += seen.held.len();
        self.longest_held = self.longest_held.max(seen.longest_held());
    }
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut figures: Figures = run.figures()?;
    let wanted = run.count(1000, 13);
    if figures.swaps < wanted {
        life(run, &mut figures, wanted)?;
    }
    Ok(told::rows(&figures, run.scale))
}

/// One host, to the last swap, or until a signal comes.
fn life(run: &Run, figures: &mut Figures, wanted: u64) -> Result<()> {
    let small = run.scale == Scale::Small;
    let mark = if small { "small" } else { "soak" };
    let mut model = Model::new(mark);
    let setup = Setup::durable()
        .config(CONFIG)
        .log("off")
        .plugin("swapped", &model.live.component())
        .plugin("todo", &todo());
    // In a test good builds are compiled in the first run alone, in the soak every time.
    let setup = if small { setup } else { setup.own_cache() };
    let cache = setup.folder().join("cache/greenroom");
    if !small {
        look::fill_cache(&cache)?;
    }
    let host = setup.start();
    // Before the load is set: each of its commits makes the reads of others take more.
    let witness = Witness::start(host.address(), &model.live.version);
    let (loads, mut stored) = Loads::measured(&host, small);
    figures.rate = loads.rate;
    // Only after a load every pool and every database has been as busy as it gets.
    let load = loads.start(&host);
    std::thread::sleep(window(run.scale));
    load.stop(&mut stored);
    let settled = at_rest(&host)?;
    let mut kept = Ok(());
    figures.memory.push(Vec::new());
    while figures.swaps < wanted && kept.is_ok() {
        let load = loads.start(&host);
        let until = wanted.min(figures.swaps + if small { wanted } else { SWAPS });
        while figures.swaps < until {
            swap(&host, &mut model, &witness, &loads.holds, figures, small)?;
            figures.swaps += 1;
        }
        figures.saw(&load.stop(&mut stored), true);
        let load = loads.start(&host);
        let begun = Cores::now();
        std::thread::sleep(window(run.scale));
        figures.busy.push(Cores::busy_since(begun));
        figures.saw(&load.stop(&mut stored), false);
        for wrong in stored.clear(&host)? {
            figures.problem(wrong);
        }
        let held = at_rest(&host)?;
        if let Some(memory) = figures.memory.last_mut() {
            memory.push(held.process.kib);
        }
        kept = run.keep(figures);
    }
    let witnessed = witness.end();
    for wrong in &witnessed.wrong {
        figures.problem(wrong.clone());
    }
    figures.witnessed += witnessed.answers;
    figures.acknowledged += stored.all() + witnessed.rows;
    figures.migrations += model.applied.len() as u64;
    figures.compare(&settled, &quiet(&host, &settled)?);
    let folder = host.stop_and_keep();
    for wrong in look::databases(folder.path(), &model, &stored, witnessed.left())? {
        figures.problem(wrong);
    }
    if !small {
        let (code, digests) = look::cached(&cache)?;
        figures.cached = figures.cached.max(code.max(digests) as u64);
    }
    // What a signal interrupted is counted, its databases included.
    kept.and(run.keep(figures))
}

fn window(scale: Scale) -> Duration {
    match scale {
        Scale::Small => Duration::from_millis(700),
        Scale::Fifth => Duration::from_secs(4),
        Scale::Full => Duration::from_secs(8),
    }
}

/// Once the instances that the load needed have ended. The witness has one.
fn at_rest(host: &Host) -> Result<Held> {
    let few = || {
        let instances = |id| {
            let row = status(host, id).expect("the admin socket answers");
            row["instances"].as_u64().unwrap_or(u64::MAX)
        };
        instances("swapped") <= 2 && instances("todo") == 0
    };
    ensure!(
        wait_until(Duration::from_secs(60), few),
        "instances that idle for longer than a second stay: {}",
        status(host, "swapped")?
    );
    // Of an old build nothing but memory that is just given back.
    std::thread::sleep(Duration::from_secs(1));
    Held::by(host)
}

/// At the end: threads that do what blocks end once they were idle for ten seconds.
fn quiet(host: &Host, settled: &Held) -> Result<Held> {
    let few = || Held::by(host).is_ok_and(|held| told::no_more(settled, &held));
    wait_until(Duration::from_secs(30), few);
    Held::by(host)
}

/// One deploy or rollback, and what came of it.
fn swap(
    host: &Host,
    model: &mut Model,
    witness: &Witness,
    holds: &Holds,
    figures: &mut Figures,
    small: bool,
) -> Result<()> {
    let number = figures.swaps;
    let mut dice = Dice::new(!number);
    let card = card(number, small);
    let before = model.live.version.clone();
    let Step {
        component,
        wanted,
        asks,
    } = model.deal(card, &mut dice);
    let door = match dice.below(3) {
        0 if !asks => Door::Folder,
        1 => Door::Command,
        _ => Door::Socket,
    };
    if let Wanted::Done(_, version) = &wanted {
        witness.comes(version);
    }
    let held = matches!(card, Card::Exclusive | Card::ExclusiveFails);
    if let Some(component) = component.as_ref().filter(|_| held) {
        host.compile(component);
        holds.begin();
    }
    let said = match &component {
        Some(component) => door.deploy(host, "swapped", component),
        None => door.roll_back(host, "swapped"),
    };
    if held {
        holds.end();
    }
    let said = said?;
    witness.serves(&model.live.version);
    let (right, outcome) = match (&said, &wanted) {
        (Said::Done(how, version), Wanted::Done(as_wanted, live)) => {
            (how == as_wanted && version == live, how.clone())
        }
        (Said::Refused { stage, .. }, Wanted::Refused(as_wanted)) => {
            (stage == as_wanted, format!("refused ({stage})"))
        }
        _ => (false, "another".to_owned()),
    };
    *figures.outcomes.entry(outcome).or_default() += 1;
    if !right {
        figures.problem(format!(
            "swap {number}, {card:?} by {door:?} after {before}: {said}, and not {wanted:?}"
        ));
    }
    let live = host.get("/api/swapped/version");
    if live.status != 200 || live.text() != model.live.version {
        figures.problem(format!(
            "swap {number}, {card:?} by {door:?}: {} {} serves, and not {}",
            live.status,
            live.text(),
            model.live.version
        ));
    }
    ensure!(
        figures.wrong < 20,
        "too much is wrong: {}",
        figures.problems.join("; ")
    );
    Ok(())
}

/// What the clients send, and how much of it. Clients of one plugin wait for no answer of the other.
#[derive(Clone)]
struct Loads {
    reads: Vec<Work>,
    todo_reads: Vec<Work>,
    /// Of all.
    rate: f64,
    /// Times in which the swapped plugin may hold its requests.
    holds: Holds,
}

struct Running {
    reads: Load,
    todo_reads: Load,
    rows: Load,
    todos: Load,
}

impl Loads {
    /// For [`LOAD`].
    fn measured(host: &Host, small: bool) -> (Self, Stored) {
        let (mut stored, reads, todo_reads) = Stored::first(host);
        let time = Duration::from_millis(if small { 500 } else { 3000 });
        let all: Vec<_> = reads.iter().chain(&todo_reads).cloned().collect();
        let most = Load::for_a_while(host.address(), 32, None, &all, time);
        assert_eq!(most.failed, 0, "{:?}", most.failures);
        let mut loads = Self {
            reads,
            todo_reads,
            rate: 0.0,
            holds: Holds::default(),
        };
        let looks = if small { 3 } else { LOOKS };
        loads.rate = rate_for(LOAD, most.rate(), looks, |rate| {
            let load = Self {
                rate,
                ..loads.clone()
            }
            .start(host);
            let begun = Cores::now();
            std::thread::sleep(time);
            let busy = Cores::busy_since(begun);
            let seen = load.stop(&mut stored);
            assert_eq!(seen.failed, 0, "{:?}", seen.failures);
            busy
        });
        (loads, stored)
    }

    fn start(&self, host: &Host) -> Running {
        let address = host.address();
        let reads = (self.rate - WRITES * 1.5) / 3.0;
        let rows = [Work::post("/api/swapped/rows?child=1", &json!({}))];
        let todos = [Work::post("/api/todo/todos", &json!({"title": "one more"}))];
        let swapped = |connections, rate, work: &[Work]| {
            Load::start_beside(address, connections, Some(rate), work, &self.holds)
        };
        let todo =
            |connections, rate, work: &[Work]| Load::start(address, connections, Some(rate), work);
        Running {
            reads: swapped(22, reads * 2.0, &self.reads),
            todo_reads: todo(10, reads, &self.todo_reads),
            rows: swapped(8, WRITES, &rows),
            todos: todo(4, WRITES / 2.0, &todos),
        }
    }
}

impl Running {
    fn stop(self, stored: &mut Stored) -> Seen {
        let mut all = self.reads.stop();
        let rows = self.rows.stop();
        let todos = self.todos.stop();
        stored.families += rows.answered;
        stored.todos += todos.answered;
        for seen in [&self.todo_reads.stop(), &rows, &todos] {
            all.add(seen);
        }
        all
    }
}
