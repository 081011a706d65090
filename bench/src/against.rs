//! The host beside an earlier one of its own: whether something became dearer.
//!
//! Each pair is of two fresh processes, since two of the same program differ by more than they do from one moment to the
//! next: where their code and memory lie is decided at their start.

use crate::{
    interrupt,
    meter::Meter,
    places::{self, Built},
    seed::Seed,
    server::Server,
    stats, subject,
    work::Work,
    wrk::{self, Load},
};
use anyhow::{Context, Result, ensure};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

const WORKS: [Work; 4] = [Work::Hello, Work::Get, Work::List, Work::Post];
const PAIRS: u32 = 20;
const CONNECTIONS: u32 = 64;
/// Seconds of each load before what counts, and of what counts.
const WARM_UP: u32 = 1;
const SECONDS: u32 = 2;

/// Both have the same rows and the same load. `checkout`: another of this repository, where both are built ([`Built`]).
/// About 8 minutes; the table goes to `target/bench/against.md`.
pub(crate) fn run(checkout: &Path) -> Result<()> {
    let folder = places::empty_folder("against")?;
    let rows = Seed::Small.write(&folder)?;
    let site = |name: &str, built: &Built| {
        let own = folder.join(name);
        fs::create_dir(&own)?;
        subject::host(&own, &rows, built)
    };
    let hosts = [
        site("before", &Built::of(checkout))?,
        site("now", &Built::here())?,
    ];
    let scripts = WORKS.map(|work| {
        let script = folder.join(format!("{}.lua", work.key()));
        wrk::write_script(&script, &work.script()).map(|()| (work, script))
    });
    let scripts: Vec<_> = scripts.into_iter().collect::<Result<_>>()?;
    let mut costs = vec![Vec::new(); WORKS.len()];
    for pair in 0..PAIRS {
        let mut servers = [hosts[0].start()?, hosts[1].start()?];
        for ((work, script), costs) in scripts.iter().zip(&mut costs) {
            // Neither is always the first.
            let order = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
            let mut cost = [0.0; 2];
            for which in order {
                interrupt::check()?;
                cost[which] = measured(&mut servers[which], script)
                    .with_context(|| work.title().to_owned())?;
            }
            let [before, now] = cost;
            eprintln!(
                "{}/{PAIRS}: {:<14} {before:>7.2} us CPU before, {now:>7.2} now, {:.3}",
                pair + 1,
                work.title(),
                now / before
            );
            costs.push(cost);
        }
        for server in servers {
            server.stop()?;
        }
    }
    let table = table(&costs);
    let path = places::scratch().join("against.md");
    fs::write(&path, &table).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("\n{table}\nthe table is in {}", path.display());
    Ok(())
}

/// Microseconds of CPU time for each request.
fn measured(server: &mut Server, script: &PathBuf) -> Result<f64> {
    let load = |seconds| Load {
        address: server.address(),
        script,
        connections: CONNECTIONS,
        seconds,
    };
    load(WARM_UP).run()?;
    let meter = Meter::start(server.pid())?;
    let outcome = load(SECONDS).run()?;
    let usage = meter.stop()?;
    server.check_alive()?;
    ensure!(outcome.errors.total() == 0, "errors: {:?}", outcome.errors);
    ensure!(outcome.requests > 0, "no answer");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let each = usage.cpu.as_micros() as f64 / outcome.requests as f64;
    Ok(each)
}

/// For a reader, in Markdown. `costs`: of each work, each pair's before and now.
fn table(costs: &[Vec<[f64; 2]>]) -> String {
    let mut table = format!(
        "CPU of the host for each request, {CONNECTIONS} connections, {PAIRS} pairs of fresh processes: medians, and the \
         median of each pair's ratio, with the interval that has it by 95 %.\n\n\
         | load | before, µs | now, µs | ratio | interval |\n|---|---|---|---|---|\n"
    );
    for (work, pairs) in WORKS.iter().zip(costs) {
        let ratios: Vec<_> = pairs.iter().map(|[before, now]| now / before).collect();
        let median = |which: usize| {
            let figures: Vec<_> = pairs.iter().map(|pair| pair[which]).collect();
            stats::median(&figures).unwrap_or(f64::NAN)
        };
        let interval = match stats::interval_of_median(&ratios) {
            Some((low, high)) => format!("{low:.3} to {high:.3}"),
            None => "too few pairs".to_owned(),
        };
        let ratio = stats::median(&ratios).unwrap_or(f64::NAN);
        _ = writeln!(
            table,
            "| {} | {:.1} | {:.1} | {ratio:.3} | {interval} |",
            work.title(),
            median(0),
            median(1)
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_medians_and_their_ratio() {
        let pairs: Vec<_> = (0..9).map(|n| [10.0, 10.0 + f64::from(n)]).collect();
        let table = table(&[pairs, vec![[20.0, 19.0]]]);
        let rows: Vec<_> = table.lines().skip(4).collect();
        assert_eq!(rows.len(), 2, "{table}");
        assert_eq!(rows[0], "| Hello | 10.0 | 14.0 | 1.400 | 1.100 to 1.700 |");
        assert_eq!(
            rows[1],
            "| GET by id | 20.0 | 19.0 | 0.950 | too few pairs |"
        );
    }
}
