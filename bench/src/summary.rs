//! The rounds of each server under each load, in one line.

use crate::{rounds::Run, stats::Spread, subject::Subject, work::Work, wrk::Errors};
use serde::Serialize;

/// One server under one load: what its rounds gave.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) work: Work,
    pub(crate) connections: u32,
    pub(crate) subject: Subject,
    pub(crate) requests_per_second: Spread,
    pub(crate) cpu_us: Spread,
    pub(crate) wrk_cpu_us: Spread,
    pub(crate) p50_us: Spread,
    pub(crate) p99_us: Spread,
    pub(crate) peak_bytes: Spread,
    /// CPUs that the server kept busy, of all the machine has.
    pub(crate) server_cpus: Spread,
    pub(crate) wrk_cpus: Spread,
    /// Of all rounds together.
    pub(crate) requests: u64,
    pub(crate) errors: Errors,
}

/// In the order in which they were measured, the servers in that of [`Subject::ALL`].
pub(crate) fn lines(runs: &[Run]) -> Vec<Line> {
    let mut loads: Vec<(Work, u32)> = Vec::new();
    for run in runs {
        if !loads.contains(&(run.work, run.connections)) {
            loads.push((run.work, run.connections));
        }
    }
    let each = |(work, connections)| {
        Subject::ALL
            .into_iter()
            .filter_map(move |subject| line(runs, work, connections, subject))
    };
    loads.into_iter().flat_map(each).collect()
}

/// `None` when this server was not measured.
fn line(runs: &[Run], work: Work, connections: u32, subject: Subject) -> Option<Line> {
    let its: Vec<_> = of(runs, work, connections, subject).collect();
    let spread = |figure: fn(&Run) -> f64| {
        let figures: Vec<_> = its.iter().map(|run| figure(run)).collect();
        Spread::of(&figures)
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let peak_bytes = spread(|run| run.peak_bytes as f64)?;
    let mut errors = Errors::default();
    for run in &its {
        errors.add(run.errors);
    }
    Some(Line {
        work,
        connections,
        subject,
        requests_per_second: spread(|run| run.requests_per_second)?,
        cpu_us: spread(|run| run.cpu_us)?,
        wrk_cpu_us: spread(|run| run.wrk_cpu_us)?,
        p50_us: spread(|run| run.p50_us)?,
        p99_us: spread(|run| run.p99_us)?,
        peak_bytes,
        server_cpus: spread(|run| run.cpu_us * run.requests_per_second / 1e6)?,
        wrk_cpus: spread(|run| run.wrk_cpu_us * run.requests_per_second / 1e6)?,
        requests: its.iter().map(|run| run.requests).sum(),
        errors,
    })
}

/// The rounds of one server under one load.
pub(crate) fn of(
    runs: &[Run],
    work: Work,
    connections: u32,
    subject: Subject,
) -> impl Iterator<Item = &Run> {
    runs.iter()
        .filter(move |run| (run.work, run.connections, run.subject) == (work, connections, subject))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run whose figures are told by two numbers.
    pub(crate) fn run(subject: Subject, round: u32, rate: f64, cpu_us: f64) -> Run {
        Run {
            work: Work::Get,
            connections: 64,
            round,
            subject,
            requests: 1000,
            seconds: 3.0,
            requests_per_second: rate,
            cpu_us,
            wrk_cpu_us: 5.0,
            p50_us: 100.0,
            p99_us: cpu_us * 10.0,
            peak_bytes: 1 << 20,
            errors: Errors {
                status: 1,
                ..Errors::default()
            },
        }
    }

    #[test]
    fn rounds_become_one_line_a_server() {
        let runs = [
            run(Subject::Express, 0, 10.0, 200.0),
            run(Subject::Greenroom, 0, 100.0, 20.0),
            run(Subject::Greenroom, 1, 300.0, 22.0),
            run(Subject::Greenroom, 2, 200.0, 21.0),
        ];
        let lines = lines(&runs);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].subject, Subject::Greenroom);
        let rate = lines[0].requests_per_second;
        assert_eq!((rate.median, rate.min, rate.max), (200.0, 100.0, 300.0));
        assert_eq!((lines[0].requests, lines[0].errors.status), (3000, 3));
        assert_eq!(lines[1].wrk_cpus.median, 5e-5);
    }
}
