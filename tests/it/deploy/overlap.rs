//! Deploys that meet each other, requests that still run, and a host that stops.

use super::{id_of, stdout, version, versioned, wait_for_version};
use greenroom_tests::{Connection, Host, Request, Setup, chameleon, pause};
use rustix::process::Signal;
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

/// The file, the record and the traffic tell of the same build.
fn agrees(host: &Host, id: &str) -> bool {
    let plugin = host.plugin(id);
    let build = &plugin["build"]["id"];
    let file = host.folder().join(format!("plugins/{id}.wasm"));
    let file = fs::read(file)
        .map(|bytes| id_of(&bytes))
        .unwrap_or_default();
    *build == *file && plugin["folder"] == *build && plugin["history"][0] == *build
}

#[test]
fn deploys_of_one_plugin_take_turns() {
    let host = Setup::new().start();
    thread::scope(|scope| {
        for n in 0..6 {
            let host = &host;
            scope.spawn(move || {
                // A file each: `Host::deploy` has one for an id.
                let file = format!("upload-{n}.wasm");
                fs::write(host.folder().join(&file), versioned(&format!("turn-{n}"))).unwrap();
                let outcome = host.ask(&["deploy", &file, "--as", "c"]);
                assert_eq!(outcome["outcome"], "deployed");
                assert_eq!(outcome["version"], format!("turn-{n}"));
            });
        }
    });
    assert!(agrees(&host, "c"), "{}", host.plugin("c"));
    let since = host.plugin("c")["build"].clone();
    // Nothing is brought back by those who come late.
    host.drop_in("marker", &versioned("marker"));
    wait_for_version(&host, "marker", "marker");
    assert_eq!(host.plugin("c")["build"], since);
    assert_eq!(host.plugin("c")["history"].as_array().unwrap().len(), 5);
}

#[test]
fn deploys_and_removals_of_one_plugin_take_turns() {
    let host = Setup::durable().start();
    let builds = ["a", "b"].map(|v| chameleon(&format!("version={v};migrations=base;")));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                pause();
                host.command(&["remove", "c", "--json"]);
            }
        });
        for n in 0..12 {
            if n % 3 == 2 {
                host.drop_in("c", &builds[n % 2]);
            } else {
                let outcome = host.deploy("c", &builds[n % 2]);
                assert!(outcome.is_ok(), "{outcome:?}\n{}", host.log());
            }
        }
        done.store(true, Relaxed);
    });
    host.deploy("c", &builds[0]).unwrap();
    host.wait_until("file, record and traffic agree", |host| agrees(host, "c"));
    assert_eq!(version(&host, "c"), "a");
    assert_eq!(host.post("/api/c/rows", &json!({})).status, 201);
}

#[test]
fn a_request_that_runs_is_finished_by_the_build_that_began_it() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    thread::scope(|scope| {
        let slow = scope.spawn(|| host.get("/api/c/late?ms=3000"));
        host.wait_until("it runs", |host| host.plugin("c")["running"] == 1);
        host.deploy("c", &versioned("two")).unwrap();
        assert_eq!(version(&host, "c"), "two");
        assert_eq!(
            host.plugin("c")["running"],
            1,
            "the deploy did not wait for it"
        );
        let answer = slow.join().unwrap();
        assert_eq!((answer.status, answer.text()), (200, "one".into()));
    });
}

#[test]
fn no_request_is_lost_while_a_migration_holds_them() {
    let host = Setup::durable()
        .plugin("c", &chameleon("version=one;migrations=base,add;"))
        .start();
    let done = AtomicBool::new(false);
    let rows: u64 = thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(host.address());
                    let mut rows = 0;
                    while !done.load(Relaxed) {
                        pause();
                        let post = Request::new(host.address(), "POST", "/api/c/rows");
                        let answer = connection.send(post).expect("no request is dropped");
                        assert_eq!(answer.status, 201, "{}", answer.text());
                        rows += 1;
                    }
                    rows
                })
            })
            .collect();
        // One that fails and is taken back, one that passes.
        host.deploy(
            "c",
            &chameleon("version=bad;migrations=base,add,drop;start=fail;"),
        )
        .unwrap_err();
        assert_eq!(version(&host, "c"), "one");
        host.deploy("c", &chameleon("version=two;migrations=base,add,drop;"))
            .unwrap();
        assert_eq!(version(&host, "c"), "two");
        done.store(true, Relaxed);
        clients.into_iter().map(|c| c.join().unwrap()).sum()
    });
    assert!(rows > 0);
    assert_eq!(host.get("/api/c/rows").json()["parents"], rows);
}

#[test]
fn a_deploy_whose_client_is_gone_goes_on() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let build = versioned("two");
    let mut stream = UnixStream::connect(host.folder().join("greenroom.sock")).unwrap();
    write!(
        stream,
        "POST /deploy?as=c HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        build.len()
    )
    .unwrap();
    stream.write_all(&build).unwrap();
    drop(stream);
    wait_for_version(&host, "c", "two");
}

#[test]
fn half_an_upload_changes_nothing() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let build = versioned("two");
    let mut stream = UnixStream::connect(host.folder().join("greenroom.sock")).unwrap();
    write!(
        stream,
        "POST /deploy?as=c HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        build.len()
    )
    .unwrap();
    stream.write_all(&build[..build.len() / 2]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer); // an answer or a close: both tell the client
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    host.deploy("other", &versioned("1")).unwrap();
    assert_eq!(version(&host, "c"), "one");
    assert!(host.plugin("c")["problem"].is_null());
}

#[test]
fn a_stop_answers_the_deploy_that_runs() {
    // Longer than the compile before it takes on a machine with other things to do.
    let mut host = Setup::new()
        .config("backend: {lifecycle: {serverShutdownTimeout: 5m}}")
        .plugin("c", &versioned("one"))
        .start();
    let folder = host.folder().to_owned();
    fs::write(folder.join("slow.wasm"), chameleon("start=spin;")).unwrap();
    let deploy = thread::spawn(move || {
        super::greenroom(&folder, &["deploy", "slow.wasm", "--as", "slow", "--json"])
    });
    host.wait_until("the deploy runs", |host| {
        host.plugin("slow")["state"] == "loading"
    });
    host.signal(Signal::TERM);
    let output = deploy.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("start() took longer than 5 s"),
        "{output:?}"
    );
    assert_eq!(host.wait().code(), Some(0));
    assert!(!host.log().contains("did not end"), "{}", host.log());
}
