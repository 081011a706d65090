//! `greenroom backup` and `restore`.

mod kept;
mod refused;

use super::*;
use greenroom_tests::{binary, repository};
use sha2::{Digest, Sha256};
use std::{
    process::Command,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
};

/// `greenroom ARGS --json` in this folder, with the files that a host of the tests has.
fn greenroom(folder: &Path, args: &[&str]) -> Result<Value, String> {
    let output = Command::new(binary())
        .args(args)
        .args([
            "--json",
            "--config",
            "app-config.yaml",
            "--config",
            "fixed.yaml",
        ])
        .current_dir(folder)
        .env("XDG_CACHE_HOME", repository().join("target/test-cache"))
        .output()
        .expect("greenroom runs");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        let err = String::from_utf8_lossy(&output.stderr);
        panic!("{args:?}: {e}: {err}")
    });
    if output.status.success() {
        Ok(value)
    } else {
        Err(value["error"].as_str().expect("a reason").to_owned())
    }
}

/// Why a command is refused; it must be.
fn refused(folder: &Path, args: &[&str]) -> String {
    match greenroom(folder, args) {
        Ok(done) => panic!("{args:?} was done: {done}"),
        Err(why) => why,
    }
}

/// A host with data: a table with 1 and 2, and a key.
fn with_data() -> Host {
    let host = Setup::durable()
        .plugin("chameleon", &build("v1", "base"))
        .start();
    run(
        &host,
        "CREATE TABLE acked (n INTEGER PRIMARY KEY, pad TEXT)",
    );
    run(&host, "INSERT INTO acked VALUES (1, 'one'), (2, 'two')");
    set(&host, "k", "before");
    host
}

fn set(host: &Host, key: &str, value: &str) {
    let call = json!({"op": "set", "bucket": "b", "key": key, "value": value});
    assert!(kv(host, "chameleon", &call)["error"].is_null());
}

fn key(host: &Host, key: &str) -> Value {
    kv(
        host,
        "chameleon",
        &json!({"op": "get", "bucket": "b", "key": key}),
    )["ok"]
        .clone()
}

fn numbers(host: &Host) -> Value {
    rows(host, "SELECT n FROM acked ORDER BY n")
}

/// A new, empty setup beside; the backup is in `bak`.
fn elsewhere(backup: &Path) -> Setup {
    let setup = Setup::durable();
    copy_folder(backup, &setup.folder().join("bak"));
    setup
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Everything below `folder` but the lock: each file, and the SHA-256 of its content.
fn content(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut all, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .file_name()
                .is_some_and(|name| name != "greenroom.lock")
            {
                let bytes = std::fs::read(&path).unwrap_or_default();
                all.push((path, hex::encode(Sha256::digest(bytes))));
            }
        }
    }
    all.sort();
    all
}

/// What a write adds while a backup is taken.
const PAD: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";

