//! `wasi:keyvalue@0.2.0-draft`, as components made elsewhere import it.

use super::*;
use greenroom_tests::fixture;

#[test]
fn the_older_version_reaches_the_same_data() {
    for store in ["sqlite", "memory"] {
        let config =
            format!("backend: {{cache: {{store: {store}}}}}\nplugins: {{older: {{access: open}}}}");
        let host = Setup::new()
            .config(&config)
            .plugin("older", &fixture("keyvalue-draft"))
            .start();
        // The last one uses up the buckets.
        for check in ["shared", "counting", "batch", "listing", "refused"] {
            let answer = host.get(&format!("/api/older/{check}"));
            let text = answer.text();
            assert_eq!((answer.status, &*text), (200, "ok"), "{store} {check}");
        }
    }
}

#[test]
fn a_build_over_the_newer_version_finds_what_one_over_the_older_wrote() {
    let older = fixture("keyvalue-draft");
    let host = Setup::new()
        .config(&format!(
            "{DURABLE}\nplugins: {{one: {{access: open}}, two: {{access: open}}}}"
        ))
        .plugin("one", &older)
        .plugin("two", &older)
        .start();
    assert_eq!(host.get("/api/one/keep").text(), "ok");
    for id in ["one", "two"] {
        host.deploy(id, &chameleon("")).unwrap();
    }
    let get = json!({"op": "get", "bucket": "b", "key": "k"});
    assert_eq!(kv(&host, "one", &get), json!({"ok": "kept"}));
    assert_eq!(
        kv(&host, "two", &get),
        json!({"ok": null}),
        "another plugin"
    );
}

#[test]
fn both_versions_are_offered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("older.wasm");
    std::fs::write(&file, fixture("keyvalue-draft")).unwrap();
    let found = plain().ask(&["inspect", file.to_str().unwrap()]);
    assert_eq!(found["problem"], json!(null), "{found}");
    let imports = found["imports"].as_array().unwrap();
    for interface in ["atomics", "batch", "store"] {
        for version in ["0.2.0-draft", "0.2.0-draft2"] {
            let name = format!("wasi:keyvalue/{interface}@{version}");
            let import = imports.iter().find(|import| import["name"] == *name);
            assert_eq!(import.unwrap()["offered"], true, "{name}: {found}");
        }
    }
}
