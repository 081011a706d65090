//! The end of a host, expected or not, and what is there afterwards.

use super::{stdout, version, versioned};
use greenroom_tests::{Connection, Request, Setup, chameleon, todo};
use rustix::process::Signal;
use serde_json::json;
use std::{
    collections::HashSet,
    thread,
    time::{Duration, Instant},
};

#[test]
fn todos_survive_a_restart() {
    let host = Setup::durable().plugin("todo", &todo()).start();
    let mut made = Vec::new();
    for n in 0..5 {
        let answer = host.post("/api/todo/todos", &json!({"title": format!("todo {n}")}));
        assert_eq!(answer.status, 201);
        made.push(answer.json());
    }
    made.reverse(); // the list has the newest first
    let host = host.restart();
    assert_eq!(host.get("/api/todo/todos").json(), json!(made));
    let host = host.crash();
    assert_eq!(host.get("/api/todo/todos").json(), json!(made));
    assert!(host.folder().join("db/todo.sqlite").exists());
}

#[test]
fn in_memory_databases_are_gone_with_their_host() {
    let host = Setup::new().plugin("todo", &todo()).start();
    assert_eq!(
        host.post("/api/todo/todos", &json!({"title": "short"}))
            .status,
        201
    );
    let host = host.restart();
    assert_eq!(host.get("/api/todo/todos").json(), json!([]));
    let left: Vec<_> = host
        .folder()
        .read_dir()
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .collect();
    assert!(
        !left
            .iter()
            .any(|p| p.extension().is_some_and(|e| e == "sqlite")),
        "{left:?}"
    );
}

#[test]
fn every_acknowledged_write_survives_a_kill() {
    let build = chameleon("migrations=base;");
    let mut host = Setup::durable()
        .plugin("todo", &todo())
        .plugin("c", &build)
        .start();
    let mut acknowledged = HashSet::new();
    let mut rows = 0;
    for _ in 0..3 {
        let address = host.address();
        let writers: Vec<_> = (0..4)
            .map(|n| thread::spawn(move || write_until_cut(address, n)))
            .collect();
        // Long enough that all of them are at it: the requests counted say so.
        host.wait_until("the writers are at work", |host| {
            ["todo", "c"]
                .iter()
                .all(|id| host.plugin(id)["requests"].as_u64() > Some(40))
        });
        host = host.crash();
        for writer in writers {
            let (ids, more) = writer.join().unwrap();
            acknowledged.extend(ids);
            rows += more;
        }
        let mut stored = HashSet::new();
        let mut next = Some("/api/todo/todos?limit=1000".to_owned());
        while let Some(target) = next {
            let page = host.get(&target);
            assert_eq!(page.status, 200, "{}", page.text());
            stored.extend(
                page.json()
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|t| t["id"].as_str().unwrap().to_owned()),
            );
            next = page
                .header("link")
                .map(|link| link[1..link.find('>').unwrap()].to_owned());
        }
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(
            lost.is_empty(),
            "{} of {} are lost",
            lost.len(),
            acknowledged.len()
        );
        let parents = host.get("/api/c/rows").json()["parents"].as_u64().unwrap();
        assert!(parents >= rows, "{parents} of {rows}");
    }
    assert!(acknowledged.len() > 40 && rows > 40);
}

/// Ids of acknowledged todos, and the count of acknowledged rows, until the connection breaks.
fn write_until_cut(address: std::net::SocketAddr, client: u64) -> (Vec<String>, u64) {
    let mut connection = Connection::open(address);
    let (mut ids, mut rows) = (Vec::new(), 0);
    loop {
        if client.is_multiple_of(2) {
            let post =
                Request::new(address, "POST", "/api/todo/todos").json(&json!({"title": "x"}));
            match connection.send(post) {
                Ok(answer) if answer.status == 201 => {
                    ids.push(answer.json()["id"].as_str().expect("an id").to_owned())
                }
                Ok(answer) => panic!("{}", answer.text()),
                Err(_) => return (ids, rows),
            }
        } else {
            match connection.send(Request::new(address, "POST", "/api/c/rows")) {
                Ok(answer) if answer.status == 201 => rows += 1,
                Ok(answer) => panic!("{}", answer.text()),
                Err(_) => return (ids, rows),
            }
        }
    }
}

