//! Entity tags that the host makes, and 304.

use super::host;
use greenroom_tests::{Setup, todo};
use serde_json::json;

const JSON: &str = "/api/chameleon/config";

#[test]
fn answers_without_a_tag_get_a_weak_one_of_their_bytes() {
    let host = host();
    let tag = |target: &str| host.get(target).header("etag");
    for target in [
        JSON,
        "/api/chameleon/version",
        "/.backstage/health/v1/liveness",
        "/.backstage/health/v1/readiness",
        "/api/chameleon/answer?n=5&length=no",
    ] {
        let first = tag(target).unwrap_or_else(|| panic!("no tag on {target}"));
        assert!(
            first.starts_with("W/\"") && first.ends_with('"') && first.len() > 10,
            "{target}: {first}"
        );
        assert_eq!(
            tag(target).as_deref(),
            Some(first.as_str()),
            "{target}: the same bytes, the same tag"
        );
        assert_eq!(
            host.request("HEAD", target).send().header("etag"),
            Some(first),
            "{target}: HEAD as GET"
        );
    }
    assert_ne!(
        tag("/api/chameleon/answer?n=5"),
        tag("/api/chameleon/answer?n=6")
    );
    assert_eq!(
        tag("/api/chameleon/answer?n=5"),
        tag("/api/chameleon/answer?n=5&status=200")
    );
}

#[test]
fn only_200_to_get_and_head_is_tagged() {
    let host = host();
    for (method, target) in [
        ("POST", "/api/chameleon/echo"),
        ("GET", "/api/chameleon/answer?n=5&status=404"),
        ("GET", "/api/chameleon/answer?n=5&status=201"),
        ("GET", "/api/chameleon/answer?n=5&status=500"),
        ("GET", "/api/chameleon/nothing-here"),
        ("GET", "/api/none"),
        ("OPTIONS", "/api/chameleon/version"),
        // Too large to be collected: nobody knows its bytes before they are sent.
        ("GET", "/api/chameleon/answer?n=400000&length=no"),
    ] {
        let answer = host
            .request(method, target)
            .header("if-none-match", "*")
            .send();
        assert_eq!(answer.header("etag"), None, "{method} {target}");
        assert_ne!(answer.status, 304, "{method} {target}");
    }
}

#[test]
fn the_list_changes_its_tag_with_its_items_alone() {
    let host = Setup::durable().plugin("todo", &todo()).start();
    let tag =
        |host: &greenroom_tests::Host| host.get("/api/todo/todos").header("etag").expect("a tag");
    let empty = tag(&host);
    host.post("/api/todo/todos", &json!({"title": "t"}));
    let one = tag(&host);
    assert_ne!(one, empty);
    let host = host.restart();
    assert_eq!(tag(&host), one, "after a restart as well");
    let unchanged = host
        .request("GET", "/api/todo/todos")
        .header("if-none-match", &one)
        .send();
    assert_eq!(unchanged.status, 304);
    host.post("/api/todo/todos", &json!({"title": "t"}));
    assert_eq!(
        host.request("GET", "/api/todo/todos")
            .header("if-none-match", &one)
            .send()
            .status,
        200
    );
}

#[test]
fn if_none_match_is_a_list_compared_weakly() {
    let host = host();
    let tag = host.get(JSON).header("etag").unwrap();
    let strong = tag.strip_prefix("W/").unwrap();
    let ask = |method: &str, value: &str| {
        host.request(method, JSON)
            .header("if-none-match", value)
            .send()
    };
    for value in [
        &tag,
        strong,
        "*",
        &format!("\"x\", {tag}"),
        &format!("W/\"a,b\",{strong} , \"y\""),
        &format!(",, {tag}"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ask(method, value);
            assert_eq!(
                (answer.status, answer.body.len()),
                (304, 0),
                "{method} {value}"
            );
            assert_eq!(
                answer.header("etag").as_deref(),
                Some(tag.as_str()),
                "{value}"
            );
        }
    }
    for value in [
        "\"x\"",
        "",
        "x",
        strong.trim_matches('"'),
        "\"*\"",
        &tag.to_uppercase(),
    ] {
        assert_eq!(ask("GET", value).status, 200, "{value}");
    }
    let two_lines = host
        .request("GET", JSON)
        .header("if-none-match", "\"x\"")
        .header("if-none-match", &tag)
        .send();
    assert_eq!(two_lines.status, 304);
}

#[test]
fn a_304_keeps_what_caches_need_and_drops_the_rest() {
    let host = host();
    let target = "/api/chameleon/answer?n=2000&header=cache-control:max-age=60&header=last-modified:x&header=content-language:en&header=x-mine:1";
    let full = host.get(target);
    let answer = host
        .request("GET", target)
        .header("if-none-match", full.header("etag").unwrap())
        .send();
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    for name in ["etag", "vary", "cache-control", "x-mine"] {
        assert_eq!(answer.header(name), full.header(name), "{name}");
        assert!(answer.header(name).is_some(), "{name}");
    }
    for name in [
        "content-type",
        "content-length",
        "content-encoding",
        "content-language",
        "last-modified",
        "transfer-encoding",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    for name in ["x-request-id", "x-content-type-options"] {
        assert!(answer.header(name).is_some(), "{name}");
    }
}

#[test]
fn the_plugins_own_tag_wins() {
    let host = host();
    let of = |tag: &str| format!("/api/chameleon/answer?n=2000&header=etag:{tag}");
    for (sent, tag) in [("%22mine%22", "\"mine\""), ("W/%22mine%22", "W/\"mine\"")] {
        assert_eq!(host.get(&of(sent)).header("etag").as_deref(), Some(tag));
        let held = host
            .request("GET", &of(sent))
            .header("if-none-match", "\"mine\"")
            .send();
        assert_eq!(
            (held.status, held.header("etag").as_deref()),
            (304, Some(tag))
        );
        let coded = host
            .request("GET", &of(sent))
            .header("accept-encoding", "br")
            .send();
        assert_eq!(
            (
                coded.header("content-encoding").as_deref(),
                coded.header("etag").as_deref()
            ),
            (Some("br"), Some("W/\"mine\""))
        );
    }
    // A stream has no tag of the host's, but its own counts.
    let stream = "/api/chameleon/answer?n=400000&length=no&header=etag:%22s%22";
    assert_eq!(host.get(stream).header("etag").as_deref(), Some("\"s\""));
    assert_eq!(
        host.request("GET", stream)
            .header("if-none-match", "\"s\"")
            .send()
            .status,
        304
    );
}
