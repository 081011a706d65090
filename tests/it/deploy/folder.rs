//! The plugins folder is the desired state, and it is watched.

use super::{deploys, holds, id_of, version, versioned, wait_for_refusal, wait_for_version};
use greenroom_tests::{Host, Setup};
use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::symlink,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};

fn file(host: &Host, name: &str) -> PathBuf {
    host.folder().join("plugins").join(name)
}

#[test]
fn a_file_that_appears_serves_and_one_that_is_removed_ends_its_plugin() {
    let host = Setup::new().start();
    assert_eq!(host.get("/api/c/version").status, 404);
    host.drop_in("c", &versioned("one"));
    wait_for_version(&host, "c", "one");
    host.drop_in("c", &versioned("two"));
    wait_for_version(&host, "c", "two");

    // A request that runs when the file goes is finished.
    thread::scope(|scope| {
        let slow = scope.spawn(|| host.get("/api/c/late?ms=1500"));
        host.wait_until("the slow request runs", |host| {
            host.plugin("c")["running"] == 1
        });
        fs::remove_file(file(&host, "c.wasm")).unwrap();
        let answer = slow.join().unwrap();
        assert_eq!((answer.status, answer.text()), (200, "two".into()));
    });
    host.wait_until("the plugin is gone", |host| {
        host.get("/api/c/version").status == 404
    });
    host.wait_for_log(&[r#""plugin":"c""#, r#""outcome":"removed""#]);
    assert!(host.plugin("c").is_null());

    // And it may come back.
    host.drop_in("c", &versioned("three"));
    wait_for_version(&host, "c", "three");
}

#[test]
fn a_file_that_is_still_written_is_left_alone() {
    let host = Setup::new().plugin("c", &versioned("old")).start();
    let new = versioned("new");
    // As `cp` does it: the same inode, cut to nothing and filled again.
    let mut target = File::create(file(&host, "c.wasm")).unwrap();
    for piece in new.chunks(new.len() / 12) {
        target.write_all(piece).unwrap();
        target.flush().unwrap();
        assert_eq!(version(&host, "c"), "old");
        thread::sleep(Duration::from_millis(40)); // the copy takes its time; what holds does not depend on how much
    }
    drop(target);
    wait_for_version(&host, "c", "new");
    host.wait_for_log(&[r#""version":"new""#, r#""outcome":"deployed""#]);
    let refused: Vec<_> = deploys(&host, "c")
        .into_iter()
        .filter(|line| line["outcome"] == "refused")
        .collect();
    assert_eq!(
        refused,
        Vec::<serde_json::Value>::new(),
        "pieces were tried"
    );
    assert!(holds(&file(&host, "c.wasm"), &new));
}

#[test]
fn a_file_that_is_removed_and_written_again_keeps_its_plugin() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let target = file(&host, "c.wasm");
    fs::remove_file(&target).unwrap();
    // As long as a look at the folder takes to come.
    for _ in 0..3 {
        assert_eq!(version(&host, "c"), "one");
        thread::sleep(Duration::from_millis(10));
    }
    fs::write(&target, versioned("two")).unwrap();
    host.wait_until("the new one serves", |host| version(host, "c") == "two");
    assert!(
        !host.log().contains(r#""outcome":"removed""#),
        "{}",
        host.log()
    );
}

#[test]
fn a_file_that_is_changed_in_place_serves_its_new_content() {
    let host = Setup::new().plugin("c", &versioned("old")).start();
    let (old, new) = (versioned("old"), versioned("new"));
    let at = old.iter().zip(&new).position(|(a, b)| a != b).unwrap();
    let mut target = File::options()
        .write(true)
        .open(file(&host, "c.wasm"))
        .unwrap();
    target.seek(SeekFrom::Start(at as u64)).unwrap();
    target.write_all(&new[at..at + 3]).unwrap();
    drop(target);
    wait_for_version(&host, "c", "new");
    assert_eq!(host.plugin("c")["build"]["id"], *id_of(&new));
}

#[test]
fn other_names_are_skipped_with_a_line_each() {
    let long = format!("{}.wasm", "x".repeat(64));
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let odd = [
        "Todo.wasm",
        "a_b.wasm",
        "9.wasm",
        ".hidden.wasm",
        "a.b.wasm",
        &long,
    ];
    for name in odd {
        fs::write(file(&host, name), versioned("odd")).unwrap();
    }
    for name in ["notes.txt", "c.wasm.bak", "wasm"] {
        fs::write(file(&host, name), "not looked at").unwrap();
    }
    fs::create_dir(file(&host, "folder.wasm")).unwrap();
    // Reading these would never end.
    symlink("/dev/zero", file(&host, "endless.wasm")).unwrap();
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mkfifoat(rustix::fs::CWD, file(&host, "pipe.wasm"), mode).unwrap();
    for name in odd {
        host.wait_for_log(&["is skipped", &format!("/{name}\"")]);
    }
    // Another look at the folder says nothing again.
    host.drop_in("later", &versioned("later"));
    wait_for_version(&host, "later", "later");
    let log = host.log();
    for name in odd {
        let lines = log
            .lines()
            .filter(|line| line.contains(&format!("/{name}\"")));
        assert_eq!(lines.count(), 1, "{name}\n{log}");
    }
    for name in ["notes.txt", "c.wasm.bak", "plugins/wasm"] {
        assert!(!log.contains(name), "{name}\n{log}");
    }
    let all = host.plugins();
    let ids: Vec<_> = all["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["c", "later"]);
}

#[test]
fn a_link_serves_what_it_points_to() {
    let host = Setup::new().start();
    let outside = host.folder().join("outside.bin");
    fs::write(&outside, versioned("one")).unwrap();
    symlink(&outside, file(&host, "c.wasm")).unwrap();
    wait_for_version(&host, "c", "one");
    // The target changes in another folder, where nobody watches.
    let next = host.folder().join("next.bin");
    fs::write(&next, versioned("two")).unwrap();
    fs::rename(&next, &outside).unwrap();
    wait_for_version(&host, "c", "two");
    // A deploy replaces the link, not what it points to.
    host.deploy("c", &versioned("three")).unwrap();
    assert_eq!(version(&host, "c"), "three");
    assert!(holds(&outside, &versioned("two")));
    assert!(holds(&file(&host, "c.wasm"), &versioned("three")));
    // A link to nothing is no file.
    fs::remove_file(file(&host, "c.wasm")).unwrap();
    symlink(host.folder().join("nothing"), file(&host, "c.wasm")).unwrap();
    host.wait_until("the plugin is gone", |host| {
        host.get("/api/c/version").status == 404
    });
}

#[test]
fn a_file_whose_content_is_the_same_changes_nothing() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let before = host.plugin("c");
    assert_eq!(host.get("/api/c/instance").json()["requests"], 1);
    let target = file(&host, "c.wasm");
    File::options()
        .write(true)
        .open(&target)
        .unwrap()
        .set_modified(SystemTime::now())
        .unwrap();
    host.drop_in("marker", &versioned("1"));
    wait_for_version(&host, "marker", "1");
    host.drop_in("c", &versioned("one"));
    host.drop_in("marker", &versioned("2"));
    wait_for_version(&host, "marker", "2");
    let after = host.plugin("c");
    assert_eq!(before["build"], after["build"]);
    assert_eq!(before["history"], after["history"]);
    assert_eq!(
        host.get("/api/c/instance").json()["requests"],
        2,
        "the instance is the same"
    );
    assert_eq!(deploys(&host, "c").len(), 1, "{}", host.log());
}

#[test]
fn a_broken_file_is_told_until_a_good_one_takes_its_place() {
    let host = Setup::new().plugin("c", &versioned("good")).start();
    host.drop_in("c", b"not wasm");
    let problem = wait_for_refusal(&host, "c", b"not wasm");
    assert_eq!(problem["stage"], "file", "{problem}");
    let plugin = host.plugin("c");
    assert_eq!(plugin["state"], "live");
    assert_eq!(plugin["build"]["id"], *id_of(&versioned("good")));
    assert_eq!(plugin["folder"], *id_of(b"not wasm"));
    assert_eq!(version(&host, "c"), "good");
    host.drop_in("c", &versioned("better"));
    wait_for_version(&host, "c", "better");
    let plugin = host.plugin("c");
    assert!(plugin["problem"].is_null(), "{plugin}");
    assert_eq!(plugin["folder"], plugin["build"]["id"]);
    // The build that served before, put back by hand, is live again too.
    host.drop_in("c", &versioned("good"));
    wait_for_version(&host, "c", "good");
}

#[test]
fn the_folder_is_made_at_start_and_may_be_replaced_later() {
    let setup = Setup::new();
    fs::remove_dir(setup.folder().join("plugins")).unwrap();
    let host = setup.launch();
    host.wait_until("the host is ready", |host| {
        host.get("/.backstage/health/v1/readiness").status == 200
    });
    host.drop_in("c", &versioned("one"));
    wait_for_version(&host, "c", "one");
    let other = host.folder().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("c.wasm"), versioned("two")).unwrap();
    fs::rename(host.folder().join("plugins"), host.folder().join("before")).unwrap();
    fs::rename(other, host.folder().join("plugins")).unwrap();
    wait_for_version(&host, "c", "two");
}
