//! A plugin half of whose requests are hostile, and its neighbour, which must not notice.
//!
//! For each kind of hostility, windows in which the plugin's requests are good alternate with windows in which every second
//! one is hostile, and must end as hostile ones do. The neighbour is loaded at a quarter of what the machine gives: the
//! clients run on it too, and take about as much as the host. Of each kind of window the median p99 counts: a stall of the
//! machine's disk is no hostility.

mod kind;

use crate::{
    Row, Run, Scale,
    load::{Load, Seen, Work, median},
    process::{Process, forget_peak},
};
use anyhow::Result;
use greenroom_tests::{Host, Setup, chameleon, get, todo};
use kind::{KINDS, Kind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    net::SocketAddr,
    slice,
    time::{Duration, Instant},
};

/// What the hostile plugin may: 16 at once, 64 MiB each, half a second.
const LIMITS: &str = "{timeout: 500ms, memory: 64MiB, concurrency: 16, queue: 16, queueTimeout: 500ms, \
                      sql: {timeout: 400ms}}";
const CONCURRENCY: u64 = 16;
const MEMORY_KIB: u64 = 64 << 10;
const TIMEOUT: Duration = Duration::from_millis(500);
/// Of the hostile plugin, requests a second, from so many clients; of each of its halves, half.
const HOSTILE_RATE: f64 = 40.0;
const HOSTILE_CLIENTS: u32 = 64;
/// A request past its time ends within so many milliseconds.
const LATE_MS: f64 = 20.0;
/// The same of each of the few that a test sends.
const COARSE_MS: f64 = 500.0;

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    kinds: usize,
    rows: Vec<Row>,
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut figures: Figures = run.figures()?;
    while figures.kinds < KINDS.len() {
        let rows = beside(run, KINDS[figures.kinds]);
        figures.rows.extend(rows);
        figures.kinds += 1;
        run.keep(&figures)?;
    }
    figures.rows.push(late(run));
    Ok(figures.rows)
}

fn start() -> (Host, Vec<Work>) {
    let host = Setup::durable()
        .log("off")
        .config(&format!(
            "backend: {{database: {{client: better-sqlite3, connection: {{directory: ./db}}}}}}\n\
             plugins: {{hostile: {{limits: {LIMITS}}}}}"
        ))
        .plugin("hostile", &chameleon("migrations=base;"))
        .plugin("todo", &todo())
        .start();
    let mut ids = Vec::new();
    for n in 0..20 {
        let made = host.post("/api/todo/todos", &json!({"title": format!("todo {n}")}));
        ids.push(made.json()["id"].as_str().expect("an id").to_owned());
    }
    let mut work: Vec<_> = ids
        .iter()
        .map(|id| Work::get(&format!("/api/todo/todos/{id}")))
        .collect();
    work.push(Work::get("/api/todo/todos?limit=20"));
    work.push(Work::post("/api/todo/todos", &json!({"title": "one more"})));
    (host, work)
}

