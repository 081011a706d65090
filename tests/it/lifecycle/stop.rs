//! `stop`: once for each time that a build has served, after its last request and before its data is closed.

use super::{builds, lines, ran, wait_until_ran};
use greenroom_tests::{Host, Setup, Wire, chameleon, fixture, todo};
use rustix::process::Signal;
use std::fmt::Write;

const RAN: &str = "stop() has run";
const FAILED: &str = "stop() failed";

fn host() -> Host {
    let [first, _] = builds();
    Setup::durable().plugin("hooks", &first).start()
}

#[test]
fn it_runs_when_the_host_stops_and_not_when_it_is_killed() {
    let host = host();
    assert_eq!(ran(&host, "hooks"), ["start"]);
    let host = host.restart();
    assert_eq!(ran(&host, "hooks"), ["start", "stop", "start"]);
    let host = host.crash();
    assert_eq!(ran(&host, "hooks"), ["start", "stop", "start", "start"]);
}

#[test]
fn another_build_serves_already_when_it_runs() {
    let host = host();
    let [_, second] = builds();
    let before = host.plugin("hooks")["build"]["id"].clone();
    host.deploy("hooks", &second).unwrap();
    wait_until_ran(&host, "hooks", &["start", "start", "stop"]);
    host.wait_for_log(&[RAN, "hooks"]);
    let told = &lines(&host, "hooks", RAN)[0];
    assert_eq!(told["build"], &before.as_str().unwrap()[..12], "{told}");
    // Its own lines are told as those of a request.
    host.wait_for_log(&["stop was called", "\"request\":\"stop\""]);
    // A deploy of what serves stops nothing.
    host.deploy("hooks", &second).unwrap();
    assert_eq!(ran(&host, "hooks"), ["start", "start", "stop"]);
}

#[test]
fn a_build_that_comes_back_starts_again_and_stops_again() {
    let host = host();
    let [_, second] = builds();
    host.deploy("hooks", &second).unwrap();
    wait_until_ran(&host, "hooks", &["start", "start", "stop"]);
    host.ask(&["rollback", "hooks"]);
    let whole = ["start", "start", "stop", "start", "stop"];
    wait_until_ran(&host, "hooks", &whole);
    let host = host.restart();
    let last = [&whole[..], &["stop", "start"]].concat();
    assert_eq!(ran(&host, "hooks"), last);
}

/// `next` serves, and the build before it still reads a body of which 400,000 bytes are missing.
fn replaced_during_a_request(host: &Host, next: &[u8]) -> Wire {
    let mut wire = Wire::open(host.address());
    wire.send("POST /api/hooks/upload HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n");
    wire.send(vec![b'x'; 500_000]);
    host.wait_until("it runs", |host| host.plugin("hooks")["running"] == 1);
    host.deploy("hooks", next).unwrap();
    wire
}

#[test]
fn it_waits_for_the_last_request_of_its_build() {
    let [first, second] = builds();
    let host = Setup::durable()
        .config("backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\nplugins: {hooks: {limits: {timeout: 5m}}}")
        .plugin("hooks", &first)
        .start();
    host.compile(&second);
    let mut wire = replaced_during_a_request(&host, &second);
    for _ in 0..20 {
        assert_eq!(ran(&host, "hooks"), ["start", "start"]);
    }
    assert_eq!(host.plugin("hooks")["running"], 1, "it ran all the time");
    wire.send(vec![b'x'; 400_000]);
    assert_eq!(wire.answer().text(), "900000");
    wait_until_ran(&host, "hooks", &["start", "start", "stop"]);
}

#[test]
fn a_host_that_stops_waits_for_no_request_of_an_earlier_build() {
    let [first, second] = builds();
    let mut host = Setup::durable()
        .config(
            "backend: {lifecycle: {serverShutdownTimeout: 300ms}, database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
             plugins: {hooks: {limits: {timeout: 5m}}}",
        )
        .plugin("hooks", &first)
        .start();
    host.compile(&second);
    let _wire = replaced_during_a_request(&host, &second);
    assert_eq!(ran(&host, "hooks"), ["start", "start"]);
    host.signal(Signal::TERM);
    assert!(host.wait().success());
    let host = host.revive();
    host.wait_until("it serves", |host| {
        host.get("/api/hooks/told").status == 200
    });
    let expected = ["start", "start", "stop", "stop", "start"];
    assert_eq!(ran(&host, "hooks"), expected);
}

#[test]
fn it_runs_before_the_data_of_a_removed_plugin_is_closed() {
    let host = host();
    let [first, _] = builds();
    host.ask(&["remove", "hooks"]);
    assert_eq!(host.get("/api/hooks/told").status, 404);
    host.deploy("hooks", &first).unwrap();
    assert_eq!(ran(&host, "hooks"), ["start", "stop", "start"]);
    // And where the file goes.
    std::fs::remove_file(host.folder().join("plugins/hooks.wasm")).unwrap();
    host.wait_until("it is gone", |host| {
        host.get("/api/hooks/told").status == 404
    });
    host.drop_in("hooks", &first);
    host.wait_until("it serves", |host| {
        host.get("/api/hooks/told").status == 200
    });
    let expected = ["start", "stop", "start", "stop", "start"];
    assert_eq!(ran(&host, "hooks"), expected);
}

