//! Connections that open and close in every manner, four at a time, while a client that behaves is served.

mod manner;

use crate::{
    Row, Run,
    load::{Load, Work},
    process::{DESCRIPTORS, Process, peers, wait_until},
};
use anyhow::Result;
use greenroom_tests::{Host, Setup, chameleon, todo};
pub(crate) use manner::MANNERS;
use manner::Manner;
use std::{
    panic::catch_unwind,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const THREADS: usize = 4;
/// Of each manner, at least: where a single one leaks a descriptor each time, it is more than may come and go. The rest is
/// for readers of a database that are there before and end meanwhile.
const EACH: usize = DESCRIPTORS + 8;
/// A host has let go of every client after this; the longest that it owes one that is gone is the 2 s of its linger.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let host = Setup::new()
        .plugin("chameleon", &chameleon(""))
        .plugin("todo", &todo())
        .config("plugins: {chameleon: {limits: {chunkTimeout: 2s, streamTimeout: 10s}}}")
        .start();
    let least = u64::try_from(EACH * MANNERS.len())?;
    let connections = usize::try_from(run.count(10_000, least))?;
    let behave = || {
        let work = [Work::get("/api/todo/todos")];
        Load::start(host.address(), 1, Some(50.0), &work)
    };
    // Everything that the host opens once is open before it is looked at.
    let warm = behave();
    let mut failures = all(&host, MANNERS.len() * 2);
    warm.stop();
    settle(&host);
    let before = Process::of(&host);

    let witness = behave();
    failures.extend(all(&host, connections));
    let seen = witness.stop();
    settle(&host);
    // Its threads end one by one when they have nothing to do.
    let restored = wait_until(PATIENCE, || Process::of(&host).is_again(&before));
    let after = Process::of(&host);

    let what = format!(
        "{connections} connections opened and closed in {} manners, each at least {} times",
        MANNERS.len(),
        connections / MANNERS.len()
    );
    Ok(vec![
        Row::new(
            &what,
            "each ends as it should, and none hangs",
            match failures.first() {
                None => "all did".to_owned(),
                Some(first) => format!("{} did not; the first: {first}", failures.len()),
            },
            failures.is_empty(),
        ),
        Row::new(
            &what,
            "descriptors and threads of the host are those of before, its memory less than 64 MiB more",
            format!("before {before}, after {after}"),
            restored && connections / MANNERS.len() >= EACH && after.kib < before.kib + (64 << 10),
        ),
        Row::new(
            &what,
            "a client that behaves gets every answer",
            format!(
                "{} answered, {} not{}",
                seen.answered,
                seen.failed,
                seen.failures
                    .first()
                    .map_or(String::new(), |first| format!(": {first}"))
            ),
            seen.failed == 0 && seen.answered > 0,
        ),
    ])
}

/// So many connections, a manner each in turn; what went wrong.
fn all(host: &Host, connections: usize) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let address = host.address();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= connections {
                        return;
                    }
                    let Manner { name, act } = &MANNERS[number % MANNERS.len()];
                    // A wait without an end is a panic, and one finding among others.
                    let outcome = catch_unwind(|| act(address))
                        .unwrap_or_else(|_| Err("a wait that did not end".to_owned()));
                    if let Err(why) = outcome {
                        let mut failures = failures.lock().expect("the failures");
                        failures.push(format!("{name}: {why}"));
                    }
                }
            });
        }
    });
    failures.into_inner().expect("the failures")
}

/// Waits until no request runs and no client is left.
fn settle(host: &Host) {
    let gone = wait_until(PATIENCE, || {
        host.plugin("chameleon")["running"] == 0 && peers(host).is_empty()
    });
    assert!(gone, "{} clients are left", peers(host).len());
}
