use super::*;

fn hex(digit: char) -> String {
    digit.to_string().repeat(64)
}

#[test]
fn plugins_are_a_table() {
    let answer = json!({ "plugins": [
        {
            "id": "todo", "state": "live", "required": true,
            "build": { "id": hex('a'), "version": "0.1.0", "since": "2026-01-02T03:04:05Z" },
            "folder": hex('a'), "problem": null, "history": [hex('a')], "requests": 1234, "errors": 5, "instances": 2,
            "health": null,
        },
        {
            "id": "notes", "state": "live", "required": false,
            "build": { "id": hex('b'), "version": "2.0.0", "since": "2026-01-02T03:04:05Z" },
            "folder": hex('c'),
            "problem": {
                "build": hex('c'), "stage": "migrate", "message": "0002_add: no such table: x\nline two",
                "at": "2026-01-02T04:00:00Z",
            },
            "history": [], "requests": 0, "errors": 0, "instances": 0,
        },
        {
            "id": "broken", "state": "failed", "required": false, "build": null, "folder": hex('d'),
            "problem": { "build": null, "stage": "compile", "message": "not\u{1b}[31m wasm", "at": "2026-01-02T04:00:00Z" },
            "history": [], "requests": 0, "errors": 0, "instances": 0,
        },
        {
            "id": "gone", "state": "live", "required": false,
            "build": { "id": hex('e'), "version": null, "since": "2026-01-02T03:04:05Z" },
            "folder": null, "problem": null, "history": [], "requests": 0, "errors": 0, "instances": 0,
        },
    ]});
    assert_eq!(
        plugins(&answer),
        "\
ID      STATE            BUILD         VERSION  SINCE                 REQUESTS  ERRORS
todo    live (required)  aaaaaaaaaaaa  0.1.0    2026-01-02T03:04:05Z  1234      5
notes   live             bbbbbbbbbbbb  2.0.0    2026-01-02T03:04:05Z  0         0
  the folder holds build cccccccccccc, which does not serve
  build cccccccccccc, migrate: 0002_add: no such table: x
    line two (2026-01-02T04:00:00Z)
broken  failed           -             -        -                     0         0
  the folder holds build dddddddddddd, which does not serve
  compile: not [31m wasm (2026-01-02T04:00:00Z)
gone    live             eeeeeeeeeeee  -        2026-01-02T03:04:05Z  0         0
  the folder no longer holds its file"
    );
    assert!(plugins(&json!({ "plugins": [] })).starts_with("no plugins"));
}

#[test]
fn a_plugin_that_says_how_it_is_is_shown_so() {
    let plugin = |id: &str, state: &str, required: bool, reason: Value| {
        json!({
            "id": id, "state": "live", "required": required,
            "build": { "id": hex('a'), "version": "1.0.0", "since": "2026-01-02T03:04:05Z" },
            "folder": hex('a'), "problem": null, "history": [], "requests": 0, "errors": 0, "instances": 0,
            "health": { "state": state, "since": "2026-01-02T04:00:00Z", "failures": 1, "reason": reason },
        })
    };
    let answer = json!({ "plugins": [
        plugin("a", "well", false, Value::Null),
        plugin("b", "well", true, "slow".into()),
        plugin("c", "failing", true, "a queue\u{1b}[0m is full".into()),
        plugin("d", "unchecked", false, Value::Null),
    ]});
    assert_eq!(
        plugins(&answer),
        "\
ID  STATE                      BUILD         VERSION  SINCE                 REQUESTS  ERRORS
a   live, well                 aaaaaaaaaaaa  1.0.0    2026-01-02T03:04:05Z  0         0
b   live, well (required)      aaaaaaaaaaaa  1.0.0    2026-01-02T03:04:05Z  0         0
  health: slow (not often enough to count)
c   live, not well (required)  aaaaaaaaaaaa  1.0.0    2026-01-02T03:04:05Z  0         0
  health: a queue [0m is full (since 2026-01-02T04:00:00Z)
d   live, not checked yet      aaaaaaaaaaaa  1.0.0    2026-01-02T03:04:05Z  0         0"
    );
}

#[test]
fn policies_are_told_below_the_plugins() {
    let with = |permissions: Value| {
        let todo = json!({ "id": "todo", "state": "live" });
        let answer = json!({ "plugins": [todo], "permissions": permissions });
        plugins(&answer)
            .lines()
            .skip(2)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(with(Value::Null), "");
    let in_force = json!({
        "policies": 3, "entities": 20, "since": "2026-01-02T03:04:05Z", "problem": null, "unknown": [],
    });
    let line = "permissions: 3 policies and 20 entities since 2026-01-02T03:04:05Z";
    assert_eq!(with(in_force.clone()), line);
    let mut refused = in_force;
    refused["problem"] = "a.cedar:1:2: no\u{1b}[31m\nb.cedar:3:4: neither".into();
    refused["unknown"] = json!(["a.cedar:5:6: no plugin declares the permission todo.raed"]);
    assert_eq!(
        with(refused),
        format!(
            "{line}\n  the files hold others, which are refused: a.cedar:1:2: no [31m\n    b.cedar:3:4: neither\n  \
             a.cedar:5:6: no plugin declares the permission todo.raed"
        )
    );
}

#[test]
fn outcomes_are_one_line() {
    let of = |kind: &str, previous: Value| {
        outcome(&json!({
            "plugin": "todo", "build": hex('a'), "version": "0.1.0", "outcome": kind, "previous": previous,
            "milliseconds": 12, "warnings": [],
        }))
    };
    assert_eq!(
        of("deployed", Value::Null),
        "todo: build aaaaaaaaaaaa (0.1.0) serves in 12 ms"
    );
    assert_eq!(
        of("deployed", hex('b').into()),
        "todo: build aaaaaaaaaaaa (0.1.0) serves in 12 ms; before it bbbbbbbbbbbb"
    );
    assert_eq!(
        of("rolled-back", hex('b').into()),
        "todo: back to build aaaaaaaaaaaa (0.1.0) in 12 ms; before it bbbbbbbbbbbb"
    );
    assert_eq!(
        of("unchanged", Value::Null),
        "todo: build aaaaaaaaaaaa (0.1.0) was serving already"
    );
    let removed = json!({
        "plugin": "todo", "build": null, "version": null, "outcome": "removed", "previous": hex('a'),
        "milliseconds": 3, "warnings": [],
    });
    assert_eq!(
        outcome(&removed),
        "todo: removed in 3 ms; its data stays; before it aaaaaaaaaaaa"
    );
}

#[test]
fn answers_of_another_shape_do_not_panic() {
    for answer in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "plugins": [null, 1, {}] }),
        json!({ "plugins": {} }),
    ] {
        plugins(&answer);
        outcome(&answer);
        warnings(&answer);
    }
}
