//! Whether memory stays as it is under a mixed load: 80 % get, 15 % list, 5 % post, which insert rows all the time.

use super::{
    Run,
    ground::{self, CONNECTIONS},
    part::{Part, Row, figure},
    resident::{Resident, megabytes},
    scripts,
};
use crate::{
    interrupt,
    stats::median,
    work::Work,
    wrk::{Load, Outcome},
};
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

/// The last minute's median against the first's.
const GROWTH: f64 = 1.10;
/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_secs(1);

struct Sample {
    seconds: f64,
    resident: Resident,
}

pub(super) fn run(run: &Run) -> Result<Part> {
    let seconds = run.pick(600, 10);
    let site = ground::todo(run, "steady", "")?;
    let script = scripts::write(site.folder(), "mix", &Work::Mix.script())?;
    let server = site.start()?;
    let load = Load {
        address: server.address(),
        script: &script,
        connections: CONNECTIONS,
        seconds,
    };
    // New rows fill SQLite's page caches up to their bound, which would be told as growth: that comes first.
    let filling = scripts::write(site.folder(), "post", &Work::Post.script())?;
    for (script, seconds) in [(&filling, run.pick(20, 2)), (&script, run.pick(5, 2))] {
        Load {
            script,
            seconds,
            ..load
        }
        .run()?;
    }
    let (outcome, samples) = sampled(&load, server.pid())?;
    server.stop()?;

    let edge = (f64::from(seconds) / 4.0).min(60.0);
    let [total, anonymous, files] = [
        grown(&samples, edge, |resident| resident.total)?,
        grown(&samples, edge, |resident| resident.anonymous)?,
        grown(&samples, edge, |resident| resident.files)?,
    ];
    let what = format!("resident memory under a mixed load of {}", span(seconds));
    let measured = format!(
        "{} MB in the first {edge:.0} s, {} MB in the last",
        figure(total.first),
        figure(total.last)
    );
    let errors = outcome.errors.total();
    Ok(Part {
        rows: vec![
            Row::judged(
                &what,
                "grows by less than 10 %",
                &measured,
                total.last < total.first * GROWTH,
            ),
            Row::judged(
                "failed requests meanwhile",
                "0",
                &errors.to_string(),
                errors == 0,
            ),
        ],
        notes: vec![format!(
            "The mixed load was {} requests, one in 20 a POST, so the database grew meanwhile; POSTs had filled SQLite's \
             page caches before. By least squares anonymous memory (heap, these caches, instances) changed by {:+.2} MB a \
             minute, mapped files (the program, compiled code, the index of the write-ahead log) by {:+.2}.",
            outcome.requests, anonymous.slope, files.slope
        )],
        raw: json!({
            "seconds": seconds,
            "requests": outcome.requests,
            "errors": outcome.errors,
            "totalMegabytesPerMinute": total.slope,
            "anonymousMegabytesPerMinute": anonymous.slope,
            "filesMegabytesPerMinute": files.slope,
            "samples": samples.iter().map(|s| json!([
                s.seconds, s.resident.total, s.resident.anonymous, s.resident.files
            ])).collect::<Vec<_>>(),
        }),
    })
}

/// Runs the load, and looks at the server's memory every second meanwhile.
fn sampled(load: &Load<'_>, pid: u32) -> Result<(Outcome, Vec<Sample>)> {
    let begin = Instant::now();
    let mut samples = Vec::new();
    thread::scope(|scope| {
        // It ends by itself: after its time, a grace, or a signal.
        let loading = scope.spawn(|| load.run());
        while !loading.is_finished() {
            samples.push(Sample {
                seconds: begin.elapsed().as_secs_f64(),
                resident: Resident::of(pid)?,
            });
            interrupt::sleep(SAMPLE)?;
        }
        let outcome = loading
            .join()
            .map_err(|_| anyhow!("the load's thread panicked"))??;
        Ok((outcome, samples))
    })
}

/// Megabytes, and megabytes a minute.
struct Grown {
    first: f64,
    last: f64,
    slope: f64,
}

/// Of one part of memory: the medians of the first and the last `edge` seconds, and the line through all between.
fn grown(samples: &[Sample], edge: f64, of: impl Fn(&Resident) -> u64) -> Result<Grown> {
    let points: Vec<_> = samples
        .iter()
        .map(|sample| (sample.seconds, megabytes(of(&sample.resident))))
        .collect();
    let end = points.last().context("no sample of memory")?.0;
    let middle = |keep: &dyn Fn(f64) -> bool| {
        let kept: Vec<_> = points
            .iter()
            .filter(|(at, _)| keep(*at))
            .map(|(_, y)| *y)
            .collect();
        median(&kept).context("no sample of memory")
    };
    Ok(Grown {
        first: middle(&|at| at <= edge)?,
        last: middle(&|at| at >= end - edge)?,
        slope: slope(&points) * 60.0,
    })
}

/// By least squares; 0 of fewer than two points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, (x, y)| {
        (sum.0 + x / count, sum.1 + y / count)
    });
    let (above, below) = points.iter().fold((0.0, 0.0), |sum, point| {
        let distance = point.0 - x;
        (
            sum.0 + distance * (point.1 - y),
            sum.1 + distance * distance,
        )
    });
    if below > 0.0 { above / below } else { 0.0 }
}

fn span(seconds: u32) -> String {
    match seconds % 60 {
        0 => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope() {
        let line: Vec<_> = (0..50)
            .map(f64::from)
            .map(|x| (x, 30.0 + 0.5 * x))
            .collect();
        assert!((slope(&line) - 0.5).abs() < 1e-9);
        assert!(slope(&[(1.0, 3.0)]).abs() < 1e-9);
        assert!(slope(&[]).abs() < 1e-9);
    }

    #[test]
    fn growth_is_told_by_its_ends() {
        let samples: Vec<_> = (0..=100_u32)
            .map(|second| {
                let total = 50_000_000 + u64::from(second) * 100_000;
                let resident = Resident {
                    total,
                    anonymous: total,
                    files: 0,
                };
                Sample {
                    seconds: f64::from(second),
                    resident,
                }
            })
            .collect();
        let grown = grown(&samples, 10.0, |resident| resident.total).unwrap();
        assert_eq!((grown.first, grown.last), (50.5, 59.5));
        assert!((grown.slope - 6.0).abs() < 1e-6, "{}", grown.slope);
    }

    #[test]
    fn whole_minutes_are_minutes() {
        assert_eq!((span(600), span(10)), ("10 min".into(), "10 s".into()));
    }
}
