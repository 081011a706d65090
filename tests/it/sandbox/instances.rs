//! How long an instance lives, and how many there are.

use super::*;
use greenroom_tests::Connection;

/// Requests that the instance behind this answer has counted.
fn counted(host: &Host, connection: &mut Connection) -> u64 {
    let answer = connection
        .send(host.request("GET", "/api/chameleon/instance"))
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["requests"].as_u64().unwrap()
}

#[test]
fn an_instance_is_used_again_until_its_number_of_requests() {
    let host = with_limits("{maxRequestsPerInstance: 3}");
    let mut connection = Connection::open(host.address());
    let counts: Vec<_> = (0..7).map(|_| counted(&host, &mut connection)).collect();
    assert_eq!(counts, [1, 2, 3, 1, 2, 3, 1]);
}

#[test]
fn one_request_an_instance_when_so_configured() {
    let host = with_limits("{maxRequestsPerInstance: 1}");
    let mut connection = Connection::open(host.address());
    assert!((0..5).all(|_| counted(&host, &mut connection) == 1));
}

#[test]
fn an_instance_that_trapped_or_grew_is_not_used_again() {
    let host = with_limits("{timeout: 2s}");
    let mut connection = Connection::open(host.address());
    let mut expect = |count: u64| assert_eq!(counted(&host, &mut connection), count);
    expect(1);
    expect(2);
    // Four MiB are nothing unusual.
    assert_eq!(status(&host, "/grow?mb=4"), 200);
    expect(3);
    for spoils in ["/grow?mb=32", "/trap", "/panic", "/spin"] {
        status(&host, spoils);
        expect(1);
        expect(2);
    }
}

#[test]
fn an_idle_instance_ends() {
    let host = with_limits("{instanceIdle: 1s}");
    assert_eq!(status(&host, "/version"), 200);
    assert_ne!(host.plugin("chameleon")["instances"], 0);
    host.wait_until("the idle instance is ended", |host| {
        host.plugin("chameleon")["instances"] == 0
    });
    assert_eq!(status(&host, "/version"), 200);
}

#[test]
fn plugins_share_few_instances_by_giving_up_idle_ones() {
    let component = chameleon("");
    let limits = "limits: {concurrency: 4, queueTimeout: 60s, timeout: 60s}";
    let config =
        format!("engine: {{maxInstances: 4}}\nplugins: {{one: {{{limits}}}, two: {{{limits}}}}}");
    let host = Setup::new()
        .config(&config)
        .plugin("one", &component)
        .plugin("two", &component)
        .start();
    // Each alone fills all of them, in turn.
    for plugin in ["one", "two", "one", "two"] {
        at_once(&host, &[plugin; 4], 2);
    }
    // And both together.
    at_once(
        &host,
        &["one", "two", "one", "two", "one", "two", "one", "two"],
        10,
    );
}

/// One thread for each of these plugins sends requests that take a moment; all must be answered well.
fn at_once(host: &Host, plugins: &[&str], requests: usize) {
    std::thread::scope(|scope| {
        for plugin in plugins {
            scope.spawn(move || {
                for _ in 0..requests {
                    let answer = host.get(&format!("/api/{plugin}/late?ms=20"));
                    assert_eq!(answer.status, 200, "{plugin}: {}", answer.text());
                }
            });
        }
    });
}

#[test]
fn a_swap_works_when_all_instances_are_taken() {
    let config = "engine: {maxInstances: 2}\nplugins: {chameleon: {limits: {concurrency: 2}}}";
    let host = Setup::new()
        .config(config)
        .plugin("chameleon", &chameleon(""))
        .start();
    at_once(&host, &["chameleon"; 2], 3);
    host.deploy("chameleon", &chameleon("version=2;")).unwrap();
    at_once(&host, &["chameleon"; 2], 3);
    assert_eq!(host.get("/api/chameleon/version").text(), "2");
}

#[test]
fn memory_above_the_engines_ceiling_is_refused_by_check() {
    let setup = Setup::new().plugin("chameleon", &chameleon(""));
    let host = setup.start();
    let config = "engine: {maxMemory: 64MiB}\nplugins: {chameleon: {limits: {memory: 65MiB}}}";
    std::fs::write(host.folder().join("greedy.yaml"), config).unwrap();
    let output = host.command(&["check", "--config", "greedy.yaml", "--config", "fixed.yaml"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(
        text.contains("limits.memory")
            && text.contains("engine.maxMemory")
            && text.contains("64MiB"),
        "{text}"
    );
    std::fs::write(
        host.folder().join("greedy.yaml"),
        config.replace("65MiB", "64MiB"),
    )
    .unwrap();
    host.ask(&["check", "--config", "greedy.yaml", "--config", "fixed.yaml"]);
}
