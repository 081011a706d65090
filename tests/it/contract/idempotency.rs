//! `Idempotency-Key`: a POST that is sent again makes nothing new.

use super::{TODOS, assert_error, create, host, path_of, titles};
use flate2::{Compression, write::ZlibEncoder};
use greenroom_tests::{Host, Response};
use serde_json::{Value, json};
use std::{collections::BTreeSet, io::Write, sync::Barrier};

pub(super) fn post(host: &Host, key: &str, body: &Value) -> Response {
    host.request("POST", TODOS)
        .header("idempotency-key", key)
        .json(body)
        .send()
}

pub(super) fn replayed(answer: &Response) -> bool {
    match answer.header("idempotency-replayed").as_deref() {
        None => false,
        Some("true") => true,
        Some(other) => panic!("Idempotency-Replayed: {other}"),
    }
}

#[test]
fn a_repeated_post_answers_what_the_first_did() {
    let host = host();
    let body = json!({"title": "once", "entityRef": "component:default/x"});
    let first = post(&host, "key-1", &body);
    assert_eq!((first.status, replayed(&first)), (201, false));
    for _ in 0..3 {
        let again = post(&host, "key-1", &body);
        assert_eq!(
            (again.status, replayed(&again), again.text()),
            (201, true, first.text())
        );
        for name in ["location", "etag", "content-type"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
    }
    assert_eq!(host.get(TODOS).json(), json!([first.json()]));
    // The same key is told apart byte for byte.
    for other in ["key-2", "KEY-1", "key-1.", "key"] {
        let answer = post(&host, other, &body);
        assert_eq!((answer.status, replayed(&answer)), (201, false), "{other}");
    }
    assert_eq!(host.get(TODOS).json().as_array().unwrap().len(), 5);
}

#[test]
fn without_a_key_the_same_post_makes_another_item() {
    let host = host();
    assert_ne!(create(&host, "t")["id"], create(&host, "t")["id"]);
}

#[test]
fn another_body_under_the_same_key_is_422() {
    let host = host();
    let first = post(&host, "key", &json!({"title": "a"}));
    for other in [
        r#"{"title":"b"}"#,
        r#"{"title": "a"}"#,
        r#"{"title":"a","x":1}"#,
        r#"{"title":"a"} "#,
    ] {
        let request = host
            .request("POST", TODOS)
            .header("content-type", "application/json");
        let answer = request.header("idempotency-key", "key").body(other).send();
        assert_error(
            &answer,
            422,
            "Idempotency-Key was used before with another body",
        );
    }
    let again = post(&host, "key", &json!({"title": "a"}));
    assert_eq!(
        (again.status, again.text()),
        (201, first.text()),
        "a refused retry spoils nothing"
    );
    assert_eq!(host.get(TODOS).json(), json!([first.json()]));
}

#[test]
fn the_body_counts_after_inflating() {
    let host = host();
    let body = r#"{"title":"coded"}"#;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(9));
    encoder.write_all(body.as_bytes()).unwrap();
    let request = host
        .request("POST", TODOS)
        .header("content-type", "application/json")
        .header("idempotency-key", "k");
    let coded = request
        .clone()
        .header("content-encoding", "deflate")
        .body(encoder.finish().unwrap())
        .send();
    assert_eq!(
        (coded.status, replayed(&coded)),
        (201, false),
        "{}",
        coded.text()
    );
    let plain = request.body(body).send();
    assert_eq!(
        (plain.status, replayed(&plain), plain.text()),
        (201, true, coded.text())
    );
}

#[test]
fn keys_are_1_to_255_visible_ascii() {
    let host = host();
    let body = json!({"title": "t"});
    let longest = "k".repeat(255);
    for good in [
        "k",
        longest.as_str(),
        "!~\"{}|\\,;=",
        "8e03978e-40d5-43e8-bc93-6894a57f9324",
    ] {
        assert_eq!(post(&host, good, &body).status, 201, "{good}");
        assert!(replayed(&post(&host, good, &body)), "{good}");
    }
    let before = host.get(TODOS).text();
    let too_long = "k".repeat(256);
    let message = "Idempotency-Key must be 1 to 255 visible ASCII characters";
    for bad in ["", "a b", "a\tb", too_long.as_str(), "kä"] {
        assert_error(&post(&host, bad, &body), 400, message);
    }
    let twice = host
        .request("POST", TODOS)
        .header("idempotency-key", "a")
        .header("idempotency-key", "b")
        .json(&body)
        .send();
    assert_eq!(twice.status, 400, "two keys are none: {}", twice.text());
    assert_eq!(host.get(TODOS).text(), before, "nothing was made");
}

#[test]
fn a_refused_body_leaves_its_key_free() {
    let host = host();
    assert_eq!(post(&host, "k", &json!({"title": ""})).status, 400);
    assert_eq!(
        host.request("POST", TODOS)
            .header("idempotency-key", "k")
            .body("{}")
            .send()
            .status,
        415
    );
    let answer = post(&host, "k", &json!({"title": "now right"}));
    assert_eq!((answer.status, replayed(&answer)), (201, false));
}

#[test]
fn the_item_is_answered_as_created_even_when_changed_or_deleted_meanwhile() {
    let host = host();
    let body = json!({"title": "as created"});
    let first = post(&host, "k", &body);
    let item = first.json();
    let patch = host
        .request("PATCH", &path_of(&item))
        .json(&json!({"title": "changed", "completed": true}))
        .send();
    assert_eq!(patch.status, 200);
    let again = post(&host, "k", &body);
    assert_eq!((replayed(&again), again.text()), (true, first.text()));
    assert_eq!(
        host.get(&path_of(&item)).json()["title"],
        json!("changed"),
        "the retry changed nothing back"
    );
    assert_eq!(host.request("DELETE", &path_of(&item)).send().status, 204);
    let again = post(&host, "k", &body);
    assert_eq!(
        (again.status, replayed(&again), again.text()),
        (201, true, first.text())
    );
    assert_eq!(
        host.get(TODOS).text(),
        "[]",
        "what was deleted stays deleted"
    );
    assert_eq!(host.get(&path_of(&item)).status, 404);
}

#[test]
fn concurrent_retries_make_one_item() {
    const CLIENTS: usize = 8;
    let host = host();
    for round in 0..20 {
        let barrier = Barrier::new(CLIENTS);
        let answers: Vec<(u16, bool, String)> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let (host, barrier) = (&host, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let answer = post(
                            host,
                            &format!("round-{round}"),
                            &json!({"title": format!("round {round}")}),
                        );
                        (answer.status, replayed(&answer), answer.text())
                    })
                })
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        });
        assert!(
            answers.iter().all(|(status, ..)| *status == 201),
            "{answers:?}"
        );
        let bodies: BTreeSet<_> = answers.iter().map(|(_, _, body)| body).collect();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(
            answers.iter().filter(|(_, replayed, _)| !replayed).count(),
            1,
            "one is the first: {answers:?}"
        );
        let list = host.get(&format!("{TODOS}?limit=3")).json();
        assert_eq!(titles(&list)[0], format!("round {round}"));
        assert!(
            titles(&list)
                .get(1)
                .is_none_or(|older| *older == format!("round {}", round - 1)),
            "{list}"
        );
    }
    assert_eq!(host.get(TODOS).json().as_array().unwrap().len(), 20);
}

#[test]
fn concurrent_posts_of_different_bodies_make_one_item() {
    let host = host();
    let barrier = Barrier::new(8);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|n| {
                let (host, barrier) = (&host, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    post(host, "k", &json!({"title": format!("client {n}")})).status
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 422).count(),
        7,
        "{statuses:?}"
    );
    assert_eq!(host.get(TODOS).json().as_array().unwrap().len(), 1);
}
