//! Levels, of a plugin and of all, and their change while the host runs.

use super::{line, lines, two};
use greenroom_tests::Host;
use serde_json::{Value, json};

/// What `/log` was told of its level: whether the text of the line was made.
fn makes(host: &Host, plugin: &str, level: &str) -> bool {
    let answer = host.get(&format!(
        "/api/{plugin}/log?level={level}&text={plugin}-{level}"
    ));
    assert_eq!(answer.status, 204);
    answer.header("x-made").as_deref() == Some("true")
}

fn levels(host: &Host) -> Value {
    let shown = host.ask(&["log"]);
    let of = |id: &str| {
        let mut rows = shown["plugins"].as_array().unwrap().iter();
        let row = rows.find(|row| row["plugin"] == id).unwrap();
        (row["level"].clone(), row["changed"].clone())
    };
    json!([shown["levels"], shown["source"], of("a"), of("b")])
}

#[test]
fn one_plugins_level_changes_while_it_serves() {
    let host = two("").log("").start();
    assert_eq!(
        levels(&host),
        json!(["info", "default", ["info", false], ["info", false]])
    );
    assert!(makes(&host, "a", "info") && !makes(&host, "a", "debug"));
    assert!(makes(&host, "b", "info") && !makes(&host, "b", "debug"));

    host.ask(&["log", "a", "debug"]);
    assert_eq!(
        levels(&host),
        json!(["info", "default", ["debug", true], ["info", false]])
    );
    // Instances that were told of the old level are gone.
    assert!(makes(&host, "a", "debug") && !makes(&host, "a", "trace"));
    assert!(!makes(&host, "b", "debug"));
    assert_eq!(line(&host, &["a-debug"])["level"], "DEBUG");
    assert!(lines(&host, &["b-debug"]).is_empty());

    host.ask(&["log", "a", "off"]);
    assert!(!makes(&host, "a", "error") && makes(&host, "b", "error"));
    line(&host, &["b-error"]);
    assert!(lines(&host, &["a-error"]).is_empty());
    // What the host has to say about it is the host's.
    assert_eq!(host.get("/api/a/panic").status, 502);
    assert_eq!(line(&host, &["plugin trapped"])["plugin"], "a");

    host.ask(&["log", "a", "default"]);
    assert!(makes(&host, "a", "info") && !makes(&host, "a", "debug"));
}

#[test]
fn the_level_of_all_changes_and_comes_back() {
    let host =
        two("backend: {logger: {level: warn, overrides: [{matchers: {plugin: b}, level: debug}]}}")
            .log("")
            .start();
    let begun = json!([
        "warn,plugin::b=debug",
        "backend.logger",
        ["warn", false],
        ["debug", false]
    ]);
    assert_eq!(levels(&host), begun);
    assert!(!makes(&host, "a", "info") && makes(&host, "b", "debug"));
    assert!(lines(&host, &["\"INFO\""]).is_empty(), "{}", host.log());

    host.ask(&["log", "info,plugin=trace"]);
    let changed = json!([
        "info,plugin=trace",
        "greenroom log",
        ["trace", false],
        ["trace", false]
    ]);
    assert_eq!(levels(&host), changed);
    assert!(makes(&host, "a", "trace") && makes(&host, "b", "trace"));
    line(&host, &["a-trace"]);
    host.deploy("a", &greenroom_tests::chameleon("answer=new;"))
        .unwrap();
    line(&host, &["\"INFO\"", "\"outcome\":\"deployed\""]);

    host.ask(&["log", "default"]);
    assert_eq!(levels(&host), begun);
    host.ask(&["log", "a", "trace"]);
    // A change lasts until the host stops.
    let host = host.restart();
    assert_eq!(levels(&host), begun);
}

#[test]
fn the_variables_come_before_the_configuration() {
    let host = two("backend: {logger: {level: trace}}")
        .log("warn,plugin::a=debug")
        .start();
    let expected = json!([
        "warn,plugin::a=debug",
        "GREENROOM_LOG",
        ["debug", false],
        ["warn", false]
    ]);
    assert_eq!(levels(&host), expected);
    assert!(makes(&host, "a", "debug") && !makes(&host, "b", "info"));
}

#[test]
fn it_is_shown_as_a_table_and_in_one_line() {
    let host = two("").log("").start();
    let said = |args: &[&str]| {
        let output = host.command(args);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        said(&["log"]),
        "OF   LEVEL  BY\nall  info   default\na    info   all\nb    info   all\n"
    );
    assert_eq!(
        said(&["log", "b", "warn"]),
        "b: lines from warn on, until the host stops\n"
    );
    assert_eq!(
        said(&["log", "b", "off"]),
        "b: no lines, until the host stops\n"
    );
    assert_eq!(
        said(&["log", "b", "default"]),
        "b: lines from info on, as the others\n"
    );
    assert!(said(&["log", "error"]).starts_with("OF   LEVEL  BY\nall  error  greenroom log\n"));
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let host = two("").log("").start();
    let before = levels(&host);
    for (args, code, part) in [
        (&["log", "loud"][..], 64, "greenroom log loud LEVEL"),
        (&["log", "a", "loud"], 64, "is no level"),
        (&["log", "plugin=loud"], 64, "`loud` is no level"),
        (&["log", "A_B", "info"], 64, "is no plugin id"),
        (&["log", "nobody", "info"], 1, "no plugin has the id nobody"),
    ] {
        let output = host.command(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
    assert_eq!(levels(&host), before);
}
