//! Several loads compared: short rounds in turn, so that whatever else the machine does meets all of them alike.

use crate::{
    interrupt,
    meter::Meter,
    server::Server,
    stats::median,
    wrk::{Load, Outcome},
};
use anyhow::Result;
use serde::Serialize;
use std::path::PathBuf;

/// One of the loads: a script against a server.
pub(super) struct Lane<'a> {
    pub(super) name: String,
    pub(super) server: &'a Server,
    pub(super) script: PathBuf,
}

/// How long and how hard.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) rounds: u32,
    pub(super) seconds: u32,
    pub(super) connections: u32,
}

/// One round of one load.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Round {
    /// Requests a second.
    pub(super) rate: f64,
    /// CPU time of the server for each request, in microseconds.
    pub(super) cpu: f64,
    /// Latencies in milliseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Failed connections and answers of 400 and above.
    pub(super) errors: u64,
}

/// All rounds of one load.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) name: String,
    pub(super) rounds: Vec<Round>,
}

impl Figures {
    pub(super) fn rate(&self) -> f64 {
        self.middle(|round| round.rate)
    }

    pub(super) fn cpu(&self) -> f64 {
        self.middle(|round| round.cpu)
    }

    pub(super) fn p50(&self) -> f64 {
        self.middle(|round| round.p50)
    }

    pub(super) fn p99(&self) -> f64 {
        self.middle(|round| round.p99)
    }

    pub(super) fn errors(&self) -> u64 {
        self.rounds.iter().map(|round| round.errors).sum()
    }

    fn middle(&self, of: impl Fn(&Round) -> f64) -> f64 {
        let all: Vec<_> = self.rounds.iter().map(of).collect();
        median(&all).unwrap_or(f64::NAN)
    }
}

/// All lanes in turn, after a second each to warm up; every other round the other way round.
pub(super) fn compare(lanes: &[Lane<'_>], plan: Plan) -> Result<Vec<Figures>> {
    for lane in lanes {
        once(lane, Plan { seconds: 1, ..plan })?;
    }
    let mut figures: Vec<_> = lanes
        .iter()
        .map(|lane| Figures {
            name: lane.name.clone(),
            rounds: Vec::new(),
        })
        .collect();
    for round in 0..plan.rounds {
        let mut order: Vec<_> = (0..lanes.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            interrupt::check()?;
            figures[at].rounds.push(once(&lanes[at], plan)?);
        }
    }
    Ok(figures)
}

fn once(lane: &Lane<'_>, plan: Plan) -> Result<Round> {
    let meter = Meter::start(lane.server.pid())?;
    let load = Load {
        address: lane.server.address(),
        script: &lane.script,
        connections: plan.connections,
        seconds: plan.seconds,
    };
    let outcome = load.run()?;
    Ok(round(&outcome, meter.stop()?.cpu.as_secs_f64()))
}

/// `cpu`: of the server, in seconds.
pub(super) fn round(outcome: &Outcome, cpu: f64) -> Round {
    // Exact up to 2^52 requests.
    let requests = outcome.requests as f64;
    Round {
        rate: requests / outcome.time.as_secs_f64(),
        cpu: cpu * 1e6 / requests,
        p50: outcome.p50.as_secs_f64() * 1e3,
        p99: outcome.p99.as_secs_f64() * 1e3,
        errors: outcome.errors.total(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrk::Errors;
    use std::time::Duration;

    #[test]
    fn a_round_is_told_in_its_units() {
        let outcome = Outcome {
            requests: 20_000,
            time: Duration::from_secs(2),
            p50: Duration::from_micros(1500),
            p99: Duration::from_millis(9),
            errors: Errors {
                read: 1,
                status: 2,
                ..Errors::default()
            },
            cpu: Duration::ZERO,
        };
        let round = round(&outcome, 0.5);
        assert_eq!((round.rate, round.cpu), (10_000.0, 25.0));
        assert_eq!((round.p50, round.p99, round.errors), (1.5, 9.0, 3));
        let figures = Figures {
            name: "get".into(),
            rounds: vec![round; 3],
        };
        assert_eq!((figures.cpu(), figures.errors()), (25.0, 9));
    }
}
