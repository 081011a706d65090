//! Builds swapped under load: windows without swaps, with swaps of builds whose code is cached, and with builds that are
//! compiled meanwhile, in turn.

use super::{
    Run,
    builds::{Builds, Way},
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
    thread,
    time::{Duration, Instant},
};

/// The p99 of a window with swaps against one without.
const SLOWER: f64 = 2.0;
/// Between two swaps.
const GAP: Duration = Duration::from_millis(1000);
/// No swap begins this short before a window's end: all of it is to be under load.
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
            let before = swaps.done;
            let seconds = run.pick(5, 4);
            figures[at]
                .rounds
                .push(loaded(window, &mut swaps, &server, &script, seconds)?);
            counts[at] += swaps.done - before;
        }
    }
    server.stop()?;
    ensure!(
        counts[1] > 0 && counts[2] > 0,
        "no build was swapped under load: {counts:?}"
    );

    let [quiet, cached, compiled] = &figures;
    let failed: u64 = figures.iter().map(Figures::errors).sum();
    let requests = format!("{failed} failed in {} swaps", swaps.done);
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
             turn; against windows without. wrk, the host and the compiler share the machine's cores.",
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
    compiled: u32,
}

impl Swaps<'_> {
    /// The next swap, and its end.
    fn next(&mut self, window: Window, server: &Server) -> Result<()> {
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
    let outcome = thread::scope(|scope| {
        // It ends by itself: after its time, a grace, or a signal.
        let loading = scope.spawn(|| load.run());
        while window != Window::Quiet && Instant::now() < last {
            swaps.next(window, server)?;
            interrupt::sleep(GAP.min(last.saturating_duration_since(Instant::now())))?;
        }
        loading
            .join()
            .map_err(|_| anyhow!("the load's thread panicked"))?
    })?;
    Ok(round(&outcome, meter.stop()?.cpu.as_secs_f64()))
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
