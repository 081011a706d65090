//! One life of a disk, to its cut or through its faults, and what is left of it.

use crate::{
    Dice, Disk, Fault, Kind, Plan, Survives,
    check::{Found, check},
    ledger::{Ledger, Witnessed},
    life::{FILES, Habit, live},
};
use std::{io, sync::Arc, time::Duration};
use tempfile::TempDir;

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub found: Found,
    pub acknowledged: u64,
    /// Requests that were answered with an error, and sessions that did not begin; none may be before a cut. Not every
    /// operation that fails makes a request fail: SQLite does without a checkpoint, and does not look at the sync of a
    /// folder after that of a new log; the writer runs the jobs of a failed group again, each alone.
    pub failed: u64,
    /// Operations of the disk that failed by plan.
    pub faults: u64,
    /// Calls of a second plugin, where the faults are aimed at the first one's files.
    pub witness: Witnessed,
    /// Of what is lost: acknowledged so long before the cut, the longest.
    pub lost_for: Duration,
}

/// Changes after which a disk of [`cut`] has been cut, at the latest.
const LAST: u64 = 2500;
/// Of the runtime.
const THREADS: usize = 4;

/// Works until the power goes at some operation, and opens what is left.
pub fn cut(seed: u64, normal: bool, lies: bool) -> io::Result<Outcome> {
    let mut dice = Dice::new(seed);
    let plan = Plan {
        cut: Some(1 + dice.below(LAST)),
        normal,
        lies,
        ..Plan::default()
    };
    let survives = Survives::roll(&mut dice);
    let habit = Habit::UNTIL_CUT;
    trial(plan, habit, survives, &mut dice)
}

/// Works on a disk of which some operations fail, then cuts it, and opens what is left. Of odd seeds only operations on
/// files of one plugin fail, and a second one works beside it; the rest of the dice is the same.
pub fn faults(seed: u64) -> io::Result<Outcome> {
    let mut dice = Dice::new(seed);
    let kinds = [
        Kind::Write,
        Kind::Sync,
        Kind::Read,
        Kind::Truncate,
        Kind::Open,
        Kind::Create,
        Kind::Delete,
        Kind::Rename,
        Kind::FolderSync,
    ];
    let kind = kinds[usize::try_from(dice.below(kinds.len() as u64)).unwrap_or_default()];
    let rare = !matches!(kind, Kind::Write | Kind::Sync | Kind::Read);
    // No short reads: SQLite takes what a file does not have as zeros, and reads until its end.
    let aimed = !seed.is_multiple_of(2) && kind != Kind::FolderSync;
    let fault = Fault {
        kind,
        first: 1 + dice.below(if rare { 20 } else { 400 }),
        times: 1 + dice.below(6) * dice.below(6),
        full: kind == Kind::Write && dice.below(2) == 0,
        prefix: if aimed { FILES } else { "" },
        suffix: ["", "-wal", ".sqlite"][usize::try_from(dice.below(3)).unwrap_or_default()],
    };
    let plan = Plan {
        fault: Some(fault),
        ..Plan::default()
    };
    let habit = Habit {
        until_cut: false,
        sessions: 2,
        rounds: 60,
        upkeep: true,
        witness: aimed,
    };
    let survives = Survives::roll(&mut dice);
    trial(plan, habit, survives, &mut dice)
}

fn trial(plan: Plan, habit: Habit, survives: Survives, dice: &mut Dice) -> io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    let (before, after) = (TempDir::new()?, TempDir::new()?);
    let ledger = Arc::<Ledger>::default();
    let disk = Disk::mount(before.path(), plan)?;
    runtime.block_on(live(&disk, &ledger, habit, dice));
    disk.cut();
    let cut_at = disk.was_cut();
    disk.survivor(survives, dice, after.path())?;
    let (acknowledged, failed, faults) = (ledger.acknowledged(), ledger.failed(), disk.failed());
    let witness = ledger.witnessed();
    drop(disk);
    let mut found = runtime.block_on(check(after.path(), &ledger));
    for problem in ledger.take_problems() {
        found.damaged += 1;
        found.problems.push(problem);
    }
    let lost_for = found.lost.iter().filter_map(|when| {
        let cut_at = cut_at?;
        Some(cut_at.saturating_duration_since(*when))
    });
    let lost_for = lost_for.max().unwrap_or_default();
    runtime.shutdown_timeout(Duration::from_secs(10));
    Ok(Outcome {
        found,
        acknowledged,
        failed,
        faults,
        witness,
        lost_for,
    })
}
