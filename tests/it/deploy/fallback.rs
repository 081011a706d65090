//! A broken file in the folder over a restart, and one component under two ids.

use super::{holds, id_of, version, versioned, wait_for_refusal, wait_for_version};
use greenroom_tests::{Setup, chameleon, fixture};
use serde_json::json;

#[test]
fn the_last_live_build_serves_when_the_file_is_refused_at_start() {
    let host = Setup::durable().start();
    let (older, last) = (
        versioned("older"),
        chameleon("version=last;migrations=base;"),
    );
    host.deploy("c", &older).unwrap();
    host.deploy("c", &last).unwrap();
    assert_eq!(host.post("/api/c/rows", &json!({})).status, 201);
    let broken = chameleon("version=broken;start=fail;");
    host.drop_in("c", &broken);
    wait_for_refusal(&host, "c", &broken);

    let host = host.restart();
    assert_eq!(version(&host, "c"), "last");
    assert_eq!(host.get("/api/c/rows").json()["parents"], 1);
    let plugin = host.plugin("c");
    assert_eq!(plugin["state"], "live");
    assert_eq!(plugin["build"]["id"], *id_of(&last), "{plugin}");
    assert_eq!(plugin["folder"], *id_of(&broken), "{plugin}");
    assert_eq!(plugin["problem"]["build"], *id_of(&broken), "{plugin}");
    assert_eq!(plugin["problem"]["stage"], "start", "{plugin}");
    assert_eq!(plugin["history"], json!([id_of(&last), id_of(&older)]));
    // The operator sees both in the table.
    let table = super::stdout(&host.command(&["plugins"]));
    for part in [
        &id_of(&last)[..12],
        &id_of(&broken)[..12],
        "told to fail in start",
        "does not serve",
    ] {
        assert!(table.contains(part), "{table}");
    }
    // The file stays as it is; the next good one is taken.
    assert!(holds(&host.folder().join("plugins/c.wasm"), &broken));
    host.drop_in("c", &versioned("mended"));
    wait_for_version(&host, "c", "mended");
    let plugin = host.plugin("c");
    assert!(plugin["problem"].is_null(), "{plugin}");
    assert_eq!(plugin["folder"], plugin["build"]["id"]);
}

#[test]
fn a_file_that_is_no_wasm_at_start_falls_back_as_well() {
    let host = Setup::durable().start();
    host.deploy("c", &versioned("last")).unwrap();
    host.drop_in("c", b"");
    wait_for_refusal(&host, "c", b"");
    let host = host.crash();
    assert_eq!(version(&host, "c"), "last");
    // A rollback mends the folder.
    host.deploy("c", &versioned("next")).unwrap();
    host.ask(&["rollback", "c"]);
    assert_eq!(version(&host, "c"), "last");
    assert!(holds(
        &host.folder().join("plugins/c.wasm"),
        &versioned("last")
    ));
}

#[test]
fn a_damaged_history_does_not_stop_the_host() {
    let host = Setup::durable().start();
    host.deploy("c", &versioned("one")).unwrap();
    host.deploy("c", &versioned("two")).unwrap();
    let state = host.folder().join("db/plugins.state");
    let kept = state
        .join("builds")
        .join(format!("{}.wasm", id_of(&versioned("one"))));
    std::fs::write(kept, "damaged").unwrap();
    let refused = host.command(&["rollback", "c"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        super::stderr(&refused).contains("is not what was recorded"),
        "{}",
        super::stderr(&refused)
    );
    assert_eq!(version(&host, "c"), "two");
    std::fs::write(state.join("c.json"), "{").unwrap();
    let host = host.restart();
    assert_eq!(version(&host, "c"), "two");
    host.deploy("c", &versioned("three")).unwrap();
    assert_eq!(version(&host, "c"), "three");
}

#[test]
fn one_file_serves_under_two_ids_with_data_of_their_own() {
    let setup = Setup::durable();
    let file = setup.folder().join("shared.bin");
    let one = chameleon("id=c;version=one;migrations=base;");
    std::fs::write(&file, &one).unwrap();
    let host = setup
        .config(
            "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}
plugins: {first: {component: ./shared.bin}, second: {component: ./shared.bin}}",
        )
        .start();
    host.post("/api/first/rows", &json!({}));
    assert_eq!(host.get("/api/first/rows").json()["parents"], 1);
    assert_eq!(host.get("/api/second/rows").json()["parents"], 0);
    assert!(host.plugin("shared").is_null());
    // One of two cannot have another build; the file can.
    let error = host.deploy("first", &versioned("other")).unwrap_err();
    assert!(
        error.contains("second") && error.contains("shared.bin"),
        "{error}"
    );
    for args in [["rollback", "first"], ["remove", "second"]] {
        assert_eq!(host.command(&args).status.code(), Some(1));
    }
    let next = host.folder().join("next.bin");
    std::fs::write(&next, chameleon("id=c;version=two;migrations=base;")).unwrap();
    std::fs::rename(next, host.folder().join("shared.bin")).unwrap();
    for id in ["first", "second"] {
        wait_for_version(&host, id, "two");
    }
    assert_eq!(host.get("/api/first/rows").json()["parents"], 1);
}

#[test]
fn a_build_that_calls_itself_otherwise_is_warned_about() {
    let host = Setup::new().plugin("c", &chameleon("id=other;")).start();
    host.wait_for_log(&["WARN", "calls itself other", "served as c"]);
    let outcome = host.deploy("d", &chameleon("id=other;version=2;")).unwrap();
    let warnings = outcome["warnings"].to_string();
    assert!(warnings.contains("calls itself other"), "{warnings}");
    // Without --as, the descriptor's id is the plugin's.
    std::fs::write(host.folder().join("x.wasm"), chameleon("id=named;")).unwrap();
    let outcome = host.ask(&["deploy", "x.wasm"]);
    assert_eq!(outcome["plugin"], "named");
    assert_eq!(outcome["warnings"], json!([]));
    assert_eq!(version(&host, "named"), "1.0.0");
    // A plain component has no id to differ.
    assert_eq!(
        host.deploy("plain", &fixture("plain")).unwrap()["warnings"],
        json!([])
    );
}
