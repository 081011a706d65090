//! `wasi:keyvalue`.

use super::*;
use greenroom_tests::fixture;

fn call(host: &Host, call: &Value) -> Value {
    let answer = kv(host, "chameleon", call);
    assert!(answer["error"].is_null(), "{call}: {answer}");
    answer["ok"].clone()
}

fn error(host: &Host, call: &Value) -> Value {
    kv(host, "chameleon", call)["error"].clone()
}

fn op(op: &str, key: &str, value: &str) -> Value {
    json!({"op": op, "bucket": "b", "key": key, "value": value})
}

#[test]
fn a_value_is_set_found_listed_and_deleted() {
    let host = plain();
    assert_eq!(call(&host, &op("get", "k", "")), json!(null));
    assert_eq!(call(&host, &op("exists", "k", "")), false);
    call(&host, &op("set", "k", "ä\u{0}value"));
    assert_eq!(call(&host, &op("get", "k", "")), "ä\u{0}value");
    assert_eq!(call(&host, &op("exists", "k", "")), true);
    call(&host, &op("set", "k", ""));
    assert_eq!(
        call(&host, &op("get", "k", "")),
        "",
        "an empty value is not a missing one"
    );
    assert_eq!(call(&host, &op("exists", "k", "")), true);
    // Another bucket has its own keys.
    assert_eq!(
        call(&host, &json!({"op": "get", "bucket": "c", "key": "k"})),
        json!(null)
    );
    call(&host, &op("delete", "k", ""));
    call(&host, &op("delete", "k", ""));
    assert_eq!(call(&host, &op("exists", "k", "")), false);
    assert_eq!(
        call(&host, &op("list", "", "")),
        json!({"keys": [], "cursor": null})
    );
}

#[test]
fn many_keys_are_set_listed_in_pages_and_deleted() {
    let host = plain();
    let keys: Vec<_> = (0..1000).map(|n| format!("key {n:04}")).collect();
    let pairs: Vec<_> = keys
        .iter()
        .map(|key| json!([key, format!("of {key}")]))
        .collect();
    call(
        &host,
        &json!({"op": "set-many", "bucket": "b", "pairs": pairs}),
    );
    call(&host, &op("set", "last", "1"));
    let first = call(&host, &op("list", "", ""));
    assert_eq!(first["keys"], json!(keys));
    let second = call(
        &host,
        &json!({"op": "list", "bucket": "b", "cursor": first["cursor"]}),
    );
    assert_eq!(second, json!({"keys": ["last"], "cursor": null}));
    assert_eq!(
        error(
            &host,
            &json!({"op": "list", "bucket": "b", "cursor": "nonsense"})
        ),
        "other"
    );

    let some = call(
        &host,
        &json!({"op": "get-many", "bucket": "b", "keys": ["last", "missing", "key 0007"]}),
    );
    assert_eq!(
        some,
        json!([
            ["last", "1"],
            ["missing", null],
            ["key 0007", "of key 0007"]
        ])
    );
    call(
        &host,
        &json!({"op": "delete-many", "bucket": "b", "keys": keys}),
    );
    assert_eq!(call(&host, &op("list", "", ""))["keys"], json!(["last"]));
    // All or nothing.
    let one_bad = json!({"op": "set-many", "bucket": "b", "pairs": [["x", "1"], ["", "2"]]});
    assert_eq!(error(&host, &one_bad), "other");
    assert_eq!(call(&host, &op("list", "", ""))["keys"], json!(["last"]));
}

#[test]
fn a_swap_needs_what_was_seen() {
    let host = plain();
    let cas = |expected: Value, value: &str| {
        call(
            &host,
            &json!({"op": "cas", "bucket": "b", "key": "k", "expected": expected, "value": value}),
        )
    };
    assert_eq!(
        cas(json!("other"), "x"),
        json!(null),
        "there is nothing yet"
    );
    assert_eq!(cas(json!(null), "one"), true);
    assert_eq!(cas(json!(null), "two"), "one");
    assert_eq!(cas(json!("one"), "two"), true);
    assert_eq!(call(&host, &op("get", "k", "")), "two");
}

#[test]
fn of_many_that_swap_at_once_one_wins() {
    let host = plain();
    let wins: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let host = &host;
                scope.spawn(move || {
                    let swap = json!({"op": "cas", "bucket": "b", "key": "race", "expected": null, "value": format!("thread {n}")});
                    usize::from(call(host, &swap) == json!(true))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(wins, 1);
}

#[test]
fn no_increment_is_lost() {
    let host = plain();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                (0..50).for_each(|_| {
                    drop(call(
                        &host,
                        &json!({"op": "increment", "bucket": "b", "key": "n", "delta": 1}),
                    ))
                })
            });
        }
    });
    assert_eq!(call(&host, &op("get", "n", "")), "400");
    let by = |delta: i64| json!({"op": "increment", "bucket": "b", "key": "n", "delta": delta});
    assert_eq!(call(&host, &by(-401)), -1);
    assert_eq!(call(&host, &by(0)), -1);
    assert_eq!(
        error(&host, &by(i64::MIN)),
        "other",
        "past the range of 64 bits"
    );
    assert_eq!(call(&host, &op("get", "n", "")), "-1");
    call(&host, &op("set", "n", "no number"));
    assert_eq!(error(&host, &by(1)), "other");
    assert_eq!(call(&host, &op("get", "n", "")), "no number");
}

