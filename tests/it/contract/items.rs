//! One item: its shape, and its life from POST to DELETE.

use super::{TODOS, assert_error, create, created, host, path_of};
use greenroom_tests::Response;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// `{"id":"...","title":...}` with the id and the time taken out, since they differ each time.
fn shape(answer: &Response) -> String {
    let item = answer.json();
    let (id, at) = (
        item["id"].as_str().unwrap(),
        item["createdAt"].as_str().unwrap(),
    );
    answer.text().replace(id, "ID").replace(at, "TIME")
}

#[test]
fn an_item_is_compact_json_with_its_keys_in_order() {
    let host = host();
    let with = host.post(
        TODOS,
        &json!({"entityRef": "component:default/my-service", "title": "My first todo"}),
    );
    assert_eq!(with.status, 201);
    assert_eq!(
        shape(&with),
        r#"{"id":"ID","title":"My first todo","entityRef":"component:default/my-service","createdAt":"TIME","completed":false}"#
    );
    assert_eq!(
        with.header("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
    for none in [
        json!({"title": "t"}),
        json!({"title": "t", "entityRef": null}),
        json!({"title": "t", "entityRef": ""}),
    ] {
        let without = host.post(TODOS, &none);
        assert_eq!(
            shape(&without),
            r#"{"id":"ID","title":"t","createdAt":"TIME","completed":false}"#,
            "{none}"
        );
    }
    let one = host.get(&path_of(&with.json()));
    assert_eq!(
        (one.status, one.text()),
        (200, with.text()),
        "GET answers what POST answered"
    );
    let list = host.get(TODOS).text();
    assert!(
        list.contains(&with.text()) && !list.contains("null") && !list.contains(", "),
        "{list}"
    );
}

#[test]
fn ids_are_uuids_and_times_are_utc_milliseconds() {
    let host = host();
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let before = now();
    let item = create(&host, "t");
    let after = now();
    let id = item["id"].as_str().unwrap();
    let hyphens: Vec<_> = id.match_indices('-').map(|(at, _)| at).collect();
    assert_eq!((id.len(), hyphens), (36, vec![8, 13, 18, 23]), "{id}");
    assert!(
        id.bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-')),
        "{id}"
    );
    let at = item["createdAt"].as_str().unwrap();
    assert!(
        at.len() == 24
            && at.as_bytes()[10] == b'T'
            && at.as_bytes()[19] == b'.'
            && at.ends_with('Z'),
        "{at}"
    );
    let seconds = seconds_since_1970(at);
    assert!(
        (before..=after).contains(&seconds),
        "{at} is not now: {before} to {after}"
    );
    assert_eq!(item["completed"], json!(false));
}

/// Of `2026-01-02T03:04:05.678Z`.
fn seconds_since_1970(at: &str) -> u64 {
    let part = |from: usize, to: usize| at[from..to].parse::<u64>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let months = [
        31,
        if leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let years: u64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let days = years
        + months[..usize::try_from(month).unwrap() - 1]
            .iter()
            .sum::<u64>()
        + day
        - 1;
    ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19)
}

#[test]
fn a_created_item_names_its_place_and_its_tag() {
    let host = host();
    let answer = host.post(TODOS, &json!({"title": "t"}));
    let item = answer.json();
    assert_eq!(answer.header("location"), Some(path_of(&item)));
    let tag = answer.header("etag").expect("a tag");
    assert!(
        tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10,
        "strong: {tag}"
    );
    assert_eq!(host.get(&path_of(&item)).header("etag"), Some(tag.clone()));
    let changed = host
        .request("PATCH", &path_of(&item))
        .json(&json!({"completed": true}))
        .send();
    let new = changed.header("etag").expect("a tag");
    assert!(new.starts_with('"') && new != tag, "{new}");
    assert_eq!(host.get(&path_of(&item)).header("etag"), Some(new));
    assert_eq!(changed.header("location"), None);
}

#[test]
fn patch_changes_what_it_names_and_nothing_else() {
    let host = host();
    let item = created(
        &host,
        &json!({"title": "a", "entityRef": "component:default/x"}),
    );
    let patch = |body: Value| host.request("PATCH", &path_of(&item)).json(&body).send();
    let mut expected = item.clone();
    for (body, title, completed) in [
        (json!({"completed": true}), "a", true),
        (json!({"title": " b "}), " b ", true),
        (json!({"title": "c", "completed": false}), "c", false),
        (
            json!({"title": "d", "entityRef": "other", "id": "x", "createdAt": "y", "unknown": [1]}),
            "d",
            false,
        ),
    ] {
        let answer = patch(body.clone());
        expected["title"] = json!(title);
        expected["completed"] = json!(completed);
        assert_eq!(
            (answer.status, answer.json()),
            (200, expected.clone()),
            "{body}"
        );
        assert_eq!(host.get(&path_of(&item)).json(), expected, "{body}");
    }
    assert_eq!(
        patch(json!({"completed": true})).text().find("\"title\""),
        Some(r#"{"id":"","#.len() + 36)
    );
}

#[test]
fn delete_is_final_and_silent() {
    let host = host();
    let (kept, gone) = (create(&host, "kept"), create(&host, "gone"));
    let answer = host.request("DELETE", &path_of(&gone)).send();
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    assert_eq!(
        (
            answer.header("content-type"),
            answer.header("content-length")
        ),
        (None, None)
    );
    let id = gone["id"].as_str().unwrap();
    let missing = format!("Todo with id {id} not found");
    assert_error(&host.get(&path_of(&gone)), 404, "Todo not found");
    assert_error(
        &host.request("DELETE", &path_of(&gone)).send(),
        404,
        &missing,
    );
    assert_error(
        &host
            .request("PATCH", &path_of(&gone))
            .json(&json!({"completed": true}))
            .send(),
        404,
        &missing,
    );
    assert_eq!(host.get(TODOS).json(), json!([kept]));
}

#[test]
fn what_the_client_may_not_choose_is_ignored_in_post() {
    let host = host();
    let chosen = json!({
        "title": "t", "id": "11111111-1111-4111-8111-111111111111", "createdAt": "1999-01-01T00:00:00.000Z",
        "completed": true, "seq": 7, "extra": {"deep": [1.5, {}]}, "entity_ref": "no"
    });
    let item = created(&host, &chosen);
    assert_ne!(item["id"], chosen["id"]);
    assert_ne!(item["createdAt"], chosen["createdAt"]);
    assert_eq!(item["completed"], json!(false));
    assert_eq!(item.as_object().unwrap().len(), 4, "{item}");
}

#[test]
fn the_log_tells_what_the_tutorials_plugin_tells() {
    let host = host();
    created(
        &host,
        &json!({"title": "Buy milk", "entityRef": "component:default/shop"}),
    );
    let request = host
        .request("GET", TODOS)
        .header("x-request-id", "fetch-1")
        .send();
    assert_eq!(request.status, 200);
    host.wait_for_log(&[
        "Creating todo",
        "component:default/shop",
        "\"INFO\"",
        "\"plugin\":\"todo\"",
    ]);
    host.wait_for_log(&["Fetching todos", "\"DEBUG\"", "\"request\":\"fetch-1\""]);
}

#[test]
fn what_goes_wrong_inside_is_told_to_the_log_and_not_to_the_client() {
    let host = super::durable().restart_after(|folder| {
        let database = rusqlite::Connection::open(folder.join("db/todo.sqlite")).unwrap();
        database
            .execute_batch("ALTER TABLE todos RENAME TO elsewhere")
            .unwrap();
    });
    let item = format!("{TODOS}/some-id");
    for (method, target, body) in [
        ("GET", TODOS, Value::Null),
        ("GET", item.as_str(), Value::Null),
        ("POST", TODOS, json!({"title": "t"})),
        ("PATCH", item.as_str(), json!({"title": "t"})),
        ("DELETE", item.as_str(), Value::Null),
    ] {
        let request = host
            .request(method, target)
            .header("x-request-id", format!("broken-{method}"));
        assert_error(&request.json(&body).send(), 500, "internal error");
        host.wait_for_log(&[
            "no such table",
            &format!("\"request\":\"broken-{method}\""),
            "ERROR",
        ]);
    }
}
