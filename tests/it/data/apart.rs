//! Two plugins from one component have nothing in common.

use super::*;

#[test]
fn neither_rows_nor_keys_are_shared() {
    let component = build("v1", "base");
    let host = Setup::durable()
        .plugin("one", &component)
        .plugin("two", &component)
        .start();
    assert_eq!(
        host.request("POST", "/api/one/rows?child=1").send().status,
        201
    );
    kv(
        &host,
        "one",
        &json!({"op": "set", "bucket": "shared", "key": "k", "value": "of one"}),
    );

    assert_eq!(
        host.get("/api/one/rows").json(),
        json!({"parents": 1, "children": 1})
    );
    assert_eq!(
        host.get("/api/two/rows").json(),
        json!({"parents": 0, "children": 0})
    );
    assert_eq!(
        kv(
            &host,
            "two",
            &json!({"op": "get", "bucket": "shared", "key": "k"})
        ),
        json!({"ok": null})
    );
    assert_eq!(
        kv(&host, "two", &json!({"op": "list", "bucket": "shared"}))["ok"]["keys"],
        json!([])
    );

    // A table of one is unknown to the other, and so is the other's file.
    sql_of(
        &host,
        "one",
        &json!({"op": "execute", "sql": "CREATE TABLE mine (n)"}),
    );
    let unknown = sql_of(
        &host,
        "two",
        &json!({"op": "query", "sql": "SELECT * FROM mine"}),
    );
    assert_eq!(unknown["error"], "invalid-statement", "{unknown}");
    for name in ["one.sqlite", "one.kv.sqlite", "two.sqlite", "two.kv.sqlite"] {
        let attach = format!(
            "ATTACH DATABASE '{}' AS other",
            host.folder().join("db").join(name).display()
        );
        let denied = sql_of(&host, "two", &json!({"op": "execute", "sql": attach}));
        assert_eq!(denied["error"], "denied", "{denied}");
        assert!(host.folder().join("db").join(name).exists(), "{name}");
    }

    // Removing one leaves the other, and its own data for when it comes back.
    host.ask(&["remove", "one"]);
    assert_eq!(host.get("/api/two/rows").json()["parents"], 0);
    host.drop_in("one", &component);
    host.wait_until("one is back", |host| {
        host.get("/api/one/rows").status == 200
    });
    assert_eq!(host.get("/api/one/rows").json()["parents"], 1);
    assert_eq!(
        kv(
            &host,
            "one",
            &json!({"op": "get", "bucket": "shared", "key": "k"})
        ),
        json!({"ok": "of one"})
    );
}

#[test]
fn databases_in_memory_leave_no_file_behind() {
    let host = Setup::new()
        .plugin("chameleon", &build("v1", "base"))
        .start();
    assert_eq!(
        host.request("POST", "/api/chameleon/rows").send().status,
        201
    );
    let host = host.restart();
    assert_eq!(
        host.get("/api/chameleon/rows").json()["parents"],
        0,
        "gone with the host"
    );
    assert!(!host.folder().join("db").exists());
}
