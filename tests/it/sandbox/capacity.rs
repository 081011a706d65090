//! How many requests run and wait.

use super::*;

fn statuses(host: &Host, path: &str, at_once: usize) -> Vec<u16> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once)
            .map(|_| {
                scope.spawn(move || {
                    let answer = host.get(&format!("/api/chameleon{path}"));
                    if answer.status == 503 {
                        assert!(answer.header("retry-after").is_some());
                        assert_eq!(answer.json()["error"]["name"], "ServiceUnavailableError");
                    }
                    answer.status
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn more_than_run_and_wait_are_told_to_come_back() {
    let host = with_limits("{concurrency: 1, queue: 1, queueTimeout: 30s}");
    let all = statuses(&host, "/late?ms=2500", 8);
    let count = |status: u16| all.iter().filter(|s| **s == status).count();
    assert_eq!(count(200) + count(503), 8, "{all:?}");
    assert!(count(200) >= 2, "one runs and one waits: {all:?}");
    assert!(count(503) >= 3, "the others cannot: {all:?}");
    assert_eq!(status(&host, "/version"), 200);
}

#[test]
fn one_waits_no_longer_than_its_time() {
    let host = with_limits("{concurrency: 1, queue: 100, queueTimeout: 200ms}");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| status(&host, "/late?ms=6000"));
        host.wait_until("another is refused", |host| {
            running.is_finished() || status(host, "/version") == 503
        });
        assert!(
            !running.is_finished(),
            "it was refused while the first still ran"
        );
        assert_eq!(running.join().unwrap(), 200);
    });
    assert_eq!(status(&host, "/version"), 200);
}

#[test]
fn nobody_in_a_long_enough_queue_is_refused() {
    let host = with_limits("{concurrency: 2, queue: 100, queueTimeout: 60s}");
    assert!(
        statuses(&host, "/late?ms=20", 40)
            .iter()
            .all(|status| *status == 200)
    );
}

#[test]
fn one_plugins_queue_is_not_its_neighbours() {
    let component = chameleon("");
    let config = "plugins: {full: {limits: {concurrency: 1, queue: 0}}}";
    let host = Setup::new()
        .config(config)
        .plugin("full", &component)
        .plugin("free", &component)
        .start();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| host.get("/api/full/late?ms=5000").status);
        // A request to look at it would itself take the only place.
        host.wait_until("it is full", |host| host.plugin("full")["running"] == 1);
        assert_eq!(host.get("/api/full/version").status, 503);
        assert_eq!(host.get("/api/free/version").status, 200);
        assert_eq!(host.get("/.backstage/health/v1/readiness").status, 200);
        assert_eq!(running.join().unwrap(), 200);
    });
}
