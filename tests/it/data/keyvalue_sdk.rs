//! What the SDK makes of `wasi:keyvalue`: all keys, changes without a race, values as JSON.

use super::*;

fn ask(host: &Host, op: &str, key: &str, value: &str) -> Value {
    let call = json!({"op": op, "bucket": "b", "key": key, "value": value});
    let answer = kv(host, "chameleon", &call);
    assert!(answer["error"].is_null(), "{call}: {answer}");
    answer["ok"].clone()
}

#[test]
fn all_keys_are_those_of_all_pages() {
    let host = plain();
    assert_eq!(ask(&host, "all-keys", "", ""), json!([]));
    let keys: Vec<_> = (0..1500).map(|n| format!("key {n:04}")).collect();
    for some in keys.chunks(1000) {
        let pairs: Vec<_> = some.iter().map(|key| json!([key, ""])).collect();
        let set = json!({"op": "set-many", "bucket": "b", "pairs": pairs});
        assert_eq!(kv(&host, "chameleon", &set), json!({"ok": null}));
    }
    assert_eq!(ask(&host, "all-keys", "", ""), json!(keys));
}

#[test]
fn changes_are_made_again_when_somebody_was_faster() {
    let host = plain();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    ask(&host, "append", "text", "x");
                    ask(&host, "count", "number", "");
                }
            });
        }
    });
    assert_eq!(ask(&host, "get", "text", ""), "x".repeat(100));
    assert_eq!(ask(&host, "get", "number", ""), "100");
}

#[test]
fn a_value_is_made_once_and_again_when_it_does_not_fit() {
    let host = plain();
    assert_eq!(ask(&host, "cached", "k", "first"), "first");
    assert_eq!(ask(&host, "cached", "k", "second"), "first");
    assert_eq!(ask(&host, "get", "k", ""), "\"first\"");
    ask(&host, "set", "k", "no JSON");
    assert_eq!(ask(&host, "cached", "k", "third"), "third");
    // A change does not guess: it would lose what is there.
    ask(&host, "set", "k", "no JSON");
    let count = json!({"op": "count", "bucket": "b", "key": "k"});
    let refused = kv(&host, "chameleon", &count);
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("the value of \"k\""), "{message}");
    assert_eq!(ask(&host, "get", "k", ""), "no JSON");
}
