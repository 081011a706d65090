//! What one plugin writes does not push out what others write.

use super::{get, line, lines, two};

const LINES: u64 = 20_000;

/// The log of `a`, which may write 1 KiB a second, after it wrote 20,000 lines at once.
#[test]
fn a_plugin_that_floods_loses_its_own_lines_alone() {
    let host = two("plugins: {a: {limits: {log: 1KiB}}}").start();
    assert_eq!(
        get(
            &host,
            &format!("/api/a/chatter?n={LINES}&text=chatter"),
            "flood"
        ),
        204
    );
    // Of its own fault the host still tells, and of its neighbour everything.
    assert_eq!(get(&host, "/api/a/panic", "fault"), 502);
    assert_eq!(
        get(&host, "/api/b/chatter?n=100&text=neighbour", "calm"),
        204
    );
    line(&host, &["plugin trapped", "fault"]);
    host.wait_until("the neighbour's lines are there", |host| {
        lines(host, &["\"neighbour\""]).len() == 100
    });
    // What was left out is told, by its number.
    host.wait_until("every line is there or counted", |host| {
        let written = lines(host, &["\"message\":\"chatter\""]).len() as u64;
        let told = lines(host, &["limits.log", "\"plugin\":\"a\""]);
        let lost: u64 = told.iter().map(|line| line["lost"].as_u64().unwrap()).sum();
        // The panic's message on standard error may be among them.
        written > 10 && written < 1000 && (LINES..LINES + 10).contains(&(written + lost))
    });
    let told = lines(&host, &["limits.log"]);
    assert!(
        told.iter()
            .all(|line| line["level"] == "WARN" && line["plugin"] == "a"),
        "{told:?}"
    );
}

#[test]
fn by_default_a_share_is_enough_for_thousands_of_lines() {
    let host = two("").start();
    assert_eq!(get(&host, "/api/a/chatter?n=5000&text=much", "much"), 204);
    host.wait_until("all of them are there", |host| {
        lines(host, &["\"much\""]).len() == 5000
    });
    assert!(lines(&host, &["limits.log"]).is_empty());
}
