//! `GET /todos`: order and filter.

use super::{TODOS, assert_error, created, durable, host, titles};
use serde_json::json;

#[test]
fn the_list_is_newest_first_even_within_a_millisecond() {
    let host = host();
    assert_eq!(host.get(TODOS).text(), "[]");
    let all: Vec<String> = (0..40).map(|n| format!("todo {n}")).collect();
    for title in &all {
        created(&host, &json!({ "title": title }));
    }
    let list = host.get(TODOS).json();
    let newest_first: Vec<&str> = all.iter().rev().map(String::as_str).collect();
    assert_eq!(titles(&list), newest_first);
    let times: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["createdAt"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[test]
fn items_of_one_millisecond_are_ordered_by_their_arrival() {
    let host = durable().restart_after(|folder| {
        let database = rusqlite::Connection::open(folder.join("db/todo.sqlite")).unwrap();
        for (n, time) in [(1, 500), (2, 500), (3, 500), (4, 499), (5, 501)] {
            let id = format!("00000000-0000-4000-8000-00000000000{n}");
            let at = format!("2024-05-06T07:08:09.{time}Z");
            let insert = "INSERT INTO todos (id, title, entity_ref, created_at, completed) VALUES ($1, $2, 'r', $3, 0)";
            database.execute(insert, rusqlite::params![id, n.to_string(), at]).unwrap();
        }
    });
    for target in [TODOS.to_owned(), format!("{TODOS}?entityRef=r")] {
        assert_eq!(
            titles(&host.get(&target).json()),
            ["5", "3", "2", "1", "4"],
            "{target}"
        );
    }
    let paged = host.get(&format!("{TODOS}?limit=2"));
    let next = super::pages::next(&paged).expect("there are more");
    assert_eq!(titles(&host.get(&next).json()), ["2", "1"]);
}

#[test]
fn the_filter_is_exact() {
    let host = host();
    for (title, entity) in [
        ("plain", None),
        ("a", Some("component:default/my-service")),
        ("b", Some("component:default/my-service")),
        ("capital", Some("component:default/My-Service")),
        ("longer", Some("component:default/my-service-2")),
        ("odd", Some("a b&c=d+e%/ä€😀'\"<>")),
        ("space", Some(" component:default/my-service")),
    ] {
        created(&host, &json!({"title": title, "entityRef": entity}));
    }
    let all = ["space", "odd", "longer", "capital", "b", "a", "plain"];
    for (query, expected) in [
        ("?entityRef=component:default/my-service", &["b", "a"][..]),
        ("?entityRef=component%3Adefault%2Fmy-service", &["b", "a"]),
        ("?entityRef=component:default/My-Service", &["capital"]),
        ("?entityRef=component:default/MY-SERVICE", &[]),
        ("?entityRef=+component:default/my-service", &["space"]),
        ("?entityRef=%20component:default/my-service", &["space"]),
        ("?entityRef=component:default", &[]),
        ("?entityRef=component:default/my-servic_", &[]),
        ("?entityRef=%25", &[]),
        (
            "?entityRef=a+b%26c%3Dd%2Be%25%2F%C3%A4%E2%82%AC%F0%9F%98%80%27%22%3C%3E",
            &["odd"],
        ),
        ("?entityRef='%20OR%201=1--", &[]),
        ("?entityRef=", &all),
        ("?entityRef", &all),
        ("?", &all),
        ("", &all),
        ("?entityref=nothing&EntityRef=nothing&x=1&x=2&&=", &all),
        ("?%65ntityRef=component:default/My-Service", &["capital"]),
    ] {
        let answer = host.get(&format!("{TODOS}{query}"));
        assert_eq!(
            (answer.status, titles(&answer.json())),
            (200, expected.to_vec()),
            "{query}"
        );
    }
}

#[test]
fn a_parameter_given_twice_or_broken_is_refused() {
    let host = host();
    for name in ["entityRef", "limit", "after"] {
        let twice = host.get(&format!("{TODOS}?{name}=1&{name}=1"));
        assert_error(&twice, 400, &format!("{name} must be given once"));
    }
    assert_error(
        &host.get(&format!("{TODOS}?entityRef=&entityRef=")),
        400,
        "entityRef must be given once",
    );
    for broken in [
        "entityRef=%",
        "entityRef=%4",
        "entityRef=%zz",
        "other=%zz",
        "%zz",
        "entityRef=%FF",
        "entityRef=%ED%A0%80",
        "a=1&b=%C3",
    ] {
        assert_error(
            &host.get(&format!("{TODOS}?{broken}")),
            400,
            "the query has an invalid percent-escape",
        );
    }
    // NUL is a character like others: nothing can have it, and nothing breaks.
    assert_eq!(host.get(&format!("{TODOS}?entityRef=a%00b")).text(), "[]");
}
