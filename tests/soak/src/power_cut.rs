//! Disks that lose their power, and disks that answer errors, under the host's storage in this process.
//!
//! Every second cut finds only what was synced, the others a part of the rest as well: sectors and names in any order.

use crate::{Row, Run};
use anyhow::Result;
use greenroom_power_cut::trial::{self, Outcome};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    full: Tally,
    normal: Tally,
    faults: Tally,
}

#[derive(Default, Serialize, Deserialize)]
struct Tally {
    trials: u64,
    acknowledged: u64,
    lost: u64,
    /// Trials that lost some.
    losing: u64,
    half: u64,
    damaged: u64,
    /// Answers that were errors, and operations of the disk that were made to fail.
    failed: u64,
    faults: u64,
    /// The longest time by which a lost write had been acknowledged.
    lost_for: Duration,
    problems: Vec<String>,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        let found = outcome.found;
        let lost = found.lost.len() as u64;
        self.acknowledged += outcome.acknowledged;
        self.lost += lost;
        self.losing += u64::from(lost > 0);
        self.half += found.half;
        self.damaged += found.damaged;
        self.failed += outcome.failed;
        self.faults += outcome.faults;
        self.lost_for = self.lost_for.max(outcome.lost_for);
        for problem in found.problems {
            if self.problems.len() < 10 {
                self.problems
                    .push(format!("trial {}: {problem}", self.trials));
            }
        }
        self.trials += 1;
    }

    fn is_clean(&self) -> bool {
        self.trials > 0 && self.lost == 0 && self.half == 0 && self.damaged == 0
    }

    fn counted(&self) -> String {
        let Self {
            lost,
            acknowledged,
            half,
            damaged,
            ..
        } = self;
        format!("{lost} of {acknowledged} acknowledged writes lost, {half} half, {damaged} damaged")
    }

    fn told(&self) -> String {
        format!("{} {}", self.counted(), self.problems.join("; "))
    }
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut figures: Figures = run.figures()?;
    while figures.full.trials < run.count(500, 3) {
        let outcome = trial::cut(figures.full.trials, false, false)?;
        figures.full.add(outcome);
        run.keep(&figures)?;
    }
    while figures.normal.trials < run.count(100, 1) {
        let outcome = trial::cut(figures.normal.trials, true, false)?;
        figures.normal.add(outcome);
        run.keep(&figures)?;
    }
    while figures.faults.trials < run.count(200, 3) {
        let outcome = trial::faults(figures.faults.trials)?;
        figures.faults.add(outcome);
        run.keep(&figures)?;
    }
    Ok(rows(&figures))
}

fn rows(figures: &Figures) -> Vec<Row> {
    let Figures {
        full,
        normal,
        faults,
    } = figures;
    vec![
        Row::new(
            format!(
                "power cut at one of {} points while databases and key-value stores are written, migrated, copied and put \
                 back, synchronous=FULL",
                full.trials
            ),
            "0 acknowledged writes lost, 0 half, integrity_check ok",
            full.told(),
            full.is_clean() && full.acknowledged > 0,
        ),
        Row::new(
            format!(
                "the same at {} points with synchronous=NORMAL, which the host does not use",
                normal.trials
            ),
            "measured: no damage and nothing half",
            format!(
                "{}: the longest acknowledged for {} ms; {} of the cuts lost some",
                normal.counted(),
                normal.lost_for.as_millis(),
                normal.losing
            ),
            normal.half == 0 && normal.damaged == 0,
        ),
        Row::new(
            format!(
                "{} disks that answer errors: failed operations of every kind, full ones, some for a while, then a cut",
                faults.trials
            ),
            "each told to its caller, 0 acknowledged writes lost",
            format!(
                "{} operations failed, {} calls; {}",
                faults.faults,
                faults.failed,
                faults.told()
            ),
            faults.is_clean(),
        ),
    ]
}
