//! `If-Match`: a change is made only to the item that the client saw.

use super::{TODOS, assert_error, create, host, path_of};
use greenroom_tests::{Host, Response};
use serde_json::{Value, json};
use std::sync::Barrier;

fn patch(host: &Host, item: &Value, if_match: &str, title: &str) -> Response {
    host.request("PATCH", &path_of(item))
        .header("if-match", if_match)
        .json(&json!({ "title": title }))
        .send()
}

fn tag(host: &Host, item: &Value) -> String {
    host.get(&path_of(item)).header("etag").expect("a tag")
}

#[test]
fn a_match_in_any_form_lets_the_change_through() {
    let host = host();
    let item = create(&host, "0");
    let forms = [
        |tag: &str| tag.to_owned(),
        |tag: &str| format!("W/{tag}"),
        |_: &str| "*".to_owned(),
        |tag: &str| format!("\"other\", {tag}"),
        |tag: &str| format!("\"a,b\" ,W/\"x\",W/{tag}, \"y\""),
    ];
    for (n, form) in forms.iter().enumerate() {
        let value = form(&tag(&host, &item));
        let answer = patch(&host, &item, &value, &n.to_string());
        assert_eq!(
            (answer.status, &answer.json()["title"]),
            (200, &json!(n.to_string())),
            "{value}"
        );
        let doomed = create(&host, "doomed");
        let value = form(&tag(&host, &doomed));
        assert_eq!(
            host.request("DELETE", &path_of(&doomed))
                .header("if-match", &value)
                .send()
                .status,
            204,
            "{value}"
        );
    }
}

#[test]
fn what_does_not_match_is_412_and_changes_nothing() {
    let host = host();
    let item = create(&host, "0");
    let old = tag(&host, &item);
    assert_eq!(patch(&host, &item, &old, "1").status, 200);
    let now = tag(&host, &item);
    let bare = now.trim_matches('"').to_owned();
    for value in [
        &old,
        &format!("W/{old}"),
        &format!("\"x\", {old}"),
        &bare,
        "\"*\"",
        "",
        "junk",
        &format!("w/{now}"),
        &now.to_uppercase(),
    ] {
        let answer = patch(&host, &item, value, "2");
        assert_eq!(answer.status, 412, "{value}");
        assert!(answer.json()["error"].is_string(), "{}", answer.text());
        assert_eq!(
            host.request("DELETE", &path_of(&item))
                .header("if-match", value)
                .send()
                .status,
            412,
            "{value}"
        );
    }
    assert_eq!(host.get(&path_of(&item)).json()["title"], json!("1"));
}

#[test]
fn other_faults_come_first() {
    let host = host();
    let item = create(&host, "0");
    let stale = "\"stale\"";
    let bad = host
        .request("PATCH", &path_of(&item))
        .header("if-match", stale)
        .json(&json!({}))
        .send();
    assert_error(&bad, 400, "nothing to update: send title or completed");
    let gone = json!({"id": "no"});
    assert_error(
        &patch(&host, &gone, stale, "x"),
        404,
        "Todo with id no not found",
    );
    assert_error(
        &patch(&host, &gone, "*", "x"),
        404,
        "Todo with id no not found",
    );
    let delete = host
        .request("DELETE", &path_of(&gone))
        .header("if-match", stale)
        .send();
    assert_error(&delete, 404, "Todo with id no not found");
    assert_eq!(
        host.request("POST", TODOS)
            .header("if-match", stale)
            .json(&json!({"title": "t"}))
            .send()
            .status,
        201
    );
}

#[test]
fn of_many_who_saw_the_same_item_one_changes_it() {
    let host = host();
    for _ in 0..5 {
        let item = create(&host, "0");
        let seen = tag(&host, &item);
        let barrier = Barrier::new(8);
        let outcomes: Vec<(u16, String)> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|n| {
                    let (host, item, seen, barrier) = (&host, &item, &seen, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        (
                            patch(host, item, seen, &format!("client {n}")).status,
                            format!("client {n}"),
                        )
                    })
                })
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        });
        let winners: Vec<_> = outcomes
            .iter()
            .filter(|(status, _)| *status == 200)
            .collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        assert!(
            outcomes
                .iter()
                .all(|(status, _)| matches!(status, 200 | 412)),
            "{outcomes:?}"
        );
        assert_eq!(
            host.get(&path_of(&item)).json()["title"],
            json!(winners[0].1)
        );
    }
}

#[test]
fn of_a_change_and_a_deletion_one_is_made() {
    let host = host();
    for _ in 0..10 {
        let item = create(&host, "0");
        let seen = tag(&host, &item);
        let barrier = Barrier::new(2);
        let (patched, deleted) = std::thread::scope(|scope| {
            let patched = scope.spawn(|| {
                barrier.wait();
                patch(&host, &item, &seen, "1").status
            });
            barrier.wait();
            let deleted = host
                .request("DELETE", &path_of(&item))
                .header("if-match", &seen)
                .send()
                .status;
            (patched.join().unwrap(), deleted)
        });
        assert!(
            matches!((patched, deleted), (200, 412) | (404, 204)),
            "{patched} and {deleted}"
        );
        assert_eq!(
            host.get(&path_of(&item)).status,
            if patched == 200 { 200 } else { 404 }
        );
    }
}

#[test]
fn a_tag_weakened_by_compression_still_counts() {
    let host = host();
    let item = create(&host, &"long ".repeat(200));
    let coded = host
        .request("GET", &path_of(&item))
        .header("accept-encoding", "gzip")
        .send();
    assert_eq!(coded.header("content-encoding").as_deref(), Some("gzip"));
    let weak = coded.header("etag").expect("a tag");
    assert_eq!(weak, format!("W/{}", tag(&host, &item)));
    assert_eq!(patch(&host, &item, &weak, "short").status, 200);
    assert_eq!(patch(&host, &item, &weak, "again").status, 412);
}

#[test]
fn an_unchanged_item_is_304() {
    let host = host();
    let item = create(&host, "t");
    let seen = tag(&host, &item);
    let ask = |value: &str| {
        host.request("GET", &path_of(&item))
            .header("if-none-match", value)
            .send()
    };
    for value in [&seen, &format!("W/{seen}"), "*", &format!("\"x\", {seen}")] {
        let answer = ask(value);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{value}");
        assert_eq!(
            answer.header("etag").as_deref(),
            Some(seen.as_str()),
            "the plugin's own tag"
        );
    }
    assert_eq!(ask("\"other\"").status, 200);
    assert_eq!(patch(&host, &item, "*", "new").status, 200);
    assert_eq!(ask(&seen).status, 200);
}
