//! The fields that POST and PATCH take, and the words with which they refuse the rest.

use super::{TODOS, assert_error, create, created, host, path_of, titles};
use greenroom_tests::{Host, Response};
use serde_json::json;

const MISSING: &str = "/api/todo/todos/no-such-id";

fn post_text(host: &Host, body: &'static str) -> Response {
    let request = host
        .request("POST", TODOS)
        .header("content-type", "application/json");
    request.body(body).send()
}

#[test]
fn titles_are_checked() {
    let host = host();
    let item = path_of(&create(&host, "first"));
    let long = "ä".repeat(1025);
    for (title, post, patch) in [
        (json!(""), "title is required", "title must not be empty"),
        (
            json!(" \t\r\n"),
            "title is required",
            "title must not be empty",
        ),
        (
            json!("\u{a0}\u{2003}\u{feff}\u{2028}\u{b}"),
            "title is required",
            "title must not be empty",
        ),
        (json!(null), "title is required", "title must be a string"),
        (json!(5), "title must be a string", "title must be a string"),
        (
            json!(true),
            "title must be a string",
            "title must be a string",
        ),
        (
            json!(["a"]),
            "title must be a string",
            "title must be a string",
        ),
        (
            json!({"a": 1}),
            "title must be a string",
            "title must be a string",
        ),
        (
            json!(long),
            "title must be at most 1024 characters",
            "title must be at most 1024 characters",
        ),
        (
            json!("a\0b"),
            "title must not contain NUL",
            "title must not contain NUL",
        ),
    ] {
        let body = json!({ "title": title });
        assert_error(&host.post(TODOS, &body), 400, post);
        assert_error(&host.request("PATCH", &item).json(&body).send(), 400, patch);
        // Bodies are checked before ids.
        assert_error(
            &host.request("PATCH", MISSING).json(&body).send(),
            400,
            patch,
        );
    }
    assert_error(&host.post(TODOS, &json!({})), 400, "title is required");
    assert_error(
        &host.post(TODOS, &json!({"Title": "x", "entityRef": "r"})),
        400,
        "title is required",
    );
    assert_eq!(
        titles(&host.get(TODOS).json()),
        ["first"],
        "nothing was stored"
    );
}

#[test]
fn titles_are_stored_as_sent() {
    let host = host();
    let item = path_of(&create(&host, "first"));
    for title in [
        "  both sides \n",
        "0",
        "null",
        "\u{1}\u{7f}\t\"\\/",
        "ä€😀",
        "e\u{301}",
        "<script>alert(1)</script>",
        "'; DROP TABLE todos; --",
        "$1 ? :a @b",
        "\u{feff}x",
        "\u{fffe}\u{ffff}\u{10ffff}",
        "\u{200b}",
        &"😀".repeat(1024),
        &"x".repeat(1024),
    ] {
        assert_eq!(create(&host, title)["title"], json!(title));
        let changed = host
            .request("PATCH", &item)
            .json(&json!({ "title": title }))
            .send();
        assert_eq!(changed.json()["title"], json!(title));
        assert_eq!(host.get(&item).json()["title"], json!(title));
    }
    let escaped = post_text(&host, r#"{"\u0074itle":"\ud83d\ude00\u0041"}"#);
    assert_eq!(escaped.json()["title"], json!("😀A"));
    let twice = post_text(&host, r#"{"title":1,"title":"last"}"#);
    assert_eq!(
        twice.json()["title"],
        json!("last"),
        "of one name the last counts, as in JavaScript"
    );
}

#[test]
fn entity_refs_are_checked() {
    let host = host();
    for (entity, message) in [
        (json!(5), "entityRef must be a string"),
        (json!(false), "entityRef must be a string"),
        (json!(["a"]), "entityRef must be a string"),
        (json!({}), "entityRef must be a string"),
        (
            json!("x".repeat(1025)),
            "entityRef must be at most 1024 characters",
        ),
        (json!("a\0"), "entityRef must not contain NUL"),
    ] {
        assert_error(
            &host.post(TODOS, &json!({"title": "t", "entityRef": entity})),
            400,
            message,
        );
    }
    assert_eq!(host.get(TODOS).text(), "[]");
    for entity in [
        "x".repeat(1024),
        "ü".repeat(1024),
        " ".to_owned(),
        "a\nb".to_owned(),
    ] {
        let item = created(&host, &json!({"title": "t", "entityRef": entity}));
        assert_eq!(item["entityRef"], json!(entity));
    }
}

#[test]
fn patches_are_checked() {
    let host = host();
    let item = create(&host, "t");
    let nothing = "nothing to update: send title or completed";
    for (body, message) in [
        (json!({}), nothing),
        (json!({"entityRef": "r"}), nothing),
        (json!({"Completed": true, "id": "x"}), nothing),
        (
            json!({"completed": null}),
            "completed must be true or false",
        ),
        (json!({"completed": 1}), "completed must be true or false"),
        (
            json!({"completed": "true"}),
            "completed must be true or false",
        ),
        (
            json!({"completed": [], "title": "x"}),
            "completed must be true or false",
        ),
        (
            json!({"title": " ", "completed": true}),
            "title must not be empty",
        ),
    ] {
        for target in [path_of(&item).as_str(), MISSING] {
            assert_error(
                &host.request("PATCH", target).json(&body).send(),
                400,
                message,
            );
        }
    }
    assert_eq!(
        host.get(&path_of(&item)).json(),
        item,
        "nothing was changed"
    );
}
