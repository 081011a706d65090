//! What Greenroom set out to reach, and whether the measurement says so.

use crate::{rounds::Run, stats::Spread, subject::Subject, summary, work::Work};
use serde::Serialize;

/// A ratio of Greenroom and another server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// CPU time per request of the other one, by that of Greenroom: 1 is as cheap.
    Cpu,
    /// Requests per second of Greenroom, by those of the other one.
    Rate,
    /// 99th percentile of Greenroom, by that of the other one.
    P99,
}

/// One aim: the ratio, and where it shall lie.
struct Target {
    measure: Measure,
    work: Work,
    against: Subject,
    bound: f64,
}

const fn target(measure: Measure, work: Work, against: Subject, bound: f64) -> Target {
    Target {
        measure,
        work,
        against,
        bound,
    }
}

const TARGETS: [Target; 14] = {
    use Measure::{Cpu, P99, Rate};
    use Subject::{Express, NativeTuned, NativeUsual};
    use Work::{Get, Hello, List, Post};
    [
        target(Cpu, Hello, NativeTuned, 0.70),
        target(Cpu, Get, NativeTuned, 0.70),
        target(Cpu, List, NativeTuned, 0.80),
        target(Cpu, Post, NativeTuned, 0.65),
        target(P99, Hello, NativeTuned, 2.0),
        target(P99, Get, NativeTuned, 2.0),
        target(P99, List, NativeTuned, 2.0),
        target(P99, Post, NativeTuned, 2.0),
        target(Rate, Get, NativeUsual, 2.0),
        target(Rate, List, NativeUsual, 2.5),
        target(Rate, Post, NativeUsual, 8.0),
        target(Rate, Get, Express, 12.0),
        target(Rate, List, Express, 6.0),
        target(Rate, Post, Express, 8.0),
    ]
};

/// One aim, and what was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) measure: Measure,
    pub(crate) work: Work,
    pub(crate) against: Subject,
    pub(crate) connections: u32,
    pub(crate) target: f64,
    /// Of the ratios of the single rounds. The two servers of one ratio ran within seconds of each other.
    pub(crate) ratio: Spread,
    pub(crate) reached: bool,
}

impl Measure {
    fn of(self, ours: &Run, theirs: &Run) -> f64 {
        match self {
            Self::Cpu => theirs.cpu_us / ours.cpu_us,
            Self::Rate => ours.requests_per_second / theirs.requests_per_second,
            Self::P99 => ours.p99_us / theirs.p99_us,
        }
    }

    /// Whether more is better.
    pub(crate) fn at_least(self) -> bool {
        self != Self::P99
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU per request, theirs / Greenroom's",
            Self::Rate => "requests/s, Greenroom's / theirs",
            Self::P99 => "p99, Greenroom's / theirs",
        }
    }
}

/// The aims for which both servers were measured with this many connections.
pub(crate) fn verdicts(runs: &[Run], connections: u32) -> Vec<Verdict> {
    TARGETS
        .iter()
        .filter_map(|target| verdict(runs, target, connections))
        .collect()
}

fn verdict(runs: &[Run], target: &Target, connections: u32) -> Option<Verdict> {
    let &Target {
        measure,
        work,
        against,
        bound,
    } = target;
    let pairs: Vec<_> = summary::of(runs, work, connections, Subject::Greenroom)
        .filter_map(|ours| {
            let mut theirs = summary::of(runs, work, connections, against);
            let theirs = theirs.find(|run| run.round == ours.round)?;
            Some((ours, theirs))
        })
        .collect();
    let ratios: Vec<_> = (pairs.iter())
        .map(|(ours, theirs)| measure.of(ours, theirs))
        .collect();
    let ratio = Spread::of(&ratios)?;
    // A refusal is a fast answer, and a round without any answer has no figures.
    let failed = |(ours, theirs): &(&Run, &Run)| {
        ours.errors.total() > 0 || ours.requests == 0 || theirs.requests == 0
    };
    let close = if measure.at_least() {
        ratio.median >= bound
    } else {
        ratio.median <= bound
    };
    let reached = close && !pairs.iter().any(failed);
    Some(Verdict {
        measure,
        work,
        against,
        connections,
        target: bound,
        ratio,
        reached,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{summary::tests::run, wrk::Errors};
    use Subject::{Greenroom, NativeTuned, NativeUsual};

    #[test]
    fn ratios_are_of_the_same_round() {
        // The machine is half as fast in the second round; the ratios are not.
        let mut runs = [
            run(Greenroom, 0, 60_000.0, 20.0),
            run(NativeTuned, 0, 90_000.0, 15.0),
            run(NativeTuned, 1, 45_000.0, 30.0),
            run(Greenroom, 1, 30_000.0, 40.0),
        ];
        for run in &mut runs {
            run.errors = Errors::default();
        }
        let failed = runs.clone().map(|mut run| {
            run.errors.status = 1;
            run
        });
        let verdicts = verdicts(&runs, 64);
        let measures: Vec<_> = verdicts.iter().map(|v| v.measure).collect();
        assert_eq!(measures, [Measure::Cpu, Measure::P99]);
        let cpu = &verdicts[0];
        assert!(
            cpu.reached && cpu.ratio.min == 0.75 && cpu.ratio.max == 0.75,
            "{cpu:?}"
        );
        assert!(verdicts[1].reached, "{:?}", verdicts[1]);
        let failed = super::verdicts(&failed, 64);
        assert!(failed.iter().all(|v| !v.reached), "{failed:?}");
    }

    #[test]
    fn what_is_missed_is_said() {
        let runs = [run(Greenroom, 0, 19.0, 1.0), run(NativeUsual, 0, 10.0, 1.0)];
        let verdicts = verdicts(&runs, 64);
        assert_eq!(verdicts.len(), 1);
        assert!(!verdicts[0].reached, "{verdicts:?}");
    }

    #[test]
    fn who_was_not_measured_has_no_verdict() {
        assert!(verdicts(&[run(Greenroom, 0, 1.0, 1.0)], 64).is_empty());
    }
}
