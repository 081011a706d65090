//! `health`: how a plugin is by its own word, and what becomes of it.

use super::{builds, lines};
use greenroom_tests::{Host, Setup, Wire, chameleon};
use serde_json::{Value, json};

const READINESS: &str = "/.backstage/health/v1/readiness";
const LIVENESS: &str = "/.backstage/health/v1/liveness";

const FAILS: &str = "the plugin is not well";
const WELL: &str = "the plugin is well again";

/// Often enough for a test.
const OFTEN: &str = "health: {interval: 100ms, timeout: 2s, failures: 2}";

fn host(settings: &str) -> Host {
    setup(&format!("hooks: {{{settings}}}")).start()
}

/// The plugin `hooks`, with this below `plugins`.
fn setup(plugins: &str) -> Setup {
    let [first, _] = builds();
    Setup::durable()
        .config(&format!(
            "backend: {{database: {{client: better-sqlite3, connection: {{directory: ./db}}}}}}\n\
             plugins: {{{plugins}}}"
        ))
        .plugin("hooks", &first)
}

/// From now on the check does this.
fn set(host: &Host, how: &str) {
    let answer = host
        .request("PUT", &format!("/api/hooks/health/{how}"))
        .send();
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn health(host: &Host) -> Value {
    host.plugin("hooks")["health"].clone()
}

fn wait_for(host: &Host, state: &str) {
    host.wait_until(&format!("it is {state}"), |host| {
        health(host)["state"] == state
    });
}

#[test]
fn a_required_plugin_that_is_not_well_makes_the_host_unready() {
    let host = host(&format!("required: true, {OFTEN}"));
    host.wait_until("ready", |host| host.get(READINESS).status == 200);
    assert_eq!(health(&host)["state"], "well");
    for turn in 1..3 {
        set(&host, "fail");
        host.wait_until("unready", |host| host.get(READINESS).status == 503);
        // The reason is the operator's, not every stranger's.
        let expected = json!({
            "status": "error",
            "message": "plugin hooks is required and says that it is not well",
        });
        assert_eq!(host.get(READINESS).json(), expected);
        let told = health(&host);
        assert_eq!(told["state"], "failing", "{told}");
        assert_eq!(told["reason"], "the fixture was told to fail in check");
        assert!(told["failures"].as_u64() >= Some(2), "{told}");
        // It goes on, and so does the host.
        assert_eq!(host.get(LIVENESS).status, 200);
        assert_eq!(host.get("/api/hooks/told").status, 200);
        set(&host, "ok");
        host.wait_until("ready", |host| host.get(READINESS).status == 200);
        assert!(health(&host)["reason"].is_null());
        for message in [FAILS, WELL] {
            host.wait_until("its line", |host| {
                lines(host, "hooks", message).len() >= turn
            });
            assert_eq!(lines(&host, "hooks", message).len(), turn, "{message}");
        }
    }
}

#[test]
fn that_of_others_is_told_and_no_more() {
    let host = host(OFTEN);
    set(&host, "fail");
    wait_for(&host, "failing");
    assert_eq!(host.get(READINESS).status, 200);
    let output = host.command(&["plugins"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "live, not well",
        "health: the fixture was told to fail in check (since ",
    ] {
        assert!(text.contains(part), "{text}");
    }
    set(&host, "ok");
    wait_for(&host, "well");
    let output = host.command(&["plugins"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("live, well") && !text.contains("health:"),
        "{text}"
    );
}

#[test]
fn a_check_that_traps_or_never_ends_is_one_that_fails() {
    let host = host(OFTEN);
    for (how, reason) in [
        ("trap", "check() trapped"),
        ("spin", "check() took longer than 2000 ms"),
        ("hang", "check() took longer than 2000 ms"),
        ("bomb", "limits.memory"),
        ("flood", "bad\\n"),
        ("fail", "told to fail"),
    ] {
        set(&host, how);
        wait_for(&host, "failing");
        let told = health(&host)["reason"].clone();
        let told = told.as_str().expect("a reason");
        assert!(told.contains(reason), "{how}: {told}");
        assert!(
            told.len() < 3000 && !told.contains('\u{1b}'),
            "{how}: {told}"
        );
        // An instance of its own: those of requests are as they were.
        assert_eq!(host.get("/api/hooks/told").status, 200, "{how}");
        set(&host, "ok");
        wait_for(&host, "well");
    }
}

#[test]
fn a_full_queue_does_not_starve_it() {
    let host = host(
        "limits: {concurrency: 1, queue: 0, timeout: 5m}, health: {interval: 100ms, failures: 1}",
    );
    set(&host, "turns");
    let mut wire = Wire::open(host.address());
    wire.send("POST /api/hooks/upload HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n");
    wire.send(vec![b'x'; 500_000]);
    host.wait_until("it runs", |host| host.plugin("hooks")["running"] == 1);
    assert_eq!(host.get("/api/hooks/told").status, 503, "no place is free");
    let before = lines(&host, "hooks", FAILS).len();
    host.wait_until("checks go on", |host| {
        lines(host, "hooks", FAILS).len() > before + 2
    });
    assert_eq!(host.plugin("hooks")["running"], 1, "all the time");
    wire.send(vec![b'x'; 400_000]);
    assert_eq!(wire.answer().text(), "900000");
}

#[test]
fn what_is_known_stays_while_builds_change() {
    let host = host(&format!("required: true, {OFTEN}"));
    let [_, second] = builds();
    set(&host, "fail");
    wait_for(&host, "failing");
    host.deploy("hooks", &second).unwrap();
    assert_eq!(host.get(READINESS).status, 503);
    set(&host, "ok");
    wait_for(&host, "well");
    // A build that cannot say it counts as one that is well, and so does one that has just come after it.
    host.deploy("hooks", &chameleon("id=hooks;")).unwrap();
    assert!(health(&host).is_null());
    assert_eq!(host.get(READINESS).status, 200);
    host.ask(&["rollback", "hooks"]);
    assert_eq!(host.get(READINESS).status, 200);
    wait_for(&host, "well");
    host.ask(&["remove", "hooks"]);
    assert!(health(&host).is_null(), "no build serves");
}

#[test]
fn a_host_that_starts_is_ready_only_when_it_has_said_so() {
    let host = host(&format!("required: true, {OFTEN}"));
    set(&host, "fail");
    wait_for(&host, "failing");
    let host = host.restart();
    // From its first moment on: not loaded, not asked, not well.
    assert_eq!(host.get(READINESS).status, 503);
    wait_for(&host, "failing");
    assert_eq!(host.get(READINESS).status, 503);
    set(&host, "ok");
    host.wait_until("ready", |host| host.get(READINESS).status == 200);
}

/// Beside its twin, which is asked: the first check comes at once, so that when the twin has had its third one, this
/// plugin would have had one, too. A check that goes well leaves its row.
#[test]
fn a_plugin_need_not_be_asked() {
    let [first, _] = builds();
    let host = setup(&format!(
        "hooks: {{required: true, health: false}}, twin: {{{OFTEN}}}"
    ))
    .plugin("twin", &first)
    .start();
    let told = |id: &str| host.get(&format!("/api/{id}/told")).json();
    host.wait_until("its twin has been asked three times", |_| {
        let told = told("twin");
        let told = told.as_array().into_iter().flatten();
        told.filter(|what| *what == "check").count() >= 3
    });
    assert_eq!(told("hooks"), json!(["start"]), "no check ever ran");
    assert_eq!(host.plugin("twin")["health"]["state"], "well");
    assert!(health(&host).is_null());
    assert_eq!(host.get(READINESS).status, 200, "nobody has to say so");
}

#[test]
fn both_endpoints_carry_the_headers_of_the_configuration() {
    let [first, _] = builds();
    let host = Setup::new()
        .config(
            "backend: {health: {headers: {X-Probe: 'greenroom 1', cache-control: no-store}}}\n\
             plugins: {absent: {required: true}}",
        )
        .plugin("hooks", &first)
        .start();
    host.wait_until("decided", |host| {
        !host.get(READINESS).text().contains("loading")
    });
    for (target, status) in [(LIVENESS, 200), (READINESS, 503)] {
        for method in ["GET", "HEAD"] {
            let answer = host.request(method, target).send();
            assert_eq!(answer.status, status, "{target}");
            assert_eq!(answer.header("x-probe").as_deref(), Some("greenroom 1"));
            assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
            let kind = answer.header("content-type");
            assert_eq!(kind.as_deref(), Some("application/json; charset=utf-8"));
        }
    }
    assert_eq!(host.get("/api/hooks/told").header("x-probe"), None);
}