#[test]
fn a_kill_during_a_deploy_leaves_one_build_or_the_other() {
    let builds = ["a", "b"].map(versioned);
    let mut host = Setup::durable().plugin("c", &builds[0]).start();
    for n in 1..8 {
        let folder = host.folder().to_owned();
        let file = format!("{n}.wasm");
        std::fs::write(folder.join(&file), &builds[n % 2]).unwrap();
        let deploy =
            thread::spawn(move || super::greenroom(&folder, &["deploy", &file, "--as", "c"]));
        // Later each time: before, within and after the deploy.
        thread::sleep(Duration::from_millis(8 * n as u64));
        host = host.crash();
        let said = deploy.join().unwrap().status.success();
        let live = version(&host, "c");
        let file = std::fs::read(host.folder().join("plugins/c.wasm")).unwrap();
        assert!(builds.contains(&file), "the file is whole");
        assert!(file == versioned(&live), "the file is what serves");
        assert!(host.plugin("c")["problem"].is_null());
        if said {
            assert_eq!(
                live,
                ["a", "b"][n % 2],
                "a deploy that was acknowledged stays"
            );
        }
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut host = Setup::new()
        .config("backend: {lifecycle: {serverShutdownTimeout: 10m}}\nplugins: {c: {limits: {timeout: 10m}}}")
        .plugin("c", &versioned("one"))
        .start();
    let address = host.address();
    let stuck = thread::spawn(move || Request::new(address, "GET", "/api/c/hang").try_send());
    host.wait_until("it runs", |host| host.plugin("c")["running"] == 1);
    host.signal(Signal::TERM);
    host.wait_for_log(&["stopping"]);
    // One that comes within a second counts as the first.
    host.signal(Signal::TERM);
    thread::sleep(Duration::from_secs(3));
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code(), Some(1));
    assert!(stuck.join().unwrap().is_err());
}

#[test]
fn a_stop_finishes_what_runs() {
    let mut host = Setup::new().plugin("c", &versioned("one")).start();
    let address = host.address();
    let slow = thread::spawn(move || Request::new(address, "GET", "/api/c/late?ms=2500").send());
    host.wait_until("it runs", |host| host.plugin("c")["running"] == 1);
    host.signal(Signal::TERM);
    let answer = slow.join().unwrap();
    assert_eq!((answer.status, answer.text()), (200, "one".into()));
    assert_eq!(host.wait().code(), Some(0));
    assert!(
        Request::new(address, "GET", "/api/c/version")
            .try_send()
            .is_err()
    );
    assert!(!host.folder().join("greenroom.sock").exists());
    assert!(!host.log().contains("ERROR"), "{}", host.log());
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut host = Setup::new()
        .config("backend: {lifecycle: {serverShutdownTimeout: 500ms}}\nplugins: {c: {limits: {timeout: 10m}}}")
        .plugin("c", &versioned("one"))
        .start();
    let address = host.address();
    let stuck: Vec<_> = ["/api/c/hang", "/api/c/spin"]
        .map(|target| thread::spawn(move || Request::new(address, "GET", target).try_send()))
        .into();
    host.wait_until("they run", |host| host.plugin("c")["running"] == 2);
    let begun = Instant::now();
    host.signal(Signal::INT);
    assert_eq!(host.wait().code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    for request in stuck {
        assert!(request.join().unwrap().is_err(), "it was cut off");
    }
}

#[test]
fn a_stop_while_plugins_load_is_a_stop() {
    let mut host = Setup::new()
        .own_cache()
        .plugin("c", &versioned("one"))
        .plugin("todo", &todo())
        .plugin("spinning", &chameleon("describe=spin;"))
        .launch();
    host.wait_until("they load", |host| {
        let plugins = host.plugins();
        let plugins = plugins["plugins"].as_array().expect("a list");
        plugins.len() == 3 && plugins.iter().all(|p| p["state"] == "loading")
    });
    let begun = Instant::now();
    host.signal(Signal::TERM);
    assert_eq!(host.wait().code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}\n{}",
        begun.elapsed(),
        host.log()
    );
    assert!(
        !host.log().contains("did not end in time"),
        "{}",
        host.log()
    );
}

#[test]
fn a_second_host_on_the_same_databases_names_the_first() {
    let host = Setup::durable().plugin("c", &versioned("one")).start();
    let databases = host.folder().join("db");
    let config = format!(
        "backend: {{database: {{client: better-sqlite3, connection: {{directory: {}}}}}}}",
        databases.display()
    );
    let second = Setup::new().config(&config).refused();
    assert_eq!(second.status.code(), Some(1));
    let text = stdout(&second);
    for part in [
        &format!("(pid {})", host.pid()),
        &*databases.display().to_string(),
        "backend.database.connection.directory",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(version(&host, "c"), "one");
    // A killed host's lock is no lock.
    let host = host.crash();
    assert_eq!(version(&host, "c"), "one");
}

#[test]
fn a_second_host_does_not_take_the_socket_of_the_first() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    let socket = host.folder().join("greenroom.sock");
    let config = format!("backend: {{admin: {{socket: {}}}}}", socket.display());
    let second = Setup::new().config(&config).refused();
    let text = stdout(&second);
    assert!(
        text.contains("backend.admin.socket") && text.contains("another host runs"),
        "{text}"
    );
    assert_eq!(host.plugin("c")["state"], "live");
    // One that a killed host left is replaced.
    let host = host.crash();
    assert_eq!(host.plugin("c")["state"], "live");
}
