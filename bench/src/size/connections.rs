//! Many connections: 1,200 that work at once, and 10,000 that do nothing.

use super::{
    Run,
    client::{ask, connect},
    ground,
    lanes::{Lane, Plan, compare},
    part::{Part, Row, figure},
    resident::{Resident, megabytes},
    scripts,
};
use crate::{interrupt, server::Server, work::Work};
use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::time::Duration;

const WORKING: u32 = 1200;
/// Megabytes with all idle connections open.
const IDLE: f64 = 150.0;
/// Descriptors that the driver and the host need besides.
const SPARE: u64 = 300;

pub(super) fn run(run: &Run) -> Result<Part> {
    let site = ground::todo(run, "connections", "")?;
    let idle = idle(run, &site.start()?)?;

    let server = site.start()?;
    let mut rows = Vec::new();
    let mut figures = Vec::new();
    for work in [Work::Get, Work::List] {
        let script = scripts::write(site.folder(), work.key(), &work.script())?;
        let lane = Lane {
            name: work.title().into(),
            server: &server,
            script,
        };
        let plan = Plan {
            rounds: 1,
            seconds: run.pick(10, 2),
            connections: WORKING,
        };
        for load in compare(&[lane], plan)? {
            let measured = format!(
                "{} failed, {:.0} requests/s, p99 {} ms",
                load.errors(),
                load.rate(),
                figure(load.p99())
            );
            let what = format!("1,200 connections at once, {}", work.title());
            rows.push(Row::judged(
                &what,
                "0 failed",
                &measured,
                load.errors() == 0,
            ));
            figures.push(load);
        }
    }
    server.stop()?;

    let each =
        megabytes(idle.after.total.saturating_sub(idle.before.total)) * 1e3 / idle.open as f64;
    let what = format!(
        "resident memory with {} idle kept-alive connections",
        idle.open
    );
    rows.push(Row::below(&what, IDLE, idle.after.megabytes(), "MB"));
    Ok(Part {
        rows,
        notes: vec![format!(
            "Each idle connection has had one answer and takes {} kB of the host; all {} were open at once and none was \
             closed by the host.",
            figure(each),
            idle.open
        )],
        raw: json!({
            "working": figures,
            "idle": { "connections": idle.open, "before": idle.before, "after": idle.after },
        }),
    })
}

struct Idle {
    open: usize,
    before: Resident,
    after: Resident,
}

/// One request on each of many connections, which are kept open.
fn idle(run: &Run, server: &Server) -> Result<Idle> {
    let wanted: u64 = run.pick(10_000, 2000);
    let most = descriptors(wanted + SPARE)?;
    ensure!(
        most >= wanted + SPARE,
        "only {most} descriptors are allowed, {} are needed: raise the hard limit (ulimit -Hn)",
        wanted + SPARE
    );
    let target = scripts::items("todo", 0..1).concat();
    let before = Resident::of(server.pid())?;
    let mut open = Vec::new();
    for _ in 0..wanted {
        interrupt::check()?;
        let mut connection = connect(server.address())?;
        ask(&mut connection, &target)?;
        open.push(connection);
    }
    interrupt::sleep(Duration::from_secs(run.pick(5, 1)))?;
    let after = Resident::of(server.pid())?;
    // A connection that the host had closed meanwhile gives no answer.
    for connection in &mut open {
        interrupt::check()?;
        ask(connection, &target)?;
    }
    Ok(Idle {
        open: open.len(),
        before,
        after,
    })
}

/// Raises this process' limit on descriptors as far as it is allowed to, at most to `wanted`; the limit then.
fn descriptors(wanted: u64) -> Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit")?;
    let most = soft.max(wanted.min(hard));
    setrlimit(Resource::RLIMIT_NOFILE, most, hard).context("setrlimit")?;
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_on_descriptors_is_never_lowered() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(descriptors(1).unwrap(), before.0);
    }
}
