//! Disks that lose their power, and disks that answer errors, under the host's storage in this process.
//!
//! Every second cut finds only what was synced, the others a part of the rest as well: sectors and names in any order.

use crate::{Row, Run, Scale};
use anyhow::Result;
use greenroom_power_cut::{
    restore,
    trial::{self, Outcome},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Figures {
    full: Tally,
    normal: Tally,
    faults: Tally,
    restores: Restores,
}

/// Restores that were cut.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Restores {
    trials: u64,
    old: u64,
    /// Of which the next start had to do what was left.
    finished: u64,
    /// That were told to be at their end before the cut.
    told: u64,
    wrong: u64,
    problems: Vec<String>,
}

impl Restores {
    fn add(&mut self, restored: restore::Restored) {
        self.old += u64::from(!restored.new);
        self.finished += u64::from(restored.finished);
        self.told += u64::from(restored.told);
        self.wrong += u64::from(!restored.problems.is_empty());
        for problem in restored.problems {
            if self.problems.len() < 10 {
                self.problems
                    .push(format!("trial {}: {problem}", self.trials));
            }
        }
        self.trials += 1;
    }

    fn row(&self) -> Row {
        let Self {
            trials,
            old,
            finished,
            told,
            wrong,
            problems,
        } = self;
        Row::new(
            format!(
                "power cut at one of {trials} points of a restore of two databases and a component"
            ),
            "after the next start all of it is there or nothing, all where it was told so, and what was replaced is kept",
            format!(
                "{wrong} are neither; {old} as before, {} put back, {finished} of them by the next start, {told} told before \
                 the cut {}",
                trials - old,
                problems.join("; ")
            ),
            *wrong == 0 && *old > 0 && *told > 0,
        )
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
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
    /// Trials in which operations failed, and no call did.
    silent: u64,
    /// Trials with a second plugin, on whose files nothing fails; its calls.
    witnessed: u64,
    witness_calls: u64,
    witness_failed: u64,
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
        self.silent += u64::from(outcome.faults > 0 && outcome.failed == 0);
        let witness = outcome.witness;
        self.witnessed += u64::from(witness.answered + witness.failed > 0);
        self.witness_calls += witness.answered;
        self.witness_failed += witness.failed;
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

    /// Of all trials together: an operation may fail without a call, as on the way of a checkpoint.
    fn told_their_callers(&self) -> bool {
        self.acknowledged > 0 && self.faults > 0 && self.failed > 0
    }

    fn spared_the_second(&self) -> bool {
        self.witness_calls > 0 && self.witness_failed == 0
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
    while figures.restores.trials < run.count(500, 20) {
        let restored = restore::trial(figures.restores.trials)?;
        figures.restores.add(restored);
        if figures.restores.trials.is_multiple_of(20) {
            run.keep(&figures)?;
        }
    }
    run.keep(&figures)?;
    Ok(rows(&figures, run.scale == Scale::Small))
}

fn rows(figures: &Figures, small: bool) -> Vec<Row> {
    let Figures {
        full,
        normal,
        faults,
        restores,
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
                "{} disks that answer errors: failed operations of every kind, full ones, some for a while, then a cut; on {} \
                 of them one plugin's files alone, beside a second plugin",
                faults.trials, faults.witnessed
            ),
            "calls fail as well, 0 acknowledged writes lost; of the second plugin no call fails",
            format!(
                "{} operations failed, and {} calls; on {} disks operations alone, which SQLite or the host does without or \
                 does again; {} calls of a second plugin, {} failed; {}",
                faults.faults,
                faults.failed,
                faults.silent,
                faults.witness_calls,
                faults.witness_failed,
                faults.told()
            ),
            // Of the few disks of a test the operation that is to fail may never come.
            faults.is_clean()
                && faults.witness_failed == 0
                && (small || (faults.told_their_callers() && faults.spared_the_second())),
        ),
        restores.row(),
    ]
}
