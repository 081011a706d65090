//! Pages of the list: `limit`, `after`, `Link`, and what is answered without them.

use super::{TODOS, assert_error, create, created, durable, host, path_of, titles};
use greenroom_tests::{Host, Response};
use serde_json::json;
use std::path::Path;

/// The target of `Link: <...>; rel="next"`.
pub(super) fn next(answer: &Response) -> Option<String> {
    let link = answer.header("link")?;
    let target = link
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix(r#">; rel="next""#));
    Some(
        target
            .unwrap_or_else(|| panic!("no next link: {link}"))
            .to_owned(),
    )
}

/// The titles of all pages, and how many there were.
fn walk(host: &Host, first: &str) -> (Vec<String>, usize) {
    let (mut all, mut target) = (Vec::new(), first.to_owned());
    for pages in 1..1000 {
        let answer = host.get(&target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        all.extend(titles(&answer.json()).into_iter().map(str::to_owned));
        match next(&answer) {
            Some(next) => target = next,
            None => return (all, pages),
        }
    }
    panic!("no last page");
}

#[test]
fn pages_join_to_the_whole_list() {
    let host = host();
    for n in 0..10 {
        created(
            &host,
            &json!({"title": n.to_string(), "entityRef": if n % 2 == 0 { "even & ä" } else { "odd" }}),
        );
    }
    let newest_first: Vec<String> = (0..10).rev().map(|n| n.to_string()).collect();
    for (limit, pages) in [(1, 10), (3, 4), (5, 2), (9, 2), (10, 1), (11, 1), (1000, 1)] {
        assert_eq!(
            walk(&host, &format!("{TODOS}?limit={limit}")),
            (newest_first.clone(), pages),
            "{limit}"
        );
    }
    let even: Vec<String> = [8, 6, 4, 2, 0].map(|n: i32| n.to_string()).to_vec();
    assert_eq!(
        walk(&host, &format!("{TODOS}?limit=2&entityRef=even+%26+%C3%A4")),
        (even, 3)
    );
    let first = host.get(&format!("{TODOS}?entityRef=odd&limit=2&other=x"));
    let link = next(&first).unwrap();
    assert!(
        link.starts_with("/api/todo/todos?")
            && link.contains("entityRef=odd")
            && link.contains("limit=2"),
        "{link}"
    );
    assert!(link.contains("after=") && !link.contains("other"), "{link}");
    assert!(first.text().starts_with('['), "the body stays an array");
}

#[test]
fn a_cursor_works_on_when_its_item_is_gone_and_others_came() {
    let host = host();
    let items: Vec<_> = (0..6).map(|n| create(&host, &n.to_string())).collect();
    let target = next(&host.get(&format!("{TODOS}?limit=2"))).unwrap();
    // The page was 5, 4: the cursor stands at 4. Its neighbours go as well.
    for gone in [&items[4], &items[5], &items[3]] {
        assert_eq!(host.request("DELETE", &path_of(gone)).send().status, 204);
    }
    create(&host, "new");
    assert_eq!(titles(&host.get(&target).json()), ["2", "1"]);
    // Its last item changed: the place in the order did not.
    assert_eq!(
        host.request("PATCH", &path_of(&items[2]))
            .json(&json!({"title": "two"}))
            .send()
            .status,
        200
    );
    assert_eq!(titles(&host.get(&target).json()), ["two", "1"]);
    let last = next(&host.get(&target)).expect("0 is left");
    assert_eq!(walk(&host, &last), (vec!["0".to_owned()], 1));
    assert_eq!(
        host.request("DELETE", &path_of(&items[0])).send().status,
        204
    );
    assert_eq!(host.get(&last).text(), "[]", "past the end");
}

#[test]
fn a_cursor_of_an_earlier_host_still_works() {
    let host = durable();
    for n in 0..4 {
        create(&host, &n.to_string());
    }
    let target = next(&host.get(&format!("{TODOS}?limit=2"))).unwrap();
    let host = host.restart();
    assert_eq!(titles(&host.get(&target).json()), ["1", "0"]);
}

#[test]
fn bad_limits_and_cursors_are_refused() {
    let host = host();
    create(&host, "t");
    for bad in [
        "",
        "0",
        "1001",
        "-1",
        "+1",
        "1.0",
        "1e2",
        "%201",
        "1+",
        "x",
        "99999999999999999999",
        "%D9%A1",
        "0x10",
        "null",
    ] {
        assert_error(
            &host.get(&format!("{TODOS}?limit={bad}")),
            400,
            "limit must be a number from 1 to 1000",
        );
    }
    for good in ["1", "1000", "0001"] {
        assert_eq!(
            host.get(&format!("{TODOS}?limit={good}")).status,
            200,
            "{good}"
        );
    }
    for bad in [
        "",
        "x",
        "1",
        "-",
        "1-",
        "-1",
        "ffffffffffffffffff-1",
        "1-ffffffffffffffffff",
        "2024-05-06T07:08:09.000Z",
        "%00",
        "1-1-1",
        "'",
    ] {
        for limit in ["", "limit=1&"] {
            let answer = host.get(&format!("{TODOS}?{limit}after={bad}"));
            assert_error(&answer, 400, "after is not a cursor of this list");
        }
    }
}

/// Writes `count` todos into a stopped host's database, the highest number newest.
fn seed(folder: &Path, count: usize, title: impl Fn(usize) -> String) {
    let mut database = rusqlite::Connection::open(folder.join("db/todo.sqlite")).unwrap();
    let transaction = database.transaction().unwrap();
    {
        let insert = "INSERT INTO todos (id, title, entity_ref, created_at, completed) VALUES ($1, $2, $3, $4, 0)";
        let mut insert = transaction.prepare(insert).unwrap();
        for n in 0..count {
            let id = format!("00000000-0000-4000-8000-{n:012}");
            // Many of one millisecond, so that pages end within one.
            let at = format!("2024-05-06T07:{:02}:{:02}.000Z", n / 6000, n / 100 % 60);
            insert
                .execute(rusqlite::params![id, title(n), "r", at])
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn without_a_limit_at_most_10_000_items_are_answered() {
    let host = durable().restart_after(|folder| seed(folder, 10_000, |n| n.to_string()));
    let exact = host.get(TODOS);
    assert_eq!(
        (titles(&exact.json()).len(), exact.header("link")),
        (10_000, None),
        "10,000 fit"
    );
    create(&host, "one more");
    for target in [TODOS.to_owned(), format!("{TODOS}?entityRef=")] {
        let first = host.get(&target);
        let list = first.json();
        let all = titles(&list);
        assert_eq!(
            (all.len(), all[0], all[1], all[9999]),
            (10_000, "one more", "9999", "1"),
            "{target}"
        );
        let link = next(&first).expect("one more");
        assert!(
            !link.contains("limit") && !link.contains("entityRef"),
            "{link}"
        );
        let second = host.get(&link);
        assert_eq!(
            (titles(&second.json()), second.header("link")),
            (vec!["0"], None)
        );
    }
    let filtered = host.get(&format!("{TODOS}?entityRef=r"));
    assert_eq!(
        (titles(&filtered.json()).len(), filtered.header("link")),
        (10_000, None)
    );
    let (all, pages) = walk(&host, &format!("{TODOS}?entityRef=r&limit=999"));
    assert_eq!((all.len(), pages), (10_000, 11));
    assert!(
        all.iter()
            .enumerate()
            .all(|(at, title)| *title == (9999 - at).to_string()),
        "an item is missing or twice"
    );
}

#[test]
fn without_a_limit_at_most_4_mib_are_answered() {
    const MOST: usize = 4 << 20;
    // Escaped in JSON to six bytes a character.
    let host = durable()
        .restart_after(|folder| seed(folder, 1000, |n| format!("{n:04}{}", "\u{1}".repeat(1020))));
    let (mut seen, mut target) = (0, TODOS.to_owned());
    for page in 1..=3 {
        let answer = host.get(&target);
        assert!(answer.body.len() <= MOST, "{} bytes", answer.body.len());
        let list = answer.json();
        for title in titles(&list) {
            seen += 1;
            assert_eq!(
                title[..4],
                format!("{:04}", 1000 - seen),
                "in order, none left out"
            );
        }
        match next(&answer) {
            Some(link) => {
                // It is as full as it can be.
                assert!(
                    answer.body.len() + 6300 > MOST,
                    "page {page} has {} bytes",
                    answer.body.len()
                );
                target = link;
            }
            None => break,
        }
    }
    assert_eq!(seen, 1000);
    let asked = host.get(&format!("{TODOS}?limit=1000"));
    assert_eq!(
        (titles(&asked.json()).len(), asked.header("link")),
        (1000, None),
        "who says how many gets them"
    );
}