/// What `stop` can do wrong, and a part of the reason in the log.
const WRONG: [(&str, &str); 6] = [
    ("fail", "the fixture was told to fail in stop"),
    ("trap", "stop() trapped"),
    ("spin", "stop() took longer than 5000 ms"),
    ("hang", "stop() took longer than 5000 ms"),
    ("bomb", "limits.memory"),
    ("flood", "bad\\n"),
];

#[test]
fn what_goes_wrong_in_it_is_told_and_harms_nobody() {
    let [first, second] = builds();
    let mut config = "plugins:\n".to_owned();
    let mut setup = Setup::new();
    for (how, _) in WRONG {
        writeln!(config, "  {how}: {{config: {{stop: {how}}}}}").unwrap();
        setup = setup.plugin(how, &first);
    }
    let host = setup.config(&config).start();
    host.compile(&second);
    for (how, _) in WRONG {
        host.deploy(how, &second).unwrap();
    }
    for (how, reason) in WRONG {
        host.wait_until(&format!("{how} is told"), |host| {
            !lines(host, how, FAILED).is_empty()
        });
        let told = lines(&host, how, FAILED)[0]["reason"].clone();
        let told = told.as_str().expect("a reason");
        assert!(told.contains(reason), "{how}: {told}");
        assert!(
            told.len() < 3000 && !told.contains('\u{1b}'),
            "{how}: {told}"
        );
        assert_eq!(ran(&host, how), ["start", "start"], "{how}");
    }
    // The second builds do the same when the host stops, which ends with 0 all the same.
    drop(host);
}

#[test]
fn a_transaction_that_it_leaves_open_is_rolled_back() {
    let [first, second] = builds();
    let host = Setup::new()
        .config("plugins: {hooks: {config: {stop: open}}}")
        .plugin("hooks", &first)
        .start();
    host.deploy("hooks", &second).unwrap();
    host.wait_for_log(&[RAN]);
    assert_eq!(ran(&host, "hooks"), ["start", "start"]);
    // The next write, of the build that comes, has the database.
    host.deploy("hooks", &first).unwrap();
    assert_eq!(ran(&host, "hooks"), ["start"; 3]);
}

#[test]
fn a_host_that_stops_gives_all_of_them_together_a_bounded_time() {
    let [first, _] = builds();
    let mut config = "backend: {lifecycle: {serverShutdownTimeout: 200ms}}\nplugins:\n".to_owned();
    let mut setup = Setup::new();
    // More than run at once.
    let ids: Vec<_> = (0..20).map(|n| format!("endless-{n}")).collect();
    for id in &ids {
        writeln!(config, "  {id}: {{config: {{stop: hang}}}}").unwrap();
        setup = setup.plugin(id, &first);
    }
    let mut host = setup.config(&config).start();
    host.signal(Signal::TERM);
    assert!(host.wait().success());
    for id in &ids {
        host.wait_until("its line", |host| !lines(host, id, FAILED).is_empty());
        let told = lines(&host, id, FAILED);
        let reason = told[0]["reason"].as_str().expect("a reason");
        assert!(told.len() == 1 && reason.contains("cut off"), "{told:?}");
    }
    assert!(!host.log().contains("did not end in time"));
}

#[test]
fn an_exclusive_migration_has_the_plugin_to_itself() {
    let [first, _] = builds();
    let mut second = first.clone();
    let marker = b"GREENROOM-HOOKS-";
    let at = second.windows(marker.len()).position(|w| w == marker);
    second[at.expect("the fixture has its marker") + marker.len() - 1] = b'+';
    let host = Setup::durable()
        .config(
            "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
             plugins: {hooks: {health: {interval: 100ms, timeout: 2s}}}",
        )
        .plugin("hooks", &first)
        .start();
    // Nearly all the time a check runs.
    assert_eq!(
        host.request("PUT", "/api/hooks/health/hang").send().status,
        204
    );
    host.wait_until("it hangs", |host| {
        host.plugin("hooks")["health"]["failures"].as_u64() > Some(0)
    });
    let outcome = host.deploy("hooks", &second).unwrap();
    assert_eq!(outcome["outcome"], "deployed", "{outcome}");
    wait_until_ran(&host, "hooks", &["start", "start", "stop"]);
}

#[test]
fn components_without_it_are_none_the_worse() {
    let mut host = Setup::new()
        .plugin("todo", &todo())
        .plugin("c", &chameleon(""))
        .plugin("hello", &fixture("hello"))
        .plugin("plain", &fixture("plain"))
        .config("plugins: {plain: {access: open}}")
        .start();
    host.deploy("c", &chameleon("version=2;")).unwrap();
    host.ask(&["remove", "hello"]);
    for id in ["todo", "c", "plain"] {
        let plugin = host.plugin(id);
        assert!(plugin["health"].is_null(), "{plugin}");
    }
    host.signal(Signal::TERM);
    assert!(host.wait().success());
    assert!(!host.log().contains("stop()"), "{}", host.log());
}
