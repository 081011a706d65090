//! Names and files in the plugins folder that are no plugins, or would be somebody else's.

use super::*;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::PathBuf,
};

fn file(host: &Host, name: impl AsRef<OsStr>) -> PathBuf {
    host.folder().join("plugins").join(name.as_ref())
}

fn ids(host: &Host) -> Vec<String> {
    let all = host.plugins();
    let all = all["plugins"].as_array().expect("a list").iter();
    all.map(|p| p["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// A look at the folder that began after this call has ended.
fn looked(host: &Host, turn: &str) {
    host.drop_in("zz", &chameleon(&format!("answer={turn};")));
    host.wait_until("another look", |host| {
        host.get("/api/zz/version").text() == turn
    });
}

#[test]
fn odd_names_are_skipped_and_forge_no_line() {
    let host = two();
    let odd: [&[u8]; 16] = [
        b"-rf.wasm",
        b"--help.wasm",
        b" one.wasm",
        b"one .wasm",
        b"One.wasm",
        b"ONE.wasm",
        b"one\nINFO forged=1.wasm",
        b"\x1b[31mred.wasm",
        b"nul\x01.wasm",
        b"tab\t.wasm",
        b"caf\xc3\xa9.wasm",
        b"\xff\xfe.wasm",
        b"\xd0\xbene.wasm",
        b".wasm",
        b"...wasm",
        b"one.wasm.wasm",
    ];
    let build = chameleon("answer=odd;");
    for name in odd {
        fs::write(file(&host, OsStr::from_bytes(name)), &build).unwrap();
    }
    let long = format!("{}.wasm", "x".repeat(250));
    fs::write(file(&host, &long), &build).unwrap();
    looked(&host, "1");
    assert_eq!(ids(&host), ["one", "two", "zz"]);
    assert_eq!(host.get("/api/one/version").text(), "one");
    let log = host.log();
    let told = log
        .lines()
        .filter(|line| line.contains("a file in the plugins folder is skipped"));
    // `.wasm` is a name without an ending.
    assert_eq!(told.count(), odd.len(), "{log}");
    for line in log.lines() {
        assert!(!line.starts_with("INFO forged"), "{log}");
        assert!(
            !line.contains('\u{1b}') && !line.contains('\u{1}'),
            "{line}"
        );
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
}

#[test]
fn what_is_no_file_is_no_plugin() {
    let host = two();
    symlink("loop.wasm", file(&host, "loop.wasm")).unwrap();
    symlink("b.wasm", file(&host, "a.wasm")).unwrap();
    symlink("a.wasm", file(&host, "b.wasm")).unwrap();
    symlink("nowhere", file(&host, "dangling.wasm")).unwrap();
    symlink("/dev/zero", file(&host, "zero.wasm")).unwrap();
    symlink("/dev/tty", file(&host, "tty.wasm")).unwrap();
    symlink("/", file(&host, "root.wasm")).unwrap();
    let pipe = |name: &str| {
        let path = file(&host, name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
    };
    pipe("pipe.wasm");
    let _listener = UnixListener::bind(file(&host, "socket.wasm")).unwrap();
    fs::create_dir(file(&host, "folder.wasm")).unwrap();
    looked(&host, "1");
    assert_eq!(ids(&host), ["one", "two", "zz"]);
    // A plugin whose file becomes one of these is taken out, as if it was removed.
    fs::remove_file(file(&host, "two.wasm")).unwrap();
    pipe("two.wasm");
    host.wait_until("two is gone", |host| host.plugin("two").is_null());
    assert_eq!(host.get("/api/one/version").text(), "one");
    // A deploy puts a file in the pipe's place.
    host.deploy("two", &chameleon("answer=back;")).unwrap();
    assert_eq!(host.get("/api/two/version").text(), "back");
    // And at the start none of them is waited for.
    pipe("late.wasm");
    let host = host.restart();
    assert_eq!(ids(&host), ["one", "two", "zz"]);
}

#[test]
fn a_link_shows_nothing_of_what_it_leads_to() {
    let host = two();
    let secret = host.folder().join("secret.txt");
    fs::write(&secret, "the secret of this file").unwrap();
    symlink(&secret, file(&host, "three.wasm")).unwrap();
    symlink("/etc/passwd", file(&host, "four.wasm")).unwrap();
    for id in ["three", "four"] {
        host.wait_until("it is refused", |host| {
            !host.plugin(id)["problem"].is_null()
        });
        let problem = host.plugin(id)["problem"].to_string();
        assert!(problem.contains("not WebAssembly"), "{problem}");
        assert_eq!(host.get(&format!("/api/{id}/")).status, 503);
    }
    let told = host.log() + &host.plugins().to_string();
    assert!(
        !told.contains("the secret") && !told.contains("root:x"),
        "{told}"
    );
}

#[test]
fn two_files_for_one_id_are_settled_by_the_configuration() {
    let setup = Setup::new();
    let named = setup.folder().join("named.bin");
    fs::write(&named, chameleon("answer=named;")).unwrap();
    let host = setup
        .config("plugins: {one: {component: ./named.bin}}")
        .plugin("one", &chameleon("answer=folder;"))
        .start();
    assert_eq!(host.get("/api/one/version").text(), "named");
    host.drop_in("one", &chameleon("answer=folder-2;"));
    looked(&host, "1");
    assert_eq!(host.get("/api/one/version").text(), "named");
    assert_eq!(ids(&host), ["one", "zz"]);
    // Gone, the file in the folder does not take its place.
    fs::remove_file(&named).unwrap();
    host.wait_until("it is missed", |host| {
        !host.plugin("one")["problem"].is_null() && host.get("/api/one/version").status == 503
    });
    let problem = host.plugin("one")["problem"].to_string();
    assert!(problem.contains("named.bin"), "{problem}");
    fs::copy(file(&host, "one.wasm"), &named).unwrap();
    host.wait_until("it is back", |host| {
        host.get("/api/one/version").text() == "folder-2"
    });
}

#[test]
fn a_build_that_calls_itself_another_plugin_gets_nothing_of_it() {
    let build =
        |id: &str, answer: &str| chameleon(&format!("id={id};answer={answer};migrations=base;"));
    let host = Setup::durable()
        .plugin("one", &build("one", "one"))
        .plugin("two", &build("one", "two"))
        .start();
    host.wait_for_log(&["WARN", r#""plugin":"two""#, "calls itself one"]);
    for _ in 0..3 {
        assert_eq!(host.request("POST", "/api/one/rows").send().status, 201);
    }
    assert_eq!(host.get("/api/two/rows").json()["parents"], 0);
    assert_eq!(host.get("/api/one/version").text(), "one");
    assert_eq!(host.get("/api/two/version").text(), "two");
}

#[test]
fn ten_thousand_files_that_are_none_cost_nobody() {
    let host = two();
    for n in 0..5_000 {
        fs::write(file(&host, format!("Note {n}.wasm")), "x").unwrap();
        fs::write(file(&host, format!("note-{n}.txt")), "x").unwrap();
    }
    looked(&host, "1");
    assert_eq!(ids(&host), ["one", "two", "zz"]);
    assert_eq!(host.get("/api/one/version").text(), "one");
    for n in 0..5_000 {
        fs::remove_file(file(&host, format!("Note {n}.wasm"))).unwrap();
    }
    looked(&host, "2");
}

#[test]
fn a_file_that_is_swapped_all_the_time_ends_as_the_last_one() {
    let host = two();
    let builds = ["a", "b"].map(|answer| chameleon(&format!("answer={answer};")));
    for n in 0..1_000 {
        host.drop_in("one", &builds[n % 2]);
        if n % 100 == 0 {
            let answer = host.get("/api/one/version");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(["one", "a", "b"].contains(&answer.text().as_str()));
        }
    }
    host.drop_in("one", &chameleon("answer=last;"));
    host.wait_until("the last one serves", |host| {
        host.get("/api/one/version").text() == "last"
    });
    assert!(host.plugin("one")["problem"].is_null());
    assert_eq!(host.get("/api/two/version").text(), "two");
}

#[test]
fn a_file_that_may_not_be_read_is_told() {
    // For root all files are open: there, a folder above it that leads nowhere stands for it.
    let host = two();
    let path = file(&host, "three.wasm");
    let build = chameleon("answer=three;");
    let hidden = host.folder().join("plugins/.three");
    fs::write(&hidden, &build).unwrap();
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    fs::rename(&hidden, &path).unwrap();
    if rustix::process::geteuid().is_root() {
        host.wait_until("root reads it", |host| {
            host.get("/api/three/version").text() == "three"
        });
    } else {
        host.wait_until("it is refused", |host| {
            !host.plugin("three")["problem"].is_null()
        });
        let problem = host.plugin("three")["problem"].to_string();
        assert!(
            problem.contains("three.wasm") && problem.contains("denied"),
            "{problem}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        host.deploy("three", &build).unwrap();
    }
    assert_eq!(host.get("/api/one/version").text(), "one");
}
