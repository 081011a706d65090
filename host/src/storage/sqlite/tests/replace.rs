//! Files that take the place of others, cut off at every step.

use crate::storage::replace::{Step, carry_out, finish, set_aside, staging};
use std::{fs, path::Path};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.sqlite", "old a"),
        ("a.sqlite-wal", "log of old a"),
        ("a.sqlite-shm", "shm"),
        ("a.sqlite.before-migration", "older a"),
        ("a.kv.sqlite", "old kv"),
        ("a.kv.sqlite-wal", "log of old kv"),
        ("a.wasm", "old wasm"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn steps(folder: &Path) -> Vec<Step> {
    let step = |name: &str, new: Option<&str>| {
        let place = folder.join(name);
        let staged = new.map(|text| {
            let staged = staging(&place).unwrap();
            fs::write(&staged, text).unwrap();
            staged
        });
        Step { place, staged }
    };
    vec![
        step("a.sqlite", Some("new a")),
        step("a.kv.sqlite", None),
        step("a.wasm", Some("new wasm")),
    ]
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn is_new(folder: &Path) {
    assert_eq!(names(folder), ["a.sqlite", "a.wasm"]);
    assert_eq!(
        fs::read_to_string(folder.join("a.sqlite")).unwrap(),
        "new a"
    );
    assert_eq!(
        fs::read_to_string(folder.join("a.wasm")).unwrap(),
        "new wasm"
    );
}

#[test]
fn nothing_of_the_old_files_is_left() {
    let folder = folder();
    let journal = folder.path().join("journal");
    carry_out(&journal, &steps(folder.path())).unwrap();
    is_new(folder.path());
    assert!(!finish(&journal).unwrap());
}

/// An empty copy is what is left of one that was discarded: what would be served is the database, with its log.
#[test]
fn beside_an_empty_copy_the_database_is_kept() {
    let folder = folder();
    let place = folder.path().join("a.sqlite");
    fs::write(folder.path().join("a.sqlite.before-migration"), "").unwrap();
    let aside = set_aside(&place, 0o600).unwrap().unwrap();
    assert_eq!(fs::read_to_string(&aside).unwrap(), "old a");
    let log = folder.path().join("a.sqlite.before-restore-wal");
    assert_eq!(fs::read_to_string(log).unwrap(), "log of old a");
}

/// The changes of a whole run in order, each of which a crash may be the last before.
#[test]
fn cut_off_anywhere_it_is_finished() {
    let changes: [(&str, Option<&str>); 7] = [
        ("a.sqlite.before-migration", None),
        ("a.sqlite-wal", None),
        ("a.sqlite-shm", None),
        ("a.sqlite.restoring", Some("a.sqlite")),
        ("a.kv.sqlite-wal", None),
        ("a.kv.sqlite", None),
        ("a.wasm.restoring", Some("a.wasm")),
    ];
    for cut in 0..=changes.len() {
        let folder = folder();
        let steps = steps(folder.path());
        let journal = folder.path().join("journal");
        fs::write(&journal, serde_json::to_vec(&steps).unwrap()).unwrap();
        for (name, to) in &changes[..cut] {
            let path = folder.path().join(name);
            match to {
                Some(to) => fs::rename(path, folder.path().join(to)).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
        assert!(finish(&journal).unwrap(), "cut at {cut}");
        is_new(folder.path());
    }
}

#[test]
fn a_journal_that_cannot_be_read_is_an_error_and_changes_nothing() {
    let folder = folder();
    let journal = folder.path().join("journal");
    fs::write(&journal, "[{").unwrap();
    let before = names(folder.path());
    let error = finish(&journal).unwrap_err().to_string();
    assert!(error.contains("journal: cannot understand it"), "{error}");
    assert_eq!(names(folder.path()), before);
}

#[test]
fn what_is_kept_is_what_a_start_would_have_served() {
    let folder = folder();
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let aside = |name: &str| set_aside(&folder.path().join(name), 0o600).unwrap();
    // A migration was cut off: the copy made before it counts, without the log of the other.
    assert!(aside("a.sqlite").is_some());
    assert_eq!(text("a.sqlite.before-restore"), "older a");
    assert!(!folder.path().join("a.sqlite.before-restore-wal").exists());
    assert!(aside("a.kv.sqlite").is_some());
    assert_eq!(text("a.kv.sqlite.before-restore"), "old kv");
    assert_eq!(text("a.kv.sqlite.before-restore-wal"), "log of old kv");
    // Nothing that is kept is replaced.
    assert!(
        aside("a.kv.sqlite")
            .unwrap()
            .ends_with("a.kv.sqlite.before-restore.2")
    );
    assert!(aside("b.sqlite").is_none());
}
