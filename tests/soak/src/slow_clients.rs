//! Thousands of connections that send or read slowly, or do nothing: others hardly see them, and each is closed within
//! its bound.

mod client;

use crate::{
    Row, Run, Scale,
    load::{Load, Seen, Work, median},
    machine::{Cores, rate_for},
    process::{Process, peers, raise_descriptor_limit, wait_until},
};
use anyhow::Result;
use client::{Kind, Slow, kinds};
use greenroom_tests::{Host, Setup, chameleon, todo};
use serde_json::json;
use std::time::{Duration, Instant};

/// On top of a bound: the 2 s in which a peer may read the last answer, and what a machine needs to end 2,000 at once.
const SLACK: Duration = Duration::from_secs(10);
/// The longest bound that a test waits for.
const SHORT: Duration = Duration::from_secs(5);
/// Places for answers that stream.
const STREAMS: u64 = 32;
/// Clients that behave, and what of the cores' time they and the host take.
const OTHERS: u32 = 16;
const LOAD: f64 = 0.5;
const LOOKS: u32 = 5;

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    raise_descriptor_limit();
    // A test does not wait for the limits that are worth their name.
    let (chunk, stream) = match run.scale {
        Scale::Small => (2, 4),
        Scale::Fifth | Scale::Full => (10, 20),
    };
    let kinds = kinds(chunk, stream);
    let host = Setup::new()
        .plugin("chameleon", &chameleon(""))
        .plugin("todo", &todo())
        .config(&format!(
            "plugins: {{chameleon: {{limits: {{chunkTimeout: {chunk}s, streamTimeout: {stream}s, streams: {STREAMS}}}}}}}"
        ))
        .start();
    // The number is no work: it is the same at a fifth.
    let (connections, rounds, window) = match run.scale {
        Scale::Small => (65, 3, Duration::from_millis(300)),
        Scale::Fifth => (2000, 3, Duration::from_secs(8)),
        Scale::Full => (2000, 10, Duration::from_secs(8)),
    };
    let work = work(&host);
    let at = |rate| Load::for_a_while(host.address(), OTHERS, rate, &work, window);
    at(None);
    let rate = rate_for(LOAD, at(None).rate(), LOOKS, |rate| {
        let begun = Cores::now();
        at(Some(rate));
        Cores::busy_since(begun)
    });
    let load = || at(Some(rate));
    // The answers that nobody reads are made at once: from then on they cost nothing.
    let beside = || {
        let slow = Slow::open(host.address(), connections, &kinds);
        wait_until(Duration::from_secs(5), || {
            host.plugin("chameleon")["running"].as_u64() <= Some(STREAMS)
        });
        let seen = load();
        drop(slow);
        settle(&host);
        seen
    };
    // Once before it counts: what the host keeps for the next time is no growth.
    beside();
    let before = Process::of(&host);

    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(load());
        with.push(beside());
    }
    let ended = ended(&host, run.scale, connections, &kinds);
    settle(&host);
    wait_until(Duration::from_secs(30), || {
        Process::of(&host).threads <= before.threads
    });
    let after = Process::of(&host);

    let mut rows = vec![others(run.scale, connections, &without, &with, rate)];
    rows.extend(ended);
    rows.push(Row::new(
        format!(
            "the host after {} x {connections} slow connections",
            rounds + 2
        ),
        "descriptors and threads of before, less than 64 MiB more",
        format!("before {before}, after {after}"),
        after.is_again(&before) && after.kib < before.kib + (64 << 10),
    ));
    Ok(rows)
}

/// Reads by id and lists, of todos that it makes.
fn work(host: &Host) -> Vec<Work> {
    let mut work = vec![Work::get("/api/todo/todos?limit=10")];
    for n in 0..20 {
        let made = host.post("/api/todo/todos", &json!({ "title": format!("todo {n}") }));
        let path = made.header("location").expect("where it is");
        work.push(Work::get(&path));
    }
    work
}

fn others(scale: Scale, connections: usize, without: &[Seen], with: &[Seen], rate: f64) -> Row {
    // The median of the windows: a stall of the machine is no slow client.
    let p99 = |windows: &[Seen]| median(&windows.iter().map(Seen::p99).collect::<Vec<_>>());
    let all = || with.iter().chain(without);
    let (answered, failed) = all().fold((0, 0), |sum, seen| {
        (sum.0 + seen.answered, sum.1 + seen.failed)
    });
    let ratio = p99(with) / p99(without);
    // The windows of a test are too short for a figure.
    let quick = ratio < 2.0 || scale == Scale::Small;
    let first = all().flat_map(|seen| &seen.failures).next();
    Row::new(
        format!(
            "clients at {rate:.0} requests/s, for which half of the cores is in use, beside {connections} slow connections"
        ),
        "p99 less than twice as long as without them, every answer good",
        format!(
            "p99 {:.2} ms with, {:.2} without: {ratio:.2}; {answered} answered, {failed} not{}",
            p99(with),
            p99(without),
            first.map_or(String::new(), |first| format!(": {first}"))
        ),
        quick && failed == 0 && answered > 0,
    )
}

/// One row for each kind: when the host ended the connections.
fn ended(host: &Host, scale: Scale, connections: usize, kinds: &[Kind]) -> Vec<Row> {
    let slow = Slow::open(host.address(), connections, kinds);
    let watched = |kind: usize| scale != Scale::Small || kinds[kind].bound <= SHORT;
    let mut open: Vec<_> = slow.opened.iter().filter(|one| watched(one.kind)).collect();
    let mut longest: Vec<(usize, Duration)> = vec![Default::default(); kinds.len()];
    while !open.is_empty() {
        let now = Instant::now();
        let peers = peers(host);
        open.retain(|one| {
            let age = now.saturating_duration_since(one.since);
            let (count, most) = &mut longest[one.kind];
            let there = peers.contains(&one.port);
            // One that is never ended counts with the age at which it is given up.
            let given_up = age > kinds[one.kind].bound + 2 * SLACK;
            if !there || given_up {
                *count += 1;
                *most = age.max(*most);
            }
            there && !given_up
        });
        std::thread::sleep(Duration::from_millis(100));
    }
    let rows = kinds
        .iter()
        .zip(longest)
        .filter(|(_, (count, _))| *count > 0);
    rows.map(|(kind, (count, most))| {
        Row::new(
            format!("{count} connections that {}", kind.name),
            format!(
                "the host ends each after {:?}, {SLACK:?} later at most",
                kind.bound
            ),
            format!("the last after {:.1} s", most.as_secs_f64()),
            most <= kind.bound + SLACK,
        )
    })
    .collect()
}

/// Waits until no request runs and no client is left.
fn settle(host: &Host) {
    let gone = wait_until(Duration::from_secs(30), || {
        peers(host).is_empty() && host.plugin("chameleon")["running"] == 0
    });
    assert!(gone, "{} clients are left", peers(host).len());
}
