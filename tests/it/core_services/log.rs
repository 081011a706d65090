//! What becomes of all that the fixture writes: lines of its own, whatever they look like.

use super::{ID, assert_ok, audit_events, setup, with_policies};
use greenroom_tests::{Host, Response};
use serde_json::{Value, json};

fn ask_as(host: &Host, check: &str, id: &str) -> Response {
    let request = host.request("GET", &format!("/api/{ID}/{check}"));
    request.header("x-request-id", id).send()
}

/// The lines of the log that have this text, each of which is JSON.
fn lines(host: &Host, part: &str) -> Vec<Value> {
    let lines = host.log_lines(&[part]).into_iter();
    lines
        .map(|line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// What the fixture wrote in each of its four ways is a line of the plugin's.
fn assert_its_own(host: &Host, part: &str, id: &str) {
    host.wait_until("each is there", |host| lines(host, part).len() >= 4);
    let lines = lines(host, part);
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in &lines {
        for (name, value) in [("target", "plugin"), ("plugin", ID), ("request", id)] {
            assert_eq!(line[name], value, "{line}");
        }
        assert!(line["isAuditEvent"].is_null(), "{line}");
        for name in ["message", "context"] {
            let text = line[name].as_str().expect("a text");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

#[test]
fn a_plugin_may_write_anything_and_forges_no_line() {
    let host = setup("").log("info,plugin=trace").start();
    assert_ok(&ask_as(&host, "log", "of-the-writer"), "log");
    for (text, level) in [
        ("said at trace", "TRACE"),
        ("said at debug", "DEBUG"),
        ("said at info", "INFO"),
        ("said at warn", "WARN"),
        ("said at error", "ERROR"),
        ("said at critical", "ERROR"),
    ] {
        host.wait_for_log(&[text]);
        let line = &lines(&host, text)[0];
        assert_eq!(line["level"], level, "{line}");
        assert_eq!(line["context"], "levels", "{line}");
    }
    // Each is cut: a line has 8 KiB, its context 128 bytes.
    for (part, name, most) in [
        ("huge huge", "message", 8 << 10),
        ("of a huge context", "context", 128),
    ] {
        host.wait_for_log(&[part]);
        let lines = lines(&host, part);
        let text = lines[0][name].as_str().expect("a text");
        let cut = text.strip_suffix(" [cut]").expect("it is cut");
        assert_eq!(lines.len(), 1, "{part}");
        assert!(cut.len() <= most, "{part}: {} bytes", cut.len());
    }
    assert_its_own(&host, "forged line", "of-the-writer");
    host.wait_until("the long line is there in pieces", |host| {
        let pieces = lines(host, "longlong");
        let bytes = |line: &Value| line["message"].as_str().expect("a text").len();
        assert!(pieces.iter().all(|piece| bytes(piece) <= 8 << 10));
        pieces.iter().map(bytes).sum::<usize>() == 100_000
    });
}

#[test]
fn a_denial_is_an_audit_event_and_what_looks_like_one_is_none() {
    let host = with_policies("backend: {auditor: {file: ./audit.log}}");
    assert_ok(&ask_as(&host, "audit", "of-the-denied"), "audit");
    assert_its_own(&host, "core-services.forged", "of-the-denied");
    // One that comes after all of it.
    host.ask(&["log", ID, "info"]);
    host.wait_until("the change of levels is told", |host| {
        !audit_events(host, "log-level").is_empty()
    });
    assert!(audit_events(&host, "forged").is_empty());

    let denied = audit_events(&host, "permission-denied");
    assert_eq!(denied.len(), 1, "{denied:?}");
    let event = &denied[0];
    for (pointer, value) in [
        ("/isAuditEvent", json!(true)),
        ("/plugin", json!(ID)),
        ("/actor/actorId", json!("none")),
        ("/request/id", json!("of-the-denied")),
        ("/meta/permission", json!("thing.delete")),
        ("/meta/resource", json!("core-services/thing/1")),
        ("/status", json!("failed")),
    ] {
        assert_eq!(event.pointer(pointer), Some(&value), "{event}");
    }
    // The log has it as well.
    host.wait_for_log(&[
        "\"isAuditEvent\":true",
        "permission-denied",
        "of-the-denied",
    ]);
}
