//! Schemas that change while clients are there.

use super::*;
use greenroom_tests::Connection;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// Runs `change` while four clients write and read over keep-alive connections. Each of their requests must be answered
/// well. Returns how many rows they wrote.
fn under_load(host: &Host, change: impl FnOnce()) -> u64 {
    let (over, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (over, written) = (&over, &written);
            scope.spawn(move || {
                let mut connection = Connection::open(host.address());
                while !over.load(SeqCst) {
                    let (method, path) = if client % 2 == 0 {
                        ("POST", "rows")
                    } else {
                        ("GET", "rows")
                    };
                    let answer =
                        connection.send(host.request(method, &format!("/api/chameleon/{path}")));
                    let answer = answer.expect("no request is dropped");
                    let expected = if method == "POST" { 201 } else { 200 };
                    assert_eq!(answer.status, expected, "{}", answer.text());
                    if method == "POST" {
                        written.fetch_add(1, SeqCst);
                    }
                }
            });
        }
        // Also when `change` panics: the clients must end.
        let ending = Ending(&over);
        host.wait_until("the clients write", |_| written.load(SeqCst) > 20);
        change();
        let before = written.load(SeqCst);
        host.wait_until("the clients write on", |_| {
            written.load(SeqCst) > before + 20
        });
        drop(ending);
    });
    written.load(SeqCst)
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn started(migrations: &str) -> Host {
    Setup::durable()
        .plugin("chameleon", &build("v1", migrations))
        .start()
}

#[test]
fn additive_steps_run_while_the_old_build_serves() {
    let host = started("base");
    let written = under_load(&host, || {
        host.deploy("chameleon", &build("v2", "base,add")).unwrap();
        host.deploy("chameleon", &build("v3", "base,add,more"))
            .unwrap();
    });
    assert_eq!(version(&host), "v3");
    assert_eq!(host.get("/api/chameleon/rows").json()["parents"], written);
    assert_eq!(
        rows(&host, "SELECT DISTINCT note FROM parent"),
        json!([["none"]])
    );
    assert!(!copy_of(&host).exists());
}

#[test]
fn reads_go_on_during_a_long_additive_step() {
    let host = started("base");
    let during = std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.deploy("chameleon", &build("v2", "base,slow")));
        let mut during = 0;
        while !deploy.is_finished() {
            let answer = host.get("/api/chameleon/rows");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(["v1", "v2"].contains(&&*version(&host)));
            during += 1;
        }
        deploy.join().unwrap().unwrap();
        during
    });
    assert!(during > 5, "only {during} requests were answered meanwhile");
    assert_eq!(version(&host), "v2");
    assert_eq!(
        rows(&host, "SELECT count(*) FROM slow"),
        json!([[2_000_000]])
    );
}

#[test]
fn other_steps_hold_requests_and_fail_none() {
    let host = started("base,add");
    let written = under_load(&host, || {
        host.deploy("chameleon", &build("v2", "base,add,drop"))
            .unwrap();
    });
    assert_eq!(version(&host), "v2");
    assert_eq!(host.get("/api/chameleon/rows").json()["parents"], written);
    let columns = rows(&host, "PRAGMA table_info(parent)");
    let names: Vec<_> = columns
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column[1].clone())
        .collect();
    assert_eq!(names, ["id", "name"]);
    assert!(!copy_of(&host).exists());
}

#[test]
fn a_request_that_was_held_is_answered_by_the_new_build() {
    let config = format!("{DURABLE}\nplugins: {{chameleon: {{limits: {{holdTimeout: 60s}}}}}}");
    let host = Setup::new()
        .config(&config)
        .plugin("chameleon", &build("v1", "base"))
        .start();
    assert_eq!(
        host.request("POST", "/api/chameleon/rows?child=1")
            .send()
            .status,
        201
    );
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.deploy("chameleon", &build("v2", "base,slow-exclusive")));
        host.wait_until("the database is copied", |host| {
            copy_of(host).exists() || deploy.is_finished()
        });
        assert!(!deploy.is_finished(), "the migration takes seconds");
        assert_eq!(version(&host), "v2", "it must wait for the migration");
        deploy.join().unwrap().unwrap();
    });
    assert!(!copy_of(&host).exists());
    assert_eq!(
        rows(&host, "SELECT count(*) FROM slow_exclusive"),
        json!([[2_000_000]])
    );
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 1, "children": 1})
    );
}

#[test]
fn a_build_older_than_the_schema_serves_only_when_what_it_lacks_is_additive() {
    let host = started("base");
    host.deploy("chameleon", &build("v2", "base,add")).unwrap();
    // It lacks `add`, which took nothing away.
    host.ask(&["rollback", "chameleon"]);
    assert_eq!(version(&host), "v1");
    assert_eq!(
        host.request("POST", "/api/chameleon/rows").send().status,
        201
    );

    host.deploy("chameleon", &build("v3", "base,add,drop"))
        .unwrap();
    let refused = host.command(&["rollback", "chameleon", "--json"]);
    let text = String::from_utf8_lossy(&refused.stdout);
    assert!(
        !refused.status.success() && text.contains("migration 3 (drop)"),
        "{text}"
    );
    let refused = host
        .deploy("chameleon", &build("v2", "base,add"))
        .unwrap_err();
    assert!(refused.contains("migration 3 (drop)"), "{refused}");
    assert_eq!(version(&host), "v3");
    assert_eq!(
        host.request("POST", "/api/chameleon/rows").send().status,
        201
    );
    // The file in the folder is what a restart starts with: still the new build.
    let host = host.restart();
    assert_eq!(version(&host), "v3");
    assert_eq!(host.get("/api/chameleon/rows").json()["parents"], 2);
}

#[test]
fn a_restart_runs_no_migration_again() {
    let host = started("base,add,drop");
    assert_eq!(
        host.request("POST", "/api/chameleon/rows?child=1")
            .send()
            .status,
        201
    );
    let mut first = Vec::new();
    let host = host.restart_after(|folder| first = remembered(folder));
    assert_eq!(
        first.iter().map(|m| (m.0, &*m.1)).collect::<Vec<_>>(),
        [(1, "base"), (2, "add"), (3, "drop")]
    );
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 1, "children": 1})
    );
    let host = host.crash();
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 1, "children": 1})
    );
    let folder = host.stop_and_keep();
    assert_eq!(
        remembered(folder.path()),
        first,
        "the moments at which they ran are unchanged"
    );
}

#[test]
fn a_new_plugin_comes_with_all_of_its_schema() {
    let host = Setup::durable().start();
    host.deploy("chameleon", &build("v1", "base,add,drop"))
        .unwrap();
    assert_eq!(
        host.request("POST", "/api/chameleon/rows").send().status,
        201
    );
    // Removed, the data stays; the same build finds it again.
    host.ask(&["remove", "chameleon"]);
    assert_eq!(host.get("/api/chameleon/version").status, 404);
    host.deploy("chameleon", &build("v1", "base,add,drop"))
        .unwrap();
    assert_eq!(host.get("/api/chameleon/rows").json()["parents"], 1);
}