fn beside(run: &Run, kind: Kind) -> Vec<Row> {
    let (host, work) = start();
    let address = host.address();
    kind.assert_alone(&host);
    let (rounds, window) = match run.scale {
        Scale::Small => (1, Duration::from_millis(700)),
        Scale::Fifth => (11, Duration::from_millis(1200)),
        Scale::Full => (51, Duration::from_millis(1500)),
    };
    let most = Load::for_a_while(address, 32, None, &work, window);
    let rate = most.rate() / 4.0;
    let mut good = Work::get("/api/hostile/version");
    good.status = 0;
    let bad = kind.work();
    let (mut quiet, mut hostile) = (Windows::default(), Windows::default());
    forget_peak(&host);
    let before = Process::of(&host);
    for _ in 0..rounds {
        for (second, all) in [(&good, &mut quiet), (&bad, &mut hostile)] {
            let loads = halves(address, [&good, second]);
            // By then as many of them run at the same time as there ever will.
            std::thread::sleep(TIMEOUT);
            let seen = Load::for_a_while(address, 32, Some(rate), &work, window);
            // At the same time: to stop takes as long as a client's pause.
            for load in &loads {
                load.halt();
            }
            let [_, second] = loads.map(Load::stop);
            all.neighbour.push(seen);
            all.second.push(second);
        }
    }
    let peak = Process::of(&host).peak_kib;
    let cap = before.kib + CONCURRENCY * MEMORY_KIB;
    let name = kind.name();
    let ratio = hostile.p99() / quiet.p99();
    let (ended, as_they_must) = kind.ended(&hostile.second());
    vec![
        Row::new(
            format!(
                "50 % of a plugin's {HOSTILE_RATE} requests/s {name}: requests of its neighbour, at {rate:.0}/s, a \
                 quarter of what the machine gives"
            ),
            "0 errors; 90 % of the hostile ones end as they must",
            format!(
                "{} of {} failed{}; {ended}",
                hostile.failed(),
                hostile.failed() + hostile.answered(),
                hostile.first_failure()
            ),
            hostile.failed() == 0 && hostile.answered() > 0 && as_they_must,
        ),
        Row::new(
            format!("the same, {name}: the neighbour's p99"),
            "< 2x",
            format!(
                "{ratio:.2}x ({:.2} ms against {:.2})",
                hostile.p99(),
                quiet.p99()
            ),
            // Of seconds no p99 is taken.
            ratio < 2.0 || run.scale == Scale::Small,
        ),
        Row::new(
            format!("the same, {name}: the host's memory"),
            "under the cap of 16 instances of 64 MiB + 20 %",
            format!("{} MiB of {}", peak >> 10, cap >> 10),
            peak * 10 < cap * 12,
        ),
    ]
}

/// The two halves of the plugin's requests, each from clients of its own. They take turns: one is due in the middle
/// between two of the other.
fn halves(address: SocketAddr, of: [&Work; 2]) -> [Load; 2] {
    let rate = HOSTILE_RATE / 2.0;
    of.map(|work| {
        let clients = HOSTILE_CLIENTS / 2;
        let load = Load::start(address, clients, Some(rate), slice::from_ref(work));
        std::thread::sleep(Duration::from_secs_f64(0.5 / rate));
        load
    })
}

/// What clients saw in windows of one kind.
#[derive(Default)]
struct Windows {
    neighbour: Vec<Seen>,
    /// Of the plugin's requests the half that is hostile, if any is.
    second: Vec<Seen>,
}

impl Windows {
    fn failed(&self) -> u64 {
        self.neighbour.iter().map(|seen| seen.failed).sum()
    }

    fn answered(&self) -> u64 {
        self.neighbour.iter().map(|seen| seen.answered).sum()
    }

    fn first_failure(&self) -> String {
        let mut all = self.neighbour.iter().flat_map(|seen| &seen.failures);
        all.next()
            .map_or(String::new(), |failure| format!(": {failure}"))
    }

    /// Milliseconds; the median of the windows.
    fn p99(&self) -> f64 {
        median(&self.neighbour.iter().map(Seen::p99).collect::<Vec<_>>())
    }

    fn second(&self) -> Seen {
        let (first, more) = self.second.split_first().expect("a window");
        more.iter().fold(first.clone(), |mut sum, window| {
            sum.add(window);
            sum
        })
    }
}

/// When requests past their time end, one at a time and with nothing else to do.
fn late(run: &Run) -> Row {
    let (host, _) = start();
    let endless = |path: &str| format!("/api/hostile/{path}");
    let mut all = Vec::new();
    let count = run.count(200, 2);
    for _ in 0..count {
        for path in ["spin", "hang"] {
            let begun = Instant::now();
            let answer = get(host.address(), &endless(path));
            let took = begun.elapsed();
            assert_eq!(answer.status, 504, "{}", answer.text());
            let late = took.saturating_sub(TIMEOUT);
            all.push(late.as_secs_f64() * 1000.0);
        }
    }
    all.sort_by(f64::total_cmp);
    let (worst, p99) = (all[all.len() - 1], all[(all.len() - 1) * 99 / 100]);
    let (wanted, reached) = if run.scale == Scale::Small {
        (format!("within {COARSE_MS} ms"), worst <= COARSE_MS)
    } else {
        (format!("within {LATE_MS} ms, 99 of 100"), p99 <= LATE_MS)
    };
    Row::new(
        format!(
            "{count} requests that spin and {count} that wait for ever, each by itself: answered past the deadline"
        ),
        wanted,
        format!("{p99:.1} ms, {worst:.1} ms at most"),
        reached,
    )
}