#[test]
fn buckets_have_plain_names_and_there_are_64() {
    let host = plain();
    let open = |name: &str| kv(&host, "chameleon", &json!({"op": "open", "bucket": name}));
    for name in [
        "",
        "A",
        "a b",
        "a/b",
        "ä",
        "a\u{0}",
        "../x",
        &"x".repeat(65),
    ] {
        assert_eq!(open(name)["error"], "no-such-store", "{name:?}");
    }
    for name in ["a", "0", "a.b_c-9", "..", &"x".repeat(64)] {
        assert_eq!(open(name), json!({"ok": null}), "{name:?}");
    }
    for n in 5..64 {
        assert_eq!(open(&format!("bucket-{n}")), json!({"ok": null}));
    }
    assert_eq!(open("one-too-many")["error"], "access-denied");
    assert_eq!(
        open("a"),
        json!({"ok": null}),
        "those that are there stay open"
    );
}

#[test]
fn keys_and_values_are_bounded() {
    let host = with_limits("{keyvalue: {key: 16, value: 1KiB, total: 1MiB}}");
    for key in ["", &"x".repeat(17)] {
        for kind in ["get", "set", "delete", "exists", "increment", "cas"] {
            assert_eq!(
                error(
                    &host,
                    &json!({"op": kind, "bucket": "b", "key": key, "delta": 1})
                ),
                "other",
                "{kind} {key:?}"
            );
        }
    }
    let fill = |key: &str, bytes: u32| {
        kv(
            &host,
            "chameleon",
            &json!({"op": "set", "bucket": "b", "key": key, "fill": bytes}),
        )
    };
    assert_eq!(fill("fits", 1024), json!({"ok": null}));
    assert_eq!(fill("too large", 1025)["error"], "other");
    let full = (0..2000).find_map(|n| {
        Some(fill(&format!("fill {n}"), 1024)).filter(|answer| !answer["error"].is_null())
    });
    let full = full.expect("1 MiB is full after 1,024 values at most");
    assert!(
        full["message"]
            .as_str()
            .unwrap()
            .contains("limits.keyvalue.total"),
        "{full}"
    );
    assert_eq!(
        call(&host, &op("get", "fits", "")).as_str().map(str::len),
        Some(1024)
    );
    call(&host, &op("delete", "fill 0", ""));
}

#[test]
fn the_values_that_open_swaps_have_seen_are_bounded() {
    let host = plain();
    call(
        &host,
        &json!({"op": "set", "bucket": "b", "key": "k", "fill": 1 << 20}),
    );
    let hold = json!({"op": "hold", "bucket": "b", "key": "k", "delta": 100});
    // Twice: what the first ones held is free again.
    for _ in 0..2 {
        let held = call(&host, &hold);
        assert_eq!(held[0], 15, "16 MiB, less the key");
        assert!(held[1].as_str().unwrap().contains("16 MiB"), "{held}");
    }
    let few = json!({"op": "hold", "bucket": "b", "key": "k", "delta": 2});
    assert_eq!(call(&host, &few), json!([2, null]));
}

#[test]
fn values_of_a_bucket_with_a_ttl_go() {
    let config = "plugins: {chameleon: {keyvalue: {short: {ttl: 1s}, long: {ttl: 1h}}}}";
    let host = Setup::new()
        .config(config)
        .plugin("chameleon", &chameleon(""))
        .start();
    let at = |bucket: &str, op: &str| {
        call(
            &host,
            &json!({"op": op, "bucket": bucket, "key": "k", "value": "v", "delta": 1}),
        )
    };
    for bucket in ["short", "long", "none"] {
        at(bucket, "set");
    }
    host.wait_until("the value is gone", |_| at("short", "get") == json!(null));
    assert_eq!(at("short", "exists"), false);
    assert_eq!(at("short", "list")["keys"], json!([]));
    assert_eq!(
        at("short", "increment"),
        1,
        "what is gone counts as nothing"
    );
    assert_eq!(
        (at("long", "get"), at("none", "get")),
        (json!("v"), json!("v"))
    );
}

#[test]
fn the_store_is_as_durable_as_configured() {
    let durable = "backend: {cache: {store: sqlite}, database: {client: better-sqlite3, connection: {directory: ./db}}}";
    let memory = "backend: {cache: {store: memory}, database: {client: better-sqlite3, connection: {directory: ./db}}}";
    for (config, kept) in [
        (DURABLE, json!("v")),
        (durable, json!("v")),
        (memory, json!(null)),
    ] {
        let host = Setup::new()
            .config(config)
            .plugin("chameleon", &chameleon(""))
            .start();
        call(&host, &op("set", "k", "v"));
        run(&host, "CREATE TABLE IF NOT EXISTS t (n)");
        let host = host.restart();
        assert_eq!(call(&host, &op("get", "k", "")), kept, "{config}");
        assert_eq!(
            rows(&host, "SELECT count(*) FROM t"),
            json!([[0]]),
            "the database is another matter"
        );
        if kept == "v" {
            let host = host.crash();
            assert_eq!(call(&host, &op("get", "k", "")), kept, "over kill -9 too");
        }
    }
}

#[test]
fn check_warns_of_a_store_in_memory() {
    let setup = Setup::new()
        .config("backend: {cache: {store: memory}}")
        .plugin("plain", &fixture("plain"));
    let host = setup.start();
    let checked = host.ask(&[
        "check",
        "--config",
        "app-config.yaml",
        "--config",
        "fixed.yaml",
    ]);
    let notes = checked["notes"].to_string();
    assert!(
        notes.contains("cache.store") && notes.contains("Idempotency-Key"),
        "{checked}"
    );
}

#[test]
fn keys_can_be_written_inside_a_transaction() {
    // Another file, another writer: the two do not wait for each other.
    let host = plain();
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| host.get("/api/chameleon/tx-hold?ms=800").json());
        for _ in 0..5 {
            call(&host, &op("set", "k", "v"));
        }
        assert_eq!(holder.join().unwrap(), json!({"ok": null}));
    });
}
