//! Flame graphs of the host under load: where its CPU time goes.

use crate::{
    child, places,
    seed::Seed,
    server::Server,
    subject::{Stand, Subject},
    work::Work,
    wrk::{self, Load},
};
use anyhow::{Context, Result, bail, ensure};
use inferno::{
    collapse::{
        Collapse,
        perf::{Folder, Options},
    },
    flamegraph,
};
use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const WORKS: [Work; 4] = [Work::Hello, Work::Get, Work::List, Work::Post];
/// Seconds that are recorded. The load begins before and ends after.
const RECORDED: u32 = 5;
/// Not a divisor of the timers' rates, so that samples do not fall together with what they start.
const SAMPLES_PER_SECOND: u32 = 997;
/// For what perf does after recording: it reads the symbols of the host.
const PATIENCE: Duration = Duration::from_secs(240);

/// Leaves `target/bench/flame-<work>.svg` for each of the works.
pub(crate) fn run() -> Result<()> {
    if child::line_of("perf", &["--version"]).is_none() {
        bail!("`--profile` needs perf, which is missing (Debian: apt-get install linux-perf)");
    }
    let folder = places::empty_folder("profile")?;
    let rows = Seed::Small.write(&folder)?;
    let own = folder.join("greenroom");
    std::fs::create_dir(&own)?;
    let mut server = Stand::new(Subject::Greenroom, &own, &rows)?.start()?;
    for work in WORKS {
        let graph = places::scratch().join(format!("flame-{}.svg", work.key()));
        let recorded = record(work, &folder, &mut server)?;
        draw(work, &recorded, &graph)
            .with_context(|| format!("cannot draw {}", graph.display()))?;
        eprintln!("{}: {}", work.title(), graph.display());
    }
    server.stop()
}

/// A perf that records, ended when something else fails.
struct Perf(Child);

impl Drop for Perf {
    fn drop(&mut self) {
        child::end(&mut self.0);
    }
}

/// Loads the server and records it; the file that perf wrote.
fn record(work: Work, folder: &Path, server: &mut Server) -> Result<PathBuf> {
    let script = folder.join(format!("{}.lua", work.key()));
    wrk::write_script(&script, &work.script())?;
    let load = |seconds| Load {
        address: server.address(),
        script: &script,
        connections: 64,
        seconds,
    };
    load(1).run()?;
    let data = folder.join(format!("{}.perf", work.key()));
    let log = File::create(folder.join(format!("{}.perf.log", work.key())))?;
    let mut perf = Command::new("perf");
    // By the unwind tables: the host has no frame pointers. A plugin's compiled code has no such tables, so what it
    // calls in the host stands on its own, over `component-trampolines`.
    perf.args(["record", "--call-graph", "dwarf,16384"])
        .arg(format!("--freq={SAMPLES_PER_SECOND}"))
        .arg(format!("--pid={}", server.pid()))
        .arg("--output")
        .arg(&data)
        .args(["--", "sleep", &RECORDED.to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let mut perf = Perf(perf.spawn().context("cannot start perf")?);
    load(RECORDED + 2).run()?;
    let status = child::wait(&mut perf.0, "perf record", PATIENCE)?;
    server.check_alive()?;
    ensure!(
        status.success() && data.is_file(),
        "perf record ended with {status}; its log is in {}",
        folder.display()
    );
    Ok(data)
}

fn draw(work: Work, data: &Path, graph: &Path) -> Result<()> {
    let script = data.with_extension("script");
    let stacks = data.with_extension("stacks");
    let mut perf = Command::new("perf");
    perf.args(["script", "--force", "--no-inline", "--input"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(File::create(&script)?)
        .stderr(Stdio::null());
    let mut perf = Perf(perf.spawn().context("cannot start perf")?);
    let status = child::wait(&mut perf.0, "perf script", PATIENCE)?;
    ensure!(status.success(), "perf script ended with {status}");

    Folder::from(Options::default())
        .collapse_file(Some(&script), BufWriter::new(File::create(&stacks)?))
        .context("cannot fold the stacks")?;
    let mut options = flamegraph::Options::default();
    // In percent: narrower than a hair, and most of what is that narrow is a stack that could not be followed.
    options.min_width = 0.1;
    options.title = format!("Greenroom, CPU time: {}, 64 connections", work.title());
    flamegraph::from_files(
        &mut options,
        &[stacks],
        BufWriter::new(File::create(graph)?),
    )
    .context("cannot draw the stacks")
}
