//! Migrations that fail or must not run: the old build goes on, the database is as before.

use super::*;

/// Starts `base`, deploys `second`, and checks that it was refused with these words and changed nothing. Returns the host.
fn refused(second: &[u8], words: &[&str]) -> Host {
    let config = format!(
        "{DURABLE}\nplugins: {{chameleon: {{limits: {{migrationTimeout: 2s, holdTimeout: 1s}}}}}}"
    );
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
    let before = schema(&host);
    let error = host.deploy("chameleon", second).unwrap_err();
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
    assert_eq!(schema(&host), before);
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 3, "children": 3})
    );
    assert_eq!(version(&host), "v1");
    assert_eq!(
        host.request("POST", "/api/chameleon/rows?child=1")
            .send()
            .status,
        201
    );
    assert!(!copy_of(&host).exists(), "the copy is gone");
    let status = host.plugin("chameleon");
    assert_eq!(status["state"], "live");
    assert!(
        status["problem"]["message"]
            .as_str()
            .unwrap()
            .contains(words[0]),
        "{status}"
    );
    host.wait_for_log(&["\"outcome\":\"refused\"", "chameleon", words[0]]);
    host
}

/// After a restart it is the same, and the schema's memory knows `base` alone.
fn same_after_restart(host: Host) {
    let mut ran = Vec::new();
    let host = host.restart_after(|folder| ran = remembered(folder));
    assert_eq!(ran.len(), 1, "{ran:?}");
    assert_eq!(version(&host), "v1");
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 4, "children": 4})
    );
}

#[test]
fn a_failing_additive_step_leaves_all_as_before() {
    let host = refused(
        &build("v2", "base,broken"),
        &["migration 2 (broken)", "statement 2", "nowhere"],
    );
    same_after_restart(host);
}

#[test]
fn a_failing_exclusive_step_leaves_all_as_before() {
    let host = refused(
        &build("v2", "base,broken-exclusive"),
        &["migration 2 (broken-exclusive)", "nowhere"],
    );
    same_after_restart(host);
}

#[test]
fn a_step_that_breaks_a_foreign_key_is_rolled_back() {
    let host = refused(
        &build("v2", "base,orphan"),
        &["migration 2 (orphan)", "foreign key", "child"],
    );
    same_after_restart(host);
}

#[test]
fn good_steps_before_a_failing_one_are_rolled_back_with_it() {
    refused(
        &build("v2", "base,add,drop,broken-exclusive"),
        &["migration 4 (broken-exclusive)"],
    );
}

#[test]
fn what_takes_away_is_not_additive() {
    for (name, what) in [
        ("lying", "DROP TABLE child"),
        ("lying-delete", "DELETE FROM parent"),
        ("lying-rename", "RENAME"),
    ] {
        refused(
            &build("v2", &format!("base,{name}")),
            &[what, "not additive"],
        );
    }
}

#[test]
fn text_that_no_plugin_may_run_is_refused_in_migrations_too() {
    for (name, word) in [
        ("attach", "ATTACH"),
        ("pragma", "PRAGMA"),
        ("host-table", "_greenroom_"),
        ("commit", "transaction control"),
    ] {
        refused(&build("v2", &format!("base,{name}")), &[word]);
    }
    assert!(!Path::new("/tmp/greenroom-escape.sqlite").exists());
}

#[test]
fn an_edited_migration_is_refused() {
    refused(
        &build("v2", "base~"),
        &["migration 1 (base)", "another text"],
    );
    refused(
        &build("v2", "base~,add"),
        &["migration 1 (base)", "another text"],
    );
}

#[test]
fn an_endless_step_ends_at_its_limit_and_held_requests_are_told_to_come_back() {
    let config = format!(
        "{DURABLE}\nplugins: {{chameleon: {{limits: {{migrationTimeout: 3s, holdTimeout: 200ms}}}}}}"
    );
    let host = Setup::new()
        .config(&config)
        .plugin("chameleon", &build("v1", "base"))
        .start();
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.deploy("chameleon", &build("v2", "base,endless")));
        host.wait_until("the database is copied", |host| {
            copy_of(host).exists() || deploy.is_finished()
        });
        assert!(
            !deploy.is_finished(),
            "the migration ends at its limit only"
        );
        let held = host.get("/api/chameleon/version");
        assert_eq!(held.status, 503, "{}", held.text());
        assert!(held.header("retry-after").is_some());
        let error = deploy.join().unwrap().unwrap_err();
        assert!(
            error.contains("migration 2 (endless)") && error.contains("migrationTimeout"),
            "{error}"
        );
    });
    assert!(!copy_of(&host).exists());
    assert_eq!(version(&host), "v1");
    assert_eq!(
        host.request("POST", "/api/chameleon/rows").send().status,
        201
    );
}

#[test]
fn a_start_that_fails_brings_the_old_schema_back() {
    for start in ["fail", "trap"] {
        let second = chameleon(&format!(
            "answer=v2;migrations=base,add,drop,cascade;start={start};"
        ));
        let host = refused(&second, &["start()"]);
        same_after_restart(host);
    }
}

#[test]
fn a_start_that_fails_leaves_what_was_added() {
    let host = Setup::durable()
        .plugin("chameleon", &build("v1", "base"))
        .start();
    let error = host
        .deploy(
            "chameleon",
            &chameleon("answer=v2;migrations=base,add;start=fail;"),
        )
        .unwrap_err();
    assert!(error.contains("told to fail"), "{error}");
    assert_eq!(version(&host), "v1");
    assert_eq!(
        host.request("POST", "/api/chameleon/rows").send().status,
        201
    );
    assert_eq!(rows(&host, "SELECT note FROM parent"), json!([["none"]]));
    // And the build that was mended goes on from there.
    host.deploy("chameleon", &build("v2", "base,add")).unwrap();
    assert_eq!(version(&host), "v2");
}

#[test]
fn an_exclusive_step_waits_for_what_runs_and_gives_up_in_time() {
    let config = format!("{DURABLE}\nplugins: {{chameleon: {{limits: {{holdTimeout: 500ms}}}}}}");
    let host = Setup::new()
        .config(&config)
        .plugin("chameleon", &build("v1", "base"))
        .start();
    std::thread::scope(|scope| {
        let late = scope.spawn(|| host.get("/api/chameleon/late?ms=6000"));
        host.wait_until("the request runs", |host| {
            host.plugin("chameleon")["instances"] != 0 || late.is_finished()
        });
        let error = host
            .deploy("chameleon", &build("v2", "base,cascade"))
            .unwrap_err();
        assert!(error.contains("holdTimeout"), "{error}");
        assert_eq!(version(&host), "v1");
        assert_eq!(late.join().unwrap().status, 200);
    });
    host.deploy("chameleon", &build("v2", "base,cascade"))
        .unwrap();
    assert_eq!(version(&host), "v2");
}
