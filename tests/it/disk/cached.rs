//! Compiled code that somebody else put there, or could have.

use super::*;
use sha2::Digest;
use std::os::unix::fs::{chown, symlink};

const REFUSED: &str = "cached code is refused; compiling again";

fn cached(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder.join("cache/greenroom"))
        .unwrap()
        .map(|e| e.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|e| e == "cwasm"))
        .expect("compiled code")
}

fn one() -> Setup {
    Setup::new()
        .own_cache()
        .plugin("c", &chameleon("version=one;"))
}

/// Components whose code is in there.
fn compiled(cache: &Path) -> usize {
    let files = fs::read_dir(cache).unwrap();
    let names = files.map(|file| file.unwrap().path());
    let code = |path: &PathBuf| path.extension().is_some_and(|e| e == "cwasm");
    names.filter(code).count()
}

#[test]
fn what_is_no_file_is_refused_and_never_waited_for() {
    let mut host = one().start();
    let code = cached(host.folder());
    let good = fs::read(&code).unwrap();
    let pipe = |path: &Path| {
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            path,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .unwrap();
    };
    for place in [code.clone(), code.with_extension("sha256")] {
        for put in [
            pipe as fn(&Path),
            |path| symlink("/dev/zero", path).unwrap(),
            |path| symlink("nowhere", path).unwrap(),
        ] {
            host = host.restart_after(|_| {
                fs::remove_file(&place).unwrap();
                put(&place);
            });
            host.wait_for_log(&[REFUSED]);
            assert_eq!(version(&host, "c"), "one");
            assert!(fs::read(&code).unwrap() == good, "the cache is mended");
        }
    }
    // A folder in its place is nobody's to remove: the code is used without being kept.
    host = host.restart_after(|_| {
        fs::remove_file(&code).unwrap();
        fs::create_dir(&code).unwrap();
    });
    host.wait_for_log(&["compiled code is not kept in the cache"]);
    assert_eq!(version(&host, "c"), "one");
}

#[test]
fn a_forged_digest_does_not_make_code_of_anything() {
    let mut host = one().start();
    let code = cached(host.folder());
    let good = fs::read(&code).unwrap();
    for forged in [
        Vec::new(),
        b"no code at all".to_vec(),
        good[..good.len() / 2].to_vec(),
        chameleon("version=two;"),
    ] {
        host = host.restart_after(|_| {
            fs::remove_file(&code).unwrap();
            fs::write(&code, &forged).unwrap();
            fs::set_permissions(&code, fs::Permissions::from_mode(0o600)).unwrap();
            let digest = hex::encode(sha2::Sha256::digest(&forged));
            fs::write(code.with_extension("sha256"), digest).unwrap();
        });
        host.wait_for_log(&[REFUSED]);
        assert_eq!(version(&host, "c"), "one");
        assert!(fs::read(&code).unwrap() == good, "the cache is mended");
    }
}

#[test]
fn a_folder_of_another_user_is_no_cache() {
    let setup = Setup::new();
    let cache = setup.folder().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o700)).unwrap();
    // Who is not root cannot give a folder away, but has one that is not theirs.
    let (cache, owner) = if rustix::process::geteuid().is_root() {
        chown(&cache, Some(65_534), None).unwrap();
        (cache, 65_534)
    } else {
        (PathBuf::from("/usr"), 0)
    };
    let config = format!("plugins: {{cache: {}}}", cache.display());
    let output = setup.config(&config).refused();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "plugins.cache",
        &format!("it belongs to user {owner}"),
        "name another folder",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_cache_that_is_replaced_while_the_host_runs_is_not_believed() {
    let host = one().start();
    let cache = host.folder().join("cache/greenroom");
    let code = cached(host.folder());
    let name = code.file_name().unwrap().to_owned();
    // Whoever can write to the folder above can put another in its place: a link, or one that is open.
    fs::rename(&cache, host.folder().join("cache/before")).unwrap();
    symlink("before", &cache).unwrap();
    host.deploy("d", &chameleon("version=one;")).unwrap();
    host.deploy("c", &chameleon("version=two;")).unwrap();
    host.wait_for_log(&["not kept in the cache", "it is no folder"]);
    let mine = host.folder().join("cache/before");
    assert_eq!(compiled(&mine), 1);
    assert!(mine.join(name).exists());
    // Put right, it is used again.
    fs::remove_file(&cache).unwrap();
    fs::rename(&mine, &cache).unwrap();
    host.deploy("c", &chameleon("version=three;")).unwrap();
    assert_eq!(version(&host, "c"), "three");
    assert_eq!(compiled(&cache), 2);
}
