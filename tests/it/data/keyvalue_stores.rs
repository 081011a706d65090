//! Where `wasi:keyvalue` keeps its data, for how long, and how much of it.

use super::*;
use greenroom_tests::{Connection, Request, variant};

fn start(config: &str) -> Host {
    Setup::new()
        .config(config)
        .plugin("chameleon", &chameleon(""))
        .start()
}

fn set(host: &Host, bucket: &str, key: &str) -> Value {
    let set = json!({"op": "set", "bucket": bucket, "key": key, "value": "v"});
    kv(host, "chameleon", &set)
}

fn get(host: &Host, bucket: &str, key: &str) -> Value {
    let get = json!({"op": "get", "bucket": bucket, "key": key});
    kv(host, "chameleon", &get)["ok"].clone()
}

#[test]
fn values_live_as_long_as_the_default_says() {
    for store in ["sqlite", "memory"] {
        let host = start(&format!(
            "backend: {{cache: {{store: {store}, defaultTtl: 1000}}}}\n\
             plugins: {{chameleon: {{keyvalue: {{long: {{ttl: 1h}}, kept: {{ttl: never}}}}}}}}"
        ));
        for bucket in ["default", "long", "kept"] {
            assert_eq!(set(&host, bucket, "k"), json!({"ok": null}));
        }
        host.wait_until("the value is gone", |host| {
            get(host, "default", "k") == json!(null)
        });
        for bucket in ["long", "kept"] {
            assert_eq!(get(&host, bucket, "k"), "v", "{store} {bucket}");
        }
    }
}

#[test]
fn a_shorter_time_to_live_holds_for_what_is_there() {
    let host = start(DURABLE);
    set(&host, "b", "k");
    set(&host, "other", "k");
    let shorter = format!("{DURABLE}\nplugins: {{chameleon: {{keyvalue: {{b: {{ttl: 1s}}}}}}}}");
    let host = host.restart_after(|folder| {
        std::fs::write(folder.join("app-config.yaml"), shorter).unwrap();
    });
    host.wait_until("the value is gone", |host| {
        get(host, "b", "k") == json!(null)
    });
    assert_eq!(get(&host, "other", "k"), "v");
}

#[test]
fn a_store_in_memory_leaves_no_file_and_outlives_builds() {
    let host = start(
        "backend: {cache: {store: memory}, database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
         plugins: {chameleon: {limits: {keyvalue: {memory: 1MiB}}}}",
    );
    assert_eq!(set(&host, "b", "k"), json!({"ok": null}));
    host.deploy("chameleon", &variant(&chameleon(""), "another"))
        .unwrap();
    assert_eq!(get(&host, "b", "k"), "v");
    assert!(!host.folder().join("db/chameleon.kv.sqlite").exists());

    let fill = |key: &str| {
        let fill = json!({"op": "set", "bucket": "b", "key": key, "fill": 400 << 10});
        kv(&host, "chameleon", &fill)
    };
    assert_eq!(fill("one"), json!({"ok": null}));
    assert_eq!(fill("two"), json!({"ok": null}));
    let full = fill("three");
    assert_eq!(full["error"], "other");
    let message = full["message"].as_str().unwrap();
    assert!(message.contains("limits.keyvalue.memory"), "{message}");
    assert_eq!(get(&host, "b", "k"), "v", "what is there stays");

    // Another plugin of the same component has a store of its own.
    host.deploy("other", &chameleon("")).unwrap();
    let other = json!({"op": "get", "bucket": "b", "key": "k"});
    assert_eq!(kv(&host, "other", &other), json!({"ok": null}));
}

#[test]
fn a_bucket_has_so_many_keys() {
    for store in ["sqlite", "memory"] {
        let host = start(&format!(
            "backend: {{cache: {{store: {store}}}}}\n\
             plugins: {{chameleon: {{limits: {{keyvalue: {{keys: 2}}}}, keyvalue: {{short: {{ttl: 1s}}}}}}}}"
        ));
        for bucket in ["b", "short"] {
            for key in ["one", "two", "one"] {
                assert_eq!(set(&host, bucket, key), json!({"ok": null}));
            }
        }
        let full = set(&host, "b", "three");
        let message = full["message"].as_str().unwrap();
        assert!(message.contains("limits.keyvalue.keys"), "{message}");
        // Those whose time is over are in nobody's way.
        host.wait_until("there is room", |host| {
            set(host, "short", "three")["error"].is_null()
        });
        assert_eq!(set(&host, "b", "three")["error"], "other");
    }
}

#[test]
fn the_log_has_the_words_that_the_interface_lacks() {
    let host = start("plugins: {chameleon: {limits: {keyvalue: {buckets: 1}}}}");
    assert_eq!(set(&host, "Upper", "k")["error"], "no-such-store");
    host.wait_for_log(&["chameleon", "keyvalue", "is no bucket name"]);
    assert_eq!(set(&host, "b", "k"), json!({"ok": null}));
    assert_eq!(set(&host, "c", "k")["error"], "access-denied");
    host.wait_for_log(&["chameleon", "keyvalue", "limits.keyvalue.buckets"]);
}

#[test]
fn an_instance_that_keeps_open_swaps_is_not_used_again() {
    let host = start("");
    let mut connection = Connection::open(host.address());
    let mut send = |request: Request| {
        let answer = connection.send(request).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let calls = host.request("POST", "/api/chameleon/kv");
    let large = json!({"op": "set", "bucket": "b", "key": "k", "fill": 1 << 20});
    send(calls.clone().json(&large));
    let mut counted = |leave: bool| {
        let hold = json!({"op": "hold", "bucket": "b", "key": "k", "delta": 2, "leave": leave});
        assert_eq!(send(calls.clone().json(&hold))["ok"], json!([2, null]));
        let instance = send(host.request("GET", "/api/chameleon/instance"));
        instance["requests"].as_u64().unwrap()
    };
    assert_eq!(counted(false), 1);
    assert_eq!(counted(false), 2, "they were dropped");
    assert_eq!(counted(true), 1, "another instance");
    assert_eq!(counted(false), 2);
}
