//! Things that are no files where files are expected. A pipe that is opened to be read keeps its reader waiting for ever.

use super::*;
use std::{
    os::unix::{fs::symlink, net::UnixListener},
    time::{Duration, SystemTime},
};

type Put = fn(&Path);

fn pipe(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
}

const ODD: [(&str, Put); 6] = [
    ("a folder", |path| fs::create_dir(path).unwrap()),
    ("a pipe", pipe),
    ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("a link to a device", |path| {
        symlink("/dev/zero", path).unwrap()
    }),
    ("a link to nothing", |path| {
        symlink("nowhere", path).unwrap()
    }),
    ("a link to a file", |path| {
        fs::write(path.with_file_name("elsewhere"), "").unwrap();
        symlink("elsewhere", path).unwrap();
    }),
];

fn clear(path: &Path) {
    let kind = path.symlink_metadata().unwrap().file_type();
    if kind.is_dir() {
        fs::remove_dir(path)
    } else {
        fs::remove_file(path)
    }
    .unwrap();
}

#[test]
fn what_is_no_database_is_refused_and_never_waited_for() {
    let build = chameleon("version=one;migrations=base;");
    let mut host = setup().start();
    works(&host, "c", 0);
    let (mut rows, mut beside) = (1, 0);
    let places = [
        "c.sqlite",
        "c.kv.sqlite",
        "c.sqlite-wal",
        "c.sqlite-shm",
        "c.sqlite-journal",
        "c.sqlite.before-migration",
    ];
    for (n, place) in places.into_iter().enumerate() {
        for (what, put) in ODD.into_iter().skip(n % 2).step_by(2) {
            host = host.restart_after(|folder| {
                let at = folder.join("db").join(place);
                if at.exists() {
                    fs::rename(&at, folder.join("kept")).unwrap();
                }
                put(&at);
            });
            let problem = host.plugin("c")["problem"].clone();
            assert_eq!(problem["stage"], "storage", "{what} as {place}: {problem}");
            let message = problem["message"].as_str().unwrap();
            assert!(
                message.contains(&format!("db/{place}:")) && message.contains("it is a"),
                "{what} as {place}: {message}"
            );
            assert_eq!(host.get("/api/c/rows").status, 503);
            works(&host, "w", beside);
            beside += 1;
            let (at, kept) = (
                host.folder().join("db").join(place),
                host.folder().join("kept"),
            );
            clear(&at);
            if kept.exists() {
                fs::rename(kept, at).unwrap();
            }
            host.deploy("c", &build).unwrap();
            works(&host, "c", rows);
            rows += 1;
        }
    }
    assert!(
        !host.folder().join("db/nowhere").exists(),
        "nothing was made through a link"
    );
}

#[test]
fn a_databases_folder_behind_a_link_is_used() {
    let setup = setup();
    fs::create_dir(setup.folder().join("data")).unwrap();
    symlink("data", setup.folder().join("db")).unwrap();
    let host = setup.start();
    works(&host, "c", 0);
    assert!(host.folder().join("data/c.sqlite").exists());
    let host = host.restart();
    works(&host, "c", 1);
}

/// Two folders have a lock, so that nobody else can be writing there. In the others it takes two hours without a write.
#[test]
fn what_a_killed_host_had_not_finished_goes_at_the_next_start() {
    const HOURS: Duration = Duration::from_secs(7200);
    let of_a_dead_host = |path: &Path, age: Duration| {
        let file = fs::File::create(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    let host = setup().own_cache().start();
    let mut gone = Vec::new();
    let mut stay = Vec::new();
    let host = host.restart_after(|folder| {
        for (place, locked, name) in [
            ("db/plugins.state", true, ".greenroom-a1"),
            ("db/plugins.state/builds", true, ".greenroom-a1"),
            ("plugins", false, ".greenroom-a1"),
            ("cache/greenroom", false, ".tmpa1"),
        ] {
            let path = |end: &str| folder.join(place).join(format!("{name}{end}"));
            of_a_dead_host(&path("old"), HOURS);
            of_a_dead_host(&path("new"), Duration::ZERO);
            gone.push(path("old"));
            let new = if locked { &mut gone } else { &mut stay };
            new.push(path("new"));
            let other = path("old").with_file_name("notes");
            of_a_dead_host(&other, HOURS);
            stay.push(other);
        }
    });
    for path in gone {
        assert!(!path.exists(), "{}", path.display());
    }
    for path in stay {
        assert!(path.exists(), "{}", path.display());
    }
    works(&host, "c", 0);
}
