//! Each fault costs the request that met it, and nobody else.

use super::*;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};

/// Threads of the host, by their names: those that run what takes long, and those that run the rest.
const SLOW: &str = "slow";
const SERVING: &str = "tokio-rt-worker";

/// Sends a request that must fail with this status and Backstage's error body, and checks that the next one is fine.
/// Returns the line of the log that tells of it.
fn fails(host: &Host, path: &str, expected: u16, line: &[&str]) -> String {
    let id = format!(
        "fault-{}",
        path.trim_start_matches('/').replace(['?', '='], "-")
    );
    let answer = host
        .request("GET", &format!("/api/chameleon{path}"))
        .header("x-request-id", &id)
        .send();
    assert_eq!(answer.status, expected, "{path}: {}", answer.text());
    assert_eq!(answer.header("x-request-id").as_deref(), Some(&*id));
    let body = answer.json();
    assert_eq!(body["response"]["statusCode"], expected);
    assert_eq!(body["request"]["url"], format!("/api/chameleon{path}"));
    assert_eq!(
        body["error"]["name"],
        if expected == 504 {
            "GatewayTimeoutError"
        } else {
            "BadGatewayError"
        }
    );
    let text = answer.text();
    assert!(
        !text.contains("wasm") && !text.contains("fixture") && !text.contains(".rs"),
        "nothing of the inside: {text}"
    );
    assert_eq!(status(host, "/version"), 200);
    host.wait_for_log(&[&[&*id, "ERROR", "chameleon"], line].concat())
}

#[test]
fn a_panic_is_told_in_the_log_with_its_message() {
    let host = plain();
    let line = fails(
        &host,
        "/panic",
        502,
        &["plugin trapped", "the fixture was told to panic"],
    );
    assert!(line.contains("hostile.rs"), "where it panicked: {line}");
}

#[test]
fn a_trap_an_exit_and_an_endless_recursion_are_502() {
    let host = plain();
    fails(&host, "/trap", 502, &["plugin trapped", "unreachable"]);
    fails(&host, "/exit", 502, &["plugin trapped"]);
    fails(&host, "/deep", 502, &["plugin trapped"]);
    // Again and again, without a trace left.
    for _ in 0..20 {
        assert_eq!(status(&host, "/trap"), 502);
        assert_eq!(status(&host, "/version"), 200);
    }
    assert_eq!(host.plugin("chameleon")["state"], "live");
}

#[test]
fn a_memory_bomb_ends_at_its_limit() {
    let host = with_limits("{memory: 32MiB}");
    fails(&host, "/bomb", 502, &["limits.memory", "32 MiB"]);
    assert_eq!(status(&host, "/grow?mb=8"), 200);
    assert_eq!(status(&host, "/grow?mb=40"), 502);
}

#[test]
fn a_loop_and_a_wait_end_at_the_timeout() {
    let host = with_limits("{timeout: 1s}");
    fails(&host, "/spin", 504, &["timed out"]);
    fails(&host, "/hang", 504, &["timed out"]);
    fails(&host, "/late?ms=30000", 504, &["timed out"]);
}

#[test]
fn an_answer_that_never_comes_is_502() {
    let host = plain();
    fails(&host, "/nothing", 502, &["no valid answer"]);
    fails(&host, "/refuse", 502, &["no valid answer"]);
}

#[test]
fn endless_loops_keep_neither_the_neighbour_nor_the_plugin_itself_from_answering() {
    let component = chameleon("");
    let config = "plugins: {greedy: {limits: {timeout: 4s}}}";
    let host = Setup::new()
        .config(config)
        .plugin("greedy", &component)
        .plugin("neighbour", &component)
        .start();
    let over = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        let loops: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let answer = host.get("/api/greedy/spin");
                    over.store(true, SeqCst);
                    answer.status
                })
            })
            .collect();
        let mut beside = 0;
        while !over.load(SeqCst) {
            assert_eq!(host.get("/api/neighbour/version").status, 200);
            assert_eq!(host.get("/api/greedy/version").status, 200);
            beside += 1;
        }
        assert!(
            loops
                .into_iter()
                .all(|thread| thread.join().unwrap() == 504)
        );
        beside
    });
    assert!(beside >= 5, "only {beside} rounds in 4 s beside them");
}

/// The host's threads and how long each has run (/proc/PID/task/TID/schedstat, proc(5): ns, then others), by thread.
fn threads(host: &Host) -> BTreeMap<PathBuf, (String, Duration)> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", host.pid())).unwrap();
    // One may end meanwhile.
    let read = threads.filter_map(|thread| {
        let thread = thread.ok()?.path();
        let name = std::fs::read_to_string(thread.join("comm")).ok()?;
        let stat = std::fs::read_to_string(thread.join("schedstat")).ok()?;
        let ns = stat.split(' ').next()?.parse().unwrap();
        Some((thread, (name.trim().to_owned(), Duration::from_nanos(ns))))
    });
    read.collect()
}

/// How long the threads of this name ran while `work` did.
fn ran<const N: usize>(host: &Host, names: [&str; N], work: impl FnOnce()) -> [Duration; N] {
    let before = threads(host);
    work();
    let after = threads(host);
    names.map(|name| {
        let of_name = after.iter().filter(|(_, thread)| thread.0 == name);
        let ran = of_name.map(|(path, thread)| match before.get(path) {
            Some(before) => thread.1 - before.1,
            None => thread.1,
        });
        ran.sum()
    })
}

#[test]
fn a_spoilt_start_costs_that_build_alone() {
    let host = plain();
    for (spec, words) in [
        ("version=2;start=spin;", "start() took longer"),
        ("version=2;describe=trap;", "describe() trapped"),
        ("version=2;describe=spin;", "describe() took longer"),
        (
            "version=2;describe=host;",
            "describe() may not call the host",
        ),
    ] {
        let [slow, serving] = ran(&host, [SLOW, SERVING], || {
            let error = host.deploy("chameleon", &chameleon(spec)).unwrap_err();
            assert!(error.contains(words), "{spec} {error}");
        });
        let long = words.contains("took longer");
        assert!(!long || slow > serving, "{spec} {slow:?} and {serving:?}");
        assert_eq!(status(&host, "/version"), 200);
    }
    assert_eq!(host.get("/api/chameleon/version").text(), "1.0.0");
    // `start` may call it.
    host.deploy("chameleon", &chameleon("version=2;start=host;"))
        .unwrap();
    host.wait_for_log(&["a call to the host out of start", "chameleon"]);
}

#[test]
fn where_most_requests_run_for_long_they_start_where_the_others_do_not() {
    let host = with_limits("{timeout: 30ms}");
    let spin = |times| {
        let [serving] = ran(&host, [SERVING], || {
            for _ in 0..times {
                assert_eq!(status(&host, "/spin"), 504);
            }
        });
        serving / times
    };
    let at_first = spin(3);
    spin(7);
    // Each of the first ran there for a tick or two, of a millisecond each.
    let later = spin(30);
    assert!(later < at_first / 2, "{at_first:?} {later:?} a request");
    // Elsewhere an answer is the same, and short ones bring the plugin back.
    let answer = || assert_eq!(status(&host, "/version"), 200);
    let [slow] = ran(&host, [SLOW], answer);
    assert_ne!(slow, Duration::ZERO);
    (0..40).for_each(|_| answer());
    // A thread that waits wakes now and then, for some microseconds.
    let [later] = ran(&host, [SLOW], answer);
    assert!(later < slow / 4, "{slow:?} {later:?} an answer");
}