#[test]
fn what_was_acknowledged_before_a_backup_began_is_in_it() {
    let host = with_data();
    let (acked, stop) = (AtomicI64::new(2), AtomicBool::new(false));
    let mut before = Vec::new();
    std::thread::scope(|scope| {
        for writer in 0..4_i64 {
            let (host, acked, stop) = (&host, &acked, &stop);
            scope.spawn(move || {
                let mut n = 1000 * (writer + 1);
                while !stop.load(Ordering::Relaxed) {
                    run(host, &format!("INSERT INTO acked VALUES ({n}, '{PAD}')"));
                    acked.fetch_add(1, Ordering::SeqCst);
                    n += 1;
                }
            });
        }
        for round in 0..5 {
            let some = acked.load(Ordering::SeqCst) + 10;
            host.wait_until("the writers write", |_| {
                acked.load(Ordering::SeqCst) >= some
            });
            before.push(acked.load(Ordering::SeqCst));
            let report = host.ask(&["backup", &format!("bak{round}")]);
            assert_eq!(report["plugins"]["chameleon"]["migrations"], json!([1]));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let after = acked.load(Ordering::SeqCst);
    let (folder, first) = (host.stop_and_keep(), before[0]);
    for (round, least) in before.into_iter().enumerate() {
        let backup = folder.path().join(format!("bak{round}"));
        let copy = rusqlite::Connection::open(backup.join("chameleon.sqlite")).unwrap();
        let held: i64 = copy
            .query_row("SELECT count(*) FROM acked", [], |row| row.get(0))
            .unwrap();
        assert!(
            held >= least && held <= after,
            "{held} of {least} to {after}"
        );
        // Without a gap: each writer's rows came one after the other.
        let gaps: i64 = copy
            .query_row(
                "SELECT count(*) FROM (SELECT n / 1000 w, max(n) - min(n) + 1 - count(*) gap FROM acked GROUP BY w) \
                 WHERE gap <> 0",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(gaps, 0);
        assert!(!backup.join("chameleon.sqlite-wal").exists());
    }
    // Into an empty setup: the plugin serves, with its data and its keys.
    let setup = elsewhere(&folder.path().join("bak0"));
    let restore = Command::new(binary())
        .args(["restore", "bak", "--config", "app-config.yaml"])
        .current_dir(prepared(&setup))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&restore.stdout);
    assert!(restore.status.success(), "{restore:?}");
    assert!(said.contains("chameleon: build "), "{said}");
    let host = setup.start();
    assert_eq!(version(&host), "v1");
    let held = rows(&host, "SELECT count(*) FROM acked");
    assert!(held[0][0].as_i64().unwrap() >= first, "{held}");
    assert_eq!(key(&host, "k"), "before");
    run(&host, "INSERT INTO acked VALUES (9, 'nine')");
}

/// The folder of a setup that has not started yet, with the configuration that it will have.
fn prepared(setup: &Setup) -> &Path {
    let folder = setup.folder();
    std::fs::write(
        folder.join("app-config.yaml"),
        format!("{DURABLE}\nplugins: {{directory: ./plugins}}\n"),
    )
    .unwrap();
    std::fs::write(
        folder.join("fixed.yaml"),
        "backend: {listen: '127.0.0.1:0'}\n",
    )
    .unwrap();
    folder
}

#[test]
fn a_restore_goes_back_and_keeps_what_was_there() {
    let host = with_data();
    let report = host.ask(&["backup", "bak"]);
    let files = &report["plugins"]["chameleon"]["files"];
    for name in ["chameleon.sqlite", "chameleon.kv.sqlite", "chameleon.wasm"] {
        assert!(files[name]["bytes"].as_u64() > Some(0), "{name}: {report}");
    }
    // What came after is in the log alone when the host is killed.
    run(&host, "INSERT INTO acked VALUES (3, 'three')");
    set(&host, "k", "after");
    host.deploy("chameleon", &build("v2", "base")).unwrap();
    let refused_running = refused(host.folder(), &["restore", "bak", "--replace"]);
    assert!(
        refused_running.contains(&format!("(pid {})", host.pid()))
            && refused_running.contains("stop it first"),
        "{refused_running}"
    );
    let host = host.crash_after(|path| {
        assert!(
            path.join("db/chameleon.sqlite-wal")
                .metadata()
                .unwrap()
                .len()
                > 0
        );
        let before = content(path);
        let why = refused(path, &["restore", "bak"]);
        assert!(why.contains("--replace"), "{why}");
        assert_eq!(content(path), before, "a refusal changes nothing");

        let report = greenroom(path, &["restore", "bak", "--replace"]).unwrap();
        assert_eq!(report["kept"].as_array().unwrap().len(), 3, "{report}");
        assert!(!path.join("db/chameleon.sqlite-wal").exists());
    });
    assert_eq!(version(&host), "v1");
    assert_eq!(numbers(&host), json!([[1], [2]]));
    assert_eq!(key(&host, "k"), "before");
    let folder = host.stop_and_keep();
    // The log came with what was kept.
    let kept = folder.path().join("db/chameleon.sqlite.before-restore");
    let kept = rusqlite::Connection::open(kept).unwrap();
    let count: i64 = kept
        .query_row("SELECT count(*) FROM acked", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 3);
    // And a second restore keeps both.
    greenroom(folder.path(), &["restore", "bak", "--replace"]).unwrap();
    assert!(
        folder
            .path()
            .join("db/chameleon.sqlite.before-restore.2")
            .exists()
    );
}

#[test]
fn a_backup_without_a_host_reads_the_files() {
    let host = with_data();
    let folder = host.crash_and_keep();
    let report = greenroom(folder.path(), &["backup", "bak", "--plugin", "chameleon"]).unwrap();
    assert_eq!(report["warnings"], json!([]), "{report}");
    let setup = elsewhere(&folder.path().join("bak"));
    greenroom(prepared(&setup), &["restore", "bak"]).unwrap();
    let host = setup.start();
    assert_eq!(numbers(&host), json!([[1], [2]]));
    assert_eq!(key(&host, "k"), "before");
}

/// As systemd's StateDirectory is one for a dynamic user.
#[test]
fn a_folder_behind_a_link_is_served_backed_up_and_restored() {
    let setup = Setup::durable().plugin("chameleon", &build("v1", "base"));
    std::fs::create_dir(setup.folder().join("real")).unwrap();
    std::os::unix::fs::symlink("real", setup.folder().join("db")).unwrap();
    let host = setup.start();
    run(&host, "CREATE TABLE acked (n INTEGER PRIMARY KEY)");
    run(&host, "INSERT INTO acked VALUES (1)");
    set(&host, "k", "v");
    host.ask(&["backup", "db/bak"]);
    let host = host.restart_after(|path| {
        assert!(path.join("real/chameleon.sqlite").exists());
        greenroom(path, &["restore", "db/bak", "--replace"]).unwrap();
    });
    assert_eq!(numbers(&host), json!([[1]]));
    assert_eq!(key(&host, "k"), "v");
}

#[test]
fn databases_in_memory_are_backed_up_by_their_host_and_restored_to_a_folder() {
    let host = plain();
    run(&host, "CREATE TABLE acked (n INTEGER PRIMARY KEY)");
    run(&host, "INSERT INTO acked VALUES (1)");
    host.ask(&["backup", "bak"]);
    let folder = host.stop_and_keep();
    for args in [&["backup", "two"][..], &["restore", "bak"]] {
        let why = refused(folder.path(), args);
        assert!(
            why.contains("':memory:'") && why.contains("connection.directory"),
            "{why}"
        );
    }
    let setup = elsewhere(&folder.path().join("bak"));
    greenroom(prepared(&setup), &["restore", "bak"]).unwrap();
    let host = setup.start();
    assert_eq!(numbers(&host), json!([[1]]));
}

#[test]
fn one_plugin_is_backed_up_and_restored_by_itself() {
    let host = Setup::durable()
        .plugin("chameleon", &build("v1", "base"))
        .plugin("other", &build("v1", "base"))
        .start();
    host.ask(&["backup", "both"]);
    host.ask(&["backup", "one", "--plugin", "other"]);
    let names = |folder: &str| {
        let entries = std::fs::read_dir(host.folder().join(folder)).unwrap();
        let mut names: Vec<_> = entries
            .flatten()
            .map(|e| e.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names("one"),
        ["manifest.json", "other.sqlite", "other.wasm"]
    );
    assert_eq!(names("both").len(), 5);
    let why = refused(host.folder(), &["backup", "x", "--plugin", "nobody"]);
    assert_eq!(
        why,
        "there is no plugin nobody; there are: chameleon, other"
    );
    assert!(!host.folder().join("x").exists());
    let folder = host.stop_and_keep();
    let why = refused(folder.path(), &["restore", "one", "--plugin", "chameleon"]);
    assert!(
        why.contains("there is no plugin chameleon; there are: other"),
        "{why}"
    );
    let setup = elsewhere(&folder.path().join("both"));
    greenroom(prepared(&setup), &["restore", "bak", "--plugin", "other"]).unwrap();
    assert!(!setup.folder().join("db/chameleon.sqlite").exists());
    let host = setup.start();
    assert_eq!(host.get("/api/other/version").text(), "v1");
    assert_eq!(host.get("/api/chameleon/version").status, 404);
}

#[test]
fn a_restore_that_was_cut_off_is_finished_by_the_next_start() {
    let host = with_data();
    host.ask(&["backup", "bak"]);
    run(&host, "INSERT INTO acked VALUES (3, 'three')");
    let host = host.crash_after(|path| {
        // As a crash leaves it after everything was verified: files beside their places, and the journal.
        let db = path.join("db");
        std::fs::copy(
            path.join("bak/chameleon.sqlite"),
            db.join("chameleon.sqlite.restoring"),
        )
        .unwrap();
        let step = json!([{
            "place": db.join("chameleon.sqlite"),
            "staged": db.join("chameleon.sqlite.restoring"),
        }, {"place": db.join("chameleon.kv.sqlite"), "staged": null}]);
        let state = std::fs::read_dir(&db).unwrap().flatten().map(|e| e.path());
        let state = state
            .into_iter()
            .find(|p| p.is_dir())
            .expect("plugins.state");
        std::fs::write(state.join("restore.journal"), step.to_string()).unwrap();
    });
    assert_eq!(numbers(&host), json!([[1], [2]]));
    assert_eq!(key(&host, "k"), json!(null));
    host.wait_for_log(&["a restore was cut off"]);
    let folder = host.stop_and_keep();
    let left: Vec<_> = content(&folder.path().join("db"))
        .into_iter()
        .filter(|(path, _)| {
            let name = path.to_string_lossy();
            name.contains("restoring") || name.contains("journal")
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(left, Vec::<PathBuf>::new());
}
