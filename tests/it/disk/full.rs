//! No space is left, in each of the folders that the host writes to.

use super::*;

#[test]
fn databases_go_on_when_there_is_space_again() {
    let config = "backend: {database: {client: better-sqlite3, connection: {directory: ./db}, \
        plugin: {w: {connection: {directory: ./other}}}}}";
    let setup = setup().config(config);
    fs::create_dir(setup.folder().join("db")).unwrap();
    let host = in_namespace(setup, "mount -t tmpfs -o size=8m tmpfs db").start();
    works(&host, "c", 0);
    works(&host, "w", 0);
    let big = "INSERT INTO parent (name) VALUES (hex(randomblob(200000)))";
    {
        let _full = Filler::of(&host, "db");
        for _ in 0..3 {
            let refused = execute(&host, "c", big);
            assert_eq!(refused["error"], "storage-full", "{refused}");
        }
        assert_eq!(host.get("/api/c/rows").json()["parents"], 1, "reads go on");
        host.wait_for_log(&["ERROR", "c.sqlite", "the disk is full"]);
        works(&host, "w", 1);
        // A first build finds no room for its database.
        let error = host.deploy("new", &chameleon("migrations=base;"));
        let error = error.unwrap_err();
        assert!(error.contains("new.sqlite"), "{error}");
    }
    let taken = execute(&host, "c", big);
    assert!(taken["error"].is_null(), "{taken}");
    works(&host, "c", 2);
    works(&host, "w", 2);
    host.deploy("new", &chameleon("migrations=base;")).unwrap();
    works(&host, "new", 0);
}

#[test]
fn the_copy_before_a_migration_needs_room() {
    let setup = setup();
    fs::create_dir(setup.folder().join("db")).unwrap();
    let host = in_namespace(setup, "mount -t tmpfs -o size=24m tmpfs db").start();
    for _ in 0..4 {
        let big = "INSERT INTO parent (name) VALUES (hex(randomblob(400000)))";
        assert!(execute(&host, "c", big)["error"].is_null());
    }
    let next = chameleon("version=two;migrations=base,cascade;");
    {
        let _full = Filler::of(&host, "db");
        let error = host.deploy("c", &next).unwrap_err();
        assert!(
            error.contains("full") || error.contains("No space"),
            "{error}"
        );
        assert_eq!(version(&host, "c"), "one");
        assert_eq!(host.get("/api/c/rows").json()["parents"], 4);
        let left = seen_by(&host, "db/c.sqlite.before-migration");
        assert!(!left.exists());
    }
    works(&host, "c", 4);
    host.deploy("c", &next).unwrap();
    assert_eq!(version(&host, "c"), "two");
    works(&host, "c", 5);
}

#[test]
fn a_build_that_cannot_be_recorded_or_kept_is_refused() {
    for (folder, told) in [("state", "plugins.state"), ("plugins", "cannot write")] {
        let setup = setup().config(
            "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
             plugins: {state: ./state}",
        );
        fs::create_dir(setup.folder().join("state")).unwrap();
        let mounts = format!(
            "cp -r {folder} before && mount -t tmpfs -o size=6m tmpfs {folder} && cp -r before/. {folder}/"
        );
        let host = in_namespace(setup, &mounts).start();
        works(&host, "c", 0);
        let full = Filler::of(&host, folder);
        let next = chameleon("version=two;migrations=base;");
        let error = host.deploy("c", &next).unwrap_err();
        assert!(error.contains(told), "{error}");
        assert!(error.contains(folder), "{error}");
        assert_eq!(version(&host, "c"), "one");
        works(&host, "c", 1);
        works(&host, "w", 0);
        let parts = fs::read_dir(seen_by(&host, "plugins")).unwrap();
        let parts = parts.filter(|e| {
            e.as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".greenroom")
        });
        assert_eq!(parts.count(), 0, "no half of a file is left");
        drop(full);
        host.deploy("c", &next).unwrap();
        assert_eq!(version(&host, "c"), "two");
        works(&host, "c", 2);
    }
}

#[test]
fn without_room_in_the_cache_builds_are_served_all_the_same() {
    let setup = setup().own_cache();
    fs::create_dir_all(setup.folder().join("cache/greenroom")).unwrap();
    let mounts = "mount -t tmpfs -o size=64k,mode=700 tmpfs cache/greenroom";
    let host = in_namespace(setup, mounts).start();
    host.wait_for_log(&["compiled code is not kept in the cache", "No space left"]);
    works(&host, "c", 0);
    works(&host, "w", 0);
    host.deploy("c", &chameleon("version=two;migrations=base;"))
        .unwrap();
    assert_eq!(version(&host, "c"), "two");
    // With room it is kept.
    inside(
        &host,
        &[
            "mount",
            "-o",
            "remount,size=64m",
            host.folder().join("cache/greenroom").to_str().unwrap(),
        ],
    );
    host.deploy("c", &chameleon("version=three;migrations=base;"))
        .unwrap();
    let files = fs::read_dir(seen_by(&host, "cache/greenroom")).unwrap();
    let kept = files.filter(|e| {
        e.as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|e| e == "cwasm")
    });
    assert_eq!(kept.count(), 1);
}

#[test]
fn databases_in_memory_share_a_folder_that_may_be_full() {
    let build = chameleon("version=one;migrations=base;");
    let setup = Setup::new().plugin("c", &build);
    fs::create_dir(setup.folder().join("run")).unwrap();
    let mounts =
        "mount -t tmpfs -o size=8m tmpfs run && export XDG_RUNTIME_DIR=$PWD/run TMPDIR=$PWD/run";
    let host = in_namespace(setup, mounts).start();
    works(&host, "c", 0);
    let big = "INSERT INTO parent (name) VALUES (hex(randomblob(200000)))";
    {
        let _full = Filler::of(&host, "run");
        let refused = execute(&host, "c", big);
        assert_eq!(refused["error"], "storage-full", "{refused}");
        assert_eq!(host.get("/api/c/rows").json()["parents"], 1);
    }
    assert!(execute(&host, "c", big)["error"].is_null());
    works(&host, "c", 2);
    drop(host);

    let setup = Setup::new();
    fs::create_dir(setup.folder().join("run")).unwrap();
    let mounts = "mount -t tmpfs -o nr_inodes=1 tmpfs run && export XDG_RUNTIME_DIR=$PWD/run";
    let refused = in_namespace(setup, mounts).refused();
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        text.contains("/run") && text.contains("private folder"),
        "{text}"
    );
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let host = in_namespace_with(setup(), "true", "2>/dev/full").start();
    for round in 0..50 {
        works(&host, "c", round);
        assert_eq!(host.get("/api/c/log?text=lost&times=100").status, 204);
        assert_eq!(host.get("/api/c/panic").status, 502);
    }
    host.deploy("c", &chameleon("version=two;migrations=base;"))
        .unwrap();
    assert_eq!(version(&host, "c"), "two");
}
