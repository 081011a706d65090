//! Components that were built long ago go on working: `tests/data/first-contract.wasm` is the chameleon built from the
//! first contract (`greenroom:plugin@0.1.0`, `greenroom:sql@0.1.0`). It is never built again.

use greenroom_tests::{Setup, repository};
use serde_json::json;

#[test]
fn a_component_of_the_first_contract_is_served() {
    let path = repository().join("tests/data/first-contract.wasm");
    let host = Setup::durable()
        .plugin("chameleon", &std::fs::read(&path).unwrap())
        .start();
    let inspected = host.ask(&["inspect", path.to_str().unwrap()]);
    assert_eq!(inspected["problem"], json!(null));
    assert_eq!(inspected["descriptor"]["id"], "chameleon");
    assert_eq!(host.get("/api/chameleon/version").status, 200);
    let sql = json!({"op": "query", "sql": "SELECT $1 + 1", "params": [41]});
    let answer = host.post("/api/chameleon/sql", &sql);
    assert_eq!(
        answer.json()["ok"]["rows"],
        json!([[42]]),
        "{}",
        answer.text()
    );
    let set = json!({"op": "set", "bucket": "b", "key": "k", "value": "v"});
    let answer = host.post("/api/chameleon/kv", &set).json();
    assert!(answer["error"].is_null(), "{answer}");
}
