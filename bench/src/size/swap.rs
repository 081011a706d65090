//! Builds swapped under load: windows without swaps, with swaps of builds whose code is cached, and with builds that are
//! compiled meanwhile, in turn.

use super::{
    Run,
    builds::{Builds, Way},
    client,
    ground::{self, CONNECTIONS},
    lanes::{Figures, Round, round},
    part::{Part, Row, figure},
    scripts,
};
use crate::{
    greenroom::Site, interrupt, meter::Meter, places, server::Server, work::Work, wrk::Load,
};
use anyhow::{Result, anyhow, ensure};
use serde_json::json;
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// The p99 of a window with swaps against one without.
const SLOWER: f64 = 2.0;
/// Between two swaps.
const GAP: Duration = Duration::from_millis(1000);
/// Clients that wait for each answer, beside wrk.
const WITNESSES: u32 = 4;
/// No swap begins this short before a window's end; one that the load does not outlast is not counted.
const TAIL: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Quiet,
    Cached,
    Compiled,
}

impl Window {
    const ALL: [Self; 3] = [Self::Quiet, Self::Cached, Self::Compiled];
}

pub(super) fn run(run: &Run) -> Result<Part> {
    let site = ground::todo(run, "swap", "")?.own_cache();
    let script = scripts::write(site.folder(), "get", &Work::Get.script())?;
    let server = site.start()?;
    let mut swaps = Swaps {
        builds: Builds::of(&places::todo())?,
        site: &site,
        done: 0,
        under_load: 0,
        compiled: 0,
    };
    // Two builds for the windows with cached code.
    for number in 1..=2 {
        swaps
            .builds
            .bring(number, Way::Folder, site.folder(), &server)?;
    }
    let mut figures = Window::ALL.map(|window| Figures {
        name: format!("{window:?}"),
        rounds: Vec::new(),
    });
    let mut counts = [0; 3];
    for _ in 0..run.pick(5, 1) {
        for (at, window) in Window::ALL.into_iter().enumerate() {
            let before = swaps.under_load;
            let seconds = run.pick(5, 4);
            figures[at]
                .rounds
                .push(loaded(window, &mut swaps, &server, &script, seconds)?);
            counts[at] += swaps.under_load - before;
        }
    }
    server.stop()?;
    ensure!(
        counts[1] > 0 && counts[2] > 0,
        "no build was swapped under load: {counts:?}"
    );

    let [quiet, cached, compiled] = &figures;
    let failed: u64 = figures.iter().map(Figures::errors).sum();
    let requests = format!("{failed} failed in {} swaps", swaps.under_load);
    Ok(Part {
        rows: vec![
            Row::judged(
                "requests while builds are swapped",
                "0 failed",
                &requests,
                failed == 0,
            ),
            slower("p99 of GET with swaps, code cached", quiet, cached),
            slower(
                "p99 of GET with swaps, builds compiled meanwhile",
                quiet,
                compiled,
            ),
        ],
        notes: vec![format!(
            "Swaps under load: windows of {} s of GET by id from 64 connections, with a pause of a second between two \
             swaps ({} of builds whose code is cached, {} of builds that are compiled), by files and by `greenroom deploy` in \
             turn; against windows without. Four clients beside wrk wait for each answer, at most 10 s, and would see a \
             request that gets none. wrk, the host and the compiler share the machine's cores.",
            run.pick(5, 4),
            counts[1],
            counts[2]
        )],
        raw: json!({ "windows": figures, "swaps": counts }),
    })
}

fn slower(what: &str, quiet: &Figures, swapped: &Figures) -> Row {
    let ratio = swapped.p99() / quiet.p99();
    let measured = format!(
        "{ratio:.2}x ({} ms against {}), {:.0} requests/s against {:.0}",
        figure(swapped.p99()),
        figure(quiet.p99()),
        swapped.rate(),
        quiet.rate()
    );
    Row::judged(what, "within 2x", &measured, ratio <= SLOWER)
}

/// What swaps the builds of one host.
struct Swaps<'a> {
    builds: Builds,
    site: &'a Site,
    done: u32,
    under_load: u32,
    compiled: u32,
}

impl Swaps<'_> {
    /// The next swap, and its end. It counts when the load outlasts it.
    fn next(&mut self, window: Window, server: &Server, loaded: impl Fn() -> bool) -> Result<()> {
        let way = if self.done.is_multiple_of(2) {
            Way::Folder
        } else {
            Way::Upload
        };
        let number = match window {
            Window::Compiled => {
                self.compiled += 1;
                1000 + self.compiled
            }
            // Builds 1 and 2 in turn.
            _ => 1 + self.done % 2,
        };
        self.builds.bring(number, way, self.site.folder(), server)?;
        self.done += 1;
        self.under_load += u32::from(loaded());
        Ok(())
    }
}

/// One window of load, with swaps until shortly before its end.
fn loaded(
    window: Window,
    swaps: &mut Swaps<'_>,
    server: &Server,
    script: &Path,
    seconds: u32,
) -> Result<Round> {
    let meter = Meter::start(server.pid())?;
    let load = Load {
        address: server.address(),
        script,
        connections: CONNECTIONS,
        seconds,
    };
    let last = Instant::now() + Duration::from_secs(seconds.into()) - TAIL;
    let target = scripts::items("todo", 0..1).concat();
    let stop = AtomicBool::new(false);
    let (outcome, unanswered) = thread::scope(|scope| {
        let witness = || scope.spawn(|| client::witness(server.address(), &target, &stop));
        let witnesses: Vec<_> = (0..WITNESSES).map(|_| witness()).collect();
        // It ends by itself: after its time, a grace, or a signal.
        let loading = scope.spawn(|| load.run());
        let mut swapping = || -> Result<()> {
            while window != Window::Quiet && Instant::now() < last {
                swaps.next(window, server, || !loading.is_finished())?;
                interrupt::sleep(GAP.min(last.saturating_duration_since(Instant::now())))?;
            }
            Ok(())
        };
        let swapped = swapping();
        let outcome = joined(loading);
        stop.store(true, Relaxed);
        let unanswered = witnesses.into_iter().map(joined).sum::<Result<u64>>()?;
        swapped?;
        Ok::<_, anyhow::Error>((outcome??, unanswered))
    })?;
    let mut round = round(&outcome, meter.stop()?.cpu.as_secs_f64());
    round.errors += unanswered;
    Ok(round)
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow!("a thread of the load panicked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_as_slow_is_the_most() {
        let figures = |p99| Figures {
            name: String::new(),
            rounds: vec![Round {
                rate: 1000.0,
                cpu: 20.0,
                p50: 1.0,
                p99,
                errors: 0,
            }],
        };
        let line = |p99| slower("p99", &figures(5.0), &figures(p99)).line();
        assert!(
            line(10.0).contains("(reached: within 2x)"),
            "{}",
            line(10.0)
        );
        assert!(line(10.1).contains("(MISSED"), "{}", line(10.1));
    }
}
