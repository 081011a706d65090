//! That the disk can lose what it should not: else no test on it could fail.

use greenroom_power_cut::trial;

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
    for seed in 0..6 {
        let outcome = trial::cut(seed, false, false).unwrap();
        assert!(
            outcome.found.is_clean(),
            "{seed}: {:?}",
            outcome.found.problems
        );
    }
}

#[test]
fn faults_are_told_and_nothing_acknowledged_is_lost() {
    for seed in 0..6 {
        let outcome = trial::faults(seed).unwrap();
        assert!(
            outcome.found.is_clean(),
            "{seed}: {:?}",
            outcome.found.problems
        );
    }
}

/// Found by it: the folder's name was not synced, and the next start took the folder for one that lasts.
#[test]
fn a_folder_whose_sync_failed_is_made_again() {
    let outcome = trial::faults(100).unwrap();
    assert!(outcome.faults > 0);
    assert!(outcome.found.is_clean(), "{:?}", outcome.found.problems);
}
