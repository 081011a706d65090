//! That the disk can lose what it should not: else no test on it could fail.

use greenroom_power_cut::{restore, trial};

#[test]
fn a_disk_that_lies_about_its_syncs_loses_acknowledged_writes() {
    let (mut acknowledged, mut lost) = (0, 0);
    for seed in 0..4 {
        let outcome = trial::cut(seed, false, true).unwrap();
        acknowledged += outcome.acknowledged;
        lost += outcome.found.lost.len();
    }
    assert!(acknowledged > 0 && lost > 0, "{lost} of {acknowledged}");
}

#[test]
fn a_disk_that_keeps_what_was_synced_loses_none() {
    let mut acknowledged = 0;
    for seed in 0..6 {
        let outcome = trial::cut(seed, false, false).unwrap();
        acknowledged += outcome.acknowledged;
        assert!(
            outcome.found.is_clean(),
            "{seed}: {:?}",
            outcome.found.problems
        );
    }
    assert!(acknowledged > 0);
}

#[test]
fn faults_are_told_and_nothing_acknowledged_is_lost() {
    let (mut acknowledged, mut faults, mut failed, mut beside) = (0, 0, 0, 0);
    for seed in 0..6 {
        let outcome = trial::faults(seed).unwrap();
        acknowledged += outcome.acknowledged;
        faults += outcome.faults;
        failed += outcome.failed;
        beside += outcome.witness.answered;
        assert_eq!(
            outcome.witness.failed, 0,
            "{seed}: {:?}",
            outcome.found.problems
        );
        assert!(
            outcome.found.is_clean(),
            "{seed}: {:?}",
            outcome.found.problems
        );
    }
    assert!(
        acknowledged > 0 && faults > 0 && failed > 0 && beside > 0,
        "{acknowledged} acknowledged, {faults} operations and {failed} calls failed, {beside} calls of a second plugin"
    );
}

/// Found by it: the folder's name was not synced, and the next start took the folder for one that lasts.
#[test]
fn a_folder_whose_sync_failed_is_made_again() {
    let outcome = trial::faults(100).unwrap();
    assert!(outcome.faults > 0 && outcome.failed > 0);
    assert!(outcome.found.is_clean(), "{:?}", outcome.found.problems);
}

#[test]
fn a_restore_is_all_or_nothing() {
    let (mut old, mut told, mut finished) = (0, 0, 0);
    for seed in 0..150 {
        let restored = restore::trial(seed).unwrap();
        assert!(restored.problems.is_empty(), "{seed}: {restored:?}");
        old += u32::from(!restored.new);
        told += u32::from(restored.told);
        finished += u32::from(restored.finished && restored.new);
    }
    // On each side of the journal, and within its time.
    assert!(
        old > 10 && told > 10 && finished > 10,
        "{old} {told} {finished}"
    );
}
