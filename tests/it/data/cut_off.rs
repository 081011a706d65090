//! kill -9 in the middle of a migration.

use super::*;
use rustix::process::Signal;

/// Bytes in the write-ahead log from which on the migration is surely under way.
const UNDER_WAY: u64 = 4 << 20;

fn started() -> Host {
    let config = format!("{DURABLE}\nplugins: {{chameleon: {{limits: {{holdTimeout: 60s}}}}}}");
    let host = Setup::new()
        .config(&config)
        .plugin("chameleon", &build("v1", "base"))
        .start();
    for _ in 0..3 {
        assert_eq!(
            host.request("POST", "/api/chameleon/rows?child=1")
                .send()
                .status,
            201
        );
    }
    host
}

fn wait_until_under_way(host: &Host) {
    let log = host.folder().join("db/chameleon.sqlite-wal");
    host.wait_until("the migration is under way", |_| {
        std::fs::metadata(&log).is_ok_and(|m| m.len() > UNDER_WAY)
    });
}

#[test]
fn an_uploaded_build_that_was_cut_off_leaves_the_old_one_and_its_data() {
    let host = started();
    std::thread::scope(|scope| {
        std::fs::write(
            host.folder().join("new.wasm"),
            build("v2", "base,slow-exclusive"),
        )
        .unwrap();
        let deploy =
            scope.spawn(|| host.command(&["deploy", "new.wasm", "--as", "chameleon", "--json"]));
        wait_until_under_way(&host);
        assert!(copy_of(&host).exists() && !deploy.is_finished());
        host.signal(Signal::KILL);
        let output = deploy.join().unwrap();
        assert!(!output.status.success(), "nobody answered the deploy");
    });
    let host = host.crash();
    assert_eq!(version(&host), "v1");
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 3, "children": 3})
    );
    assert_eq!(
        rows(
            &host,
            "SELECT count(*) FROM sqlite_schema WHERE name = 'slow_exclusive'"
        ),
        json!([[0]])
    );
    assert!(!copy_of(&host).exists());
    assert_eq!(
        host.request("POST", "/api/chameleon/rows?child=1")
            .send()
            .status,
        201
    );
    let host = host.restart();
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 4, "children": 4})
    );
}

#[test]
fn a_build_in_the_folder_that_was_cut_off_is_migrated_at_the_next_start() {
    let host = started();
    host.drop_in("chameleon", &build("v2", "base,slow-exclusive"));
    wait_until_under_way(&host);
    let host = host.crash();
    assert_eq!(version(&host), "v2");
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 3, "children": 3})
    );
    assert_eq!(
        rows(&host, "SELECT count(*) FROM slow_exclusive"),
        json!([[2_000_000]])
    );
    assert!(!copy_of(&host).exists());
    let folder = host.stop_and_keep();
    assert_eq!(remembered(folder.path()).len(), 2);
}
