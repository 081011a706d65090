//! Compiled components on disk, and the process that compiles.

use super::{holds, stdout, version, versioned};
use greenroom_tests::{Setup, binary};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

const REFUSED: &str = "cached code is refused; compiling again";

/// The files in a cache with this ending.
fn cached(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("cache/greenroom")).expect("a cache");
    files
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect()
}

/// Another file of this content in its place: the running host has the old one mapped.
fn replace(path: &Path, content: &[u8]) {
    let part = path.with_extension("part");
    fs::write(&part, content).expect("the cache");
    fs::rename(part, path).expect("the cache");
}

#[test]
fn compiled_code_is_kept_for_us_alone() {
    let host = Setup::new()
        .own_cache()
        .plugin("c", &versioned("one"))
        .start();
    assert_eq!(version(&host, "c"), "one");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&host.folder().join("cache/greenroom")), 0o700);
    let (code, digests) = (
        cached(host.folder(), "cwasm"),
        cached(host.folder(), "sha256"),
    );
    assert_eq!((code.len(), digests.len()), (1, 1));
    assert_eq!((mode(&code[0]), mode(&digests[0])), (0o600, 0o600));
    let written = code[0].metadata().unwrap().len();
    let host = host.restart();
    assert_eq!(version(&host, "c"), "one");
    assert_eq!(cached(host.folder(), "cwasm"), code);
    assert_eq!(code[0].metadata().unwrap().len(), written);
    assert!(!host.log().contains(REFUSED), "{}", host.log());
}

#[test]
fn plugins_of_the_same_bytes_share_what_is_compiled() {
    let mut setup = Setup::new().own_cache();
    for n in 0..8 {
        setup = setup.plugin(&format!("c{n}"), &versioned("one"));
    }
    let host = setup.start();
    for n in 0..8 {
        assert_eq!(version(&host, &format!("c{n}")), "one");
    }
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid())).unwrap();
    let code = maps
        .lines()
        .filter(|line| line.contains(".cwasm") && line.contains("r-xp"));
    assert_eq!(code.count(), 1, "mapped once");
    let compiles = host.log().matches(r#""message":"compile""#).count();
    assert_eq!(compiles, 1, "{}", host.log());
}

#[test]
fn code_that_is_not_what_was_written_is_compiled_again() {
    let mut host = Setup::new()
        .own_cache()
        .plugin("c", &versioned("one"))
        .start();
    let code = cached(host.folder(), "cwasm").remove(0);
    let digest = code.with_extension("sha256");
    let good = fs::read(&code).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bad in [
        flipped(good.len() / 2),
        flipped(0),
        good[..good.len() / 2].to_vec(),
        Vec::new(),
    ] {
        replace(&code, &bad);
        host = host.restart();
        host.wait_for_log(&[REFUSED]);
        assert_eq!(version(&host, "c"), "one");
        assert!(holds(&code, &good), "the cache is mended");
    }
    // Without its digest nothing is believed.
    fs::remove_file(&digest).unwrap();
    replace(&code, &flipped(good.len() / 2));
    host = host.restart();
    assert_eq!(version(&host, "c"), "one");
    assert!(holds(&code, &good));
    assert!(digest.exists());
    // Nor a link, nor what others may write.
    let elsewhere = host.folder().join("elsewhere");
    fs::rename(&code, &elsewhere).unwrap();
    symlink(&elsewhere, &code).unwrap();
    host = host.restart();
    host.wait_for_log(&[REFUSED]);
    assert_eq!(version(&host, "c"), "one");
    assert!(!code.symlink_metadata().unwrap().is_symlink());
    fs::set_permissions(&code, Permissions::from_mode(0o620)).unwrap();
    host = host.restart();
    host.wait_for_log(&[REFUSED, "writable by others"]);
    assert_eq!(version(&host, "c"), "one");
    host = host.restart();
    assert!(!host.log().contains(REFUSED), "{}", host.log());
}

#[test]
fn a_cache_that_others_can_write_stops_the_start() {
    for mode in [0o770, 0o707, 0o777] {
        let setup = Setup::new().own_cache();
        let cache = setup.folder().join("cache/greenroom");
        fs::create_dir_all(&cache).unwrap();
        fs::set_permissions(&cache, Permissions::from_mode(mode)).unwrap();
        let output = setup.refused();
        assert_eq!(output.status.code(), Some(1));
        let text = stdout(&output);
        for part in [
            "plugins.cache",
            "cache/greenroom",
            &format!("its mode is {mode:o}"),
            "chmod 700",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
    let setup = Setup::new().own_cache();
    let elsewhere = setup.folder().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir(setup.folder().join("cache")).unwrap();
    symlink(elsewhere, setup.folder().join("cache/greenroom")).unwrap();
    let text = stdout(&setup.refused());
    assert!(
        text.contains("plugins.cache") && text.contains("it is no folder"),
        "{text}"
    );
}

#[test]
fn a_cache_that_is_opened_to_others_later_is_not_used() {
    let host = Setup::new()
        .own_cache()
        .plugin("c", &versioned("one"))
        .start();
    let cache = host.folder().join("cache/greenroom");
    fs::set_permissions(&cache, Permissions::from_mode(0o777)).unwrap();
    host.deploy("c", &versioned("two")).unwrap();
    assert_eq!(version(&host, "c"), "two");
    host.wait_for_log(&["not kept in the cache", "its mode is 777"]);
    assert_eq!(
        cached(host.folder(), "cwasm").len(),
        1,
        "the new build is not there"
    );
}

#[test]
fn a_deploy_works_after_the_binary_was_replaced() {
    let setup = Setup::new().own_cache();
    let copy = setup.folder().join("greenroom-copy");
    fs::copy(binary(), &copy).unwrap();
    let host = setup.binary(&copy).plugin("c", &versioned("one")).start();
    // As a package manager does it: another file under the same name.
    let other = host.folder().join("other");
    fs::write(&other, "#!/bin/sh\nexit 7\n").unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o755)).unwrap();
    fs::rename(&other, &copy).unwrap();
    host.deploy("c", &versioned("two")).unwrap();
    assert_eq!(version(&host, "c"), "two");
    fs::remove_file(&copy).unwrap();
    host.deploy("c", &versioned("three")).unwrap();
    assert_eq!(version(&host, "c"), "three");
    assert_eq!(cached(host.folder(), "cwasm").len(), 3, "each was compiled");
}

/// At SCHED_IDLE the compiler would wait for as long as they compute.
#[test]
fn a_compile_that_others_leave_nothing_ends_all_the_same() {
    let host = Setup::new().own_cache().start();
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..cores * 2 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        // In a thread, so that the others end even where it panics.
        let deploy = scope.spawn(|| host.deploy("c", &versioned("one")));
        let outcome = deploy.join();
        done.store(true, Relaxed);
        outcome.expect("it answers").expect("compiled");
    });
    assert_eq!(version(&host, "c"), "one");
}
