//! What stands in a line.

use super::{get, line, lines, two};
use greenroom_tests::{Host, Setup, chameleon};
use serde_json::Value;

/// Every field of a plugin's line, as docs/logging.md lists them.
fn check(line: &Value, host: &Host, level: &str, target: &str, request: &str) {
    let build = host.plugin("a")["build"]["id"].as_str().unwrap().to_owned();
    let text = |name: &str| {
        let value = line[name].as_str();
        value
            .unwrap_or_else(|| panic!("no {name} in {line}"))
            .to_owned()
    };
    let time = text("timestamp");
    assert!(time.len() == 27 && time.ends_with('Z'), "{line}");
    assert_eq!(text("level"), level, "{line}");
    assert!(text("target").starts_with(target), "{line}");
    assert_eq!(text("plugin"), "a", "{line}");
    assert!(
        text("build").len() == 12 && build.starts_with(&text("build")),
        "{line}"
    );
    assert_eq!(text("request"), request, "{line}");
    assert_eq!(text("principal"), "none", "{line}");
    assert_eq!(text("service"), "greenroom", "{line}");
    assert!(!text("message").is_empty());
}

#[test]
fn all_that_a_plugin_causes_names_plugin_build_request_and_principal() {
    let host = two("plugins: {a: {limits: {timeout: 500ms}}}").start();
    for (path, status, message, level, target) in [
        (
            "/log?text=a-line&level=warn",
            204,
            "a-line",
            "WARN",
            "plugin",
        ),
        ("/stdout?text=to-stdout", 204, "to-stdout", "INFO", "plugin"),
        ("/stderr?text=to-stderr", 204, "to-stderr", "WARN", "plugin"),
        (
            "/panic",
            502,
            "plugin trapped",
            "ERROR",
            "greenroom::plugin",
        ),
        (
            "/spin",
            504,
            "plugin timed out",
            "ERROR",
            "greenroom::plugin",
        ),
        (
            "/nothing",
            502,
            "plugin gave no valid answer",
            "ERROR",
            "greenroom::plugin",
        ),
    ] {
        let id = format!("r{}", path.replace(['/', '?', '=', '&'], "-"));
        assert_eq!(get(&host, &format!("/api/a{path}"), &id), status, "{path}");
        check(&line(&host, &[message, &id]), &host, level, target, &id);
    }
    let context = |message: &str| line(&host, &[message])["context"].clone();
    assert_eq!(context("to-stdout"), "stdout");
    assert_eq!(context("to-stderr"), "stderr");
    // The SDK says where in the plugin it was.
    assert!(context("a-line").as_str().unwrap().ends_with("routes"));
}

#[test]
fn what_the_configuration_adds_is_in_every_line() {
    let host = two("backend: {logger: {meta: {service: edge, zone: 'a \"b\"', rack: 7}}}").start();
    assert_eq!(get(&host, "/api/a/log?text=a-line", "r-1"), 204);
    line(&host, &["a-line"]);
    for line in lines(&host, &[]) {
        assert_eq!(
            (&line["service"], &line["zone"], &line["rack"]),
            (&"edge".into(), &"a \"b\"".into(), &7.into()),
            "{line}"
        );
    }
}

#[test]
fn nothing_that_is_not_seen_is_in_a_line() {
    let host = two("").start();
    // RIGHT-TO-LEFT OVERRIDE, LINE SEPARATOR, CSI, ZERO WIDTH SPACE and BOM, DEL, ESC.
    let hidden = "x%E2%80%AEy%E2%80%A8z%C2%9B2J%E2%80%8B%EF%BB%BF%7F%1B";
    for (path, id) in [("log", "h-1"), ("stdout", "h-2"), ("stderr", "h-3")] {
        let target = format!("/api/a/{path}?text=hidden-{hidden}");
        assert_eq!(get(&host, &target, id), 204);
        let said = line(&host, &["hidden-", id]);
        assert_eq!(
            said["message"],
            "hidden-x\\u{202e}y\\u{2028}z\\u{9b}2J\\u{200b}\\u{feff}\\u{7f}\\u{1b}"
        );
    }
    let log = host.log();
    let seen =
        |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{2028}\u{200b}\u{feff}".contains(c));
    assert!(log.chars().all(seen));
}

#[test]
fn what_a_request_wrote_without_an_end_of_line_is_its_own_line() {
    let host = two("").start();
    for id in ["half-1", "half-2"] {
        let target = format!("/api/a/stdout?end=no&text=begun-by-{id}");
        assert_eq!(get(&host, &target, id), 204);
        // Nobody asks the instance for anything else.
        let said = line(&host, &["begun-by", id]);
        assert_eq!(
            (&said["message"], &said["request"]),
            (&format!("begun-by-{id}").into(), &id.into())
        );
    }
}

#[test]
fn a_long_line_of_standard_output_becomes_several() {
    let host = two("").start();
    assert_eq!(
        get(&host, "/api/a/stdout?text=12345678&times=5000", "long"),
        204
    );
    host.wait_until("all of it is there", |host| {
        let parts = lines(host, &["\"long\"", "12345678"]);
        let bytes = |line: &Value| line["message"].as_str().unwrap().len();
        assert!(parts.iter().all(|line| bytes(line) <= 8 << 10));
        parts.iter().map(bytes).sum::<usize>() == 40_000
    });
}

#[test]
fn a_request_has_a_line_where_it_is_asked_for() {
    let host = two("backend: {logger: {requests: true}}").start();
    let answer = host
        .request("GET", "/api/a/version?token=in-the-query")
        .header("x-request-id", "asked-1")
        .header("user-agent", "curl/8 \"x\"")
        .send();
    assert_eq!(answer.status, 200);
    let told = line(&host, &["incomingRequest", "asked-1"]);
    for (name, value) in [
        ("level", "INFO"),
        ("target", "request"),
        ("message", "GET /api/a/version 200"),
        ("method", "GET"),
        ("url", "/api/a/version"),
        ("httpVersion", "1.1"),
        ("userAgent", "curl/8 \"x\""),
        ("plugin", "a"),
        ("principal", "none"),
    ] {
        assert_eq!(told[name], value, "{told}");
    }
    assert_eq!(
        (&told["status"], &told["contentLength"]),
        (&200.into(), &1.into()),
        "{told}"
    );
    assert!(
        told["duration"].as_f64().is_some_and(|ms| ms > 0.0),
        "{told}"
    );
    // What no plugin saw has one too.
    assert_eq!(get(&host, "/nowhere", "asked-2"), 404);
    let told = line(&host, &["incomingRequest", "asked-2"]);
    assert_eq!(
        (&told["status"], &told["plugin"]),
        (&404.into(), &Value::Null),
        "{told}"
    );
    assert!(!host.log().contains("in-the-query"));
    // Not by default.
    let quiet = Setup::new().plugin("a", &chameleon("")).start();
    assert_eq!(get(&quiet, "/api/a/log?text=after-it", "asked-3"), 204);
    line(&quiet, &["after-it"]);
    assert!(!quiet.log().contains("incomingRequest"));
}
