//! Audit events: who changed what.

use super::{line, lines, two};
use greenroom_tests::{Host, Setup, chameleon};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

const CONFIG: &str = "backend: {auditor: {file: ./audit.log}}";

pub(super) fn file(host: &Host) -> PathBuf {
    host.folder().join("audit.log")
}

pub(super) fn events(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    // The last one may be under way.
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole.map(event).collect()
}

/// The first event of the file that `is` picks, waited for.
pub(super) fn event(host: &Host, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    host.wait_until(what, |host| {
        found = events(&file(host))
            .into_iter()
            .find(&is)
            .unwrap_or_default();
        !found.is_null()
    });
    found
}

fn me() -> String {
    format!("uid:{}", rustix::process::geteuid().as_raw())
}

#[test]
fn what_is_asked_for_over_the_admin_socket_is_told_with_who_asked() {
    let host = two(CONFIG).start();
    let before = host.plugin("a")["build"]["id"].clone();
    host.deploy("a", &chameleon("version=2.0.0;")).unwrap();
    let after = host.plugin("a")["build"]["id"].clone();
    let told = event(&host, "the deploy", |event| {
        event["meta"]["by"] == "admin-socket"
    });
    for (name, value) in [
        ("message", json!("a.deploy")),
        ("level", json!("INFO")),
        ("target", json!("audit")),
        ("isAuditEvent", json!(true)),
        ("plugin", json!("a")),
        ("eventId", json!("deploy")),
        ("severityLevel", json!("medium")),
        ("actor", json!({ "actorId": me() })),
        ("status", json!("succeeded")),
        ("error", Value::Null),
    ] {
        assert_eq!(told[name], value, "{name}: {told}");
    }
    assert_eq!(
        (
            &told["meta"]["build"],
            &told["meta"]["previous"],
            &told["meta"]["version"]
        ),
        (&after, &before, &"2.0.0".into()),
        "{told}"
    );
    // The log has the same event.
    let logged = line(&host, &["\"a.deploy\"", "admin-socket"]);
    assert_eq!(logged["meta"], told["meta"]);
    assert_eq!(logged["target"], "audit");

    host.ask(&["rollback", "a"]);
    let told = event(&host, "the rollback", |event| {
        event["eventId"] == "rollback"
    });
    assert_eq!(
        (&told["meta"]["build"], &told["status"]),
        (&before, &"succeeded".into()),
        "{told}"
    );
    host.ask(&["log", "a", "warn"]);
    let told = event(&host, "the change of levels", |event| {
        event["eventId"] == "log-level"
    });
    assert_eq!(
        (&told["meta"]["level"], &told["actor"]["actorId"]),
        (&"warn".into(), &me().into()),
        "{told}"
    );
    host.ask(&["remove", "a"]);
    let told = event(&host, "the removal", |event| event["eventId"] == "remove");
    assert_eq!(
        (&told["plugin"], &told["meta"]["previous"]),
        (&"a".into(), &before),
        "{told}"
    );
}

#[test]
fn what_is_refused_is_told_with_the_reason() {
    let host = two(CONFIG).start();
    // The fixture panics in describe() about a migration it does not have, by its name.
    let forging = "migrations=none\n{\"eventId\":\"forged\"};";
    host.deploy("a", &chameleon(forging)).unwrap_err();
    let told = event(&host, "the refusal", |event| event["status"] == "failed");
    assert_eq!(
        (&told["plugin"], &told["eventId"], &told["meta"]["stage"]),
        (&"a".into(), &"deploy".into(), &"describe".into()),
        "{told}"
    );
    assert!(told["error"].as_str().unwrap().contains("forged"), "{told}");
    assert_eq!(told["meta"]["build"].as_str().unwrap().len(), 64, "{told}");
    let nothing_older = host.command(&["rollback", "b"]);
    assert!(!nothing_older.status.success());
    let told = event(&host, "the rollback", |event| {
        event["eventId"] == "rollback"
    });
    assert_eq!(
        (&told["status"], &told["plugin"]),
        (&"failed".into(), &"b".into()),
        "{told}"
    );
    assert!(
        told["error"].as_str().unwrap().contains("no earlier build"),
        "{told}"
    );
    assert!(
        events(&file(&host))
            .iter()
            .all(|event| event["eventId"] != "forged")
    );
}

#[test]
fn a_change_of_the_folder_is_told_once() {
    let host = two(CONFIG).start();
    host.drop_in("a", &chameleon("version=3.0.0;"));
    let is = |event: &Value| event["meta"]["by"] == "plugins-folder";
    let told = event(&host, "the deploy", is);
    assert_eq!(
        (&told["meta"]["version"], &told["actor"]["actorId"]),
        (&"3.0.0".into(), &"plugins-folder".into()),
        "{told}"
    );
    fs::remove_file(host.folder().join("plugins/a.wasm")).unwrap();
    let told = event(&host, "the removal", |event| event["eventId"] == "remove");
    assert_eq!(
        (&told["plugin"], &told["meta"]["by"]),
        (&"a".into(), &"plugins-folder".into()),
        "{told}"
    );
    // An upload writes the file too: it is one event.
    host.deploy("b", &chameleon("version=4.0.0;")).unwrap();
    host.drop_in("last", &chameleon(""));
    event(&host, "the last", |event| event["plugin"] == "last");
    let of_b = |event: &&Value| event["plugin"] == "b" && event["meta"]["by"] != "start";
    assert_eq!(events(&file(&host)).iter().filter(of_b).count(), 1);
}

/// Of low severity: the file has all of them, the log what its level lets through.
#[test]
fn the_file_has_every_event() {
    let host = two(CONFIG).start();
    for id in ["a", "b"] {
        let told = event(&host, "the start", |event| event["plugin"] == id);
        assert_eq!(
            (&told["severityLevel"], &told["level"], &told["meta"]["by"]),
            (&"low".into(), &"DEBUG".into(), &"start".into()),
            "{told}"
        );
    }
    host.deploy("a", &chameleon("version=2.0.0;")).unwrap();
    line(&host, &["\"a.deploy\""]);
    assert!(lines(&host, &["\"audit\"", "\"start\""]).is_empty());
    let mode = fs::metadata(file(&host)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // It goes on where it was, and in a new file where that was moved away.
    let many = events(&file(&host)).len();
    let host = host.restart();
    host.wait_until("both starts are told", |host| {
        events(&file(host)).len() >= many + 2
    });
    let old = host.folder().join("audit.log.1");
    fs::rename(file(&host), &old).unwrap();
    host.wait_until("an event is in the new file", |host| {
        host.ask(&["log", "a", "warn"]);
        file(host).exists()
    });
    assert!(events(&old).len() > many);
}

#[test]
fn without_a_file_the_log_has_them_at_the_level_that_is_set() {
    let host = two("backend: {auditor: {severityLogLevelMappings: {low: warn, medium: error}}}")
        .log("warn")
        .start();
    assert_eq!(line(&host, &["\"a.deploy\""])["level"], "WARN");
    host.deploy("a", &chameleon("version=2.0.0;")).unwrap();
    assert_eq!(
        line(&host, &["\"a.deploy\"", "admin-socket"])["level"],
        "ERROR"
    );
}

#[test]
fn a_file_that_others_could_change_stops_the_start() {
    let refused = |prepare: &dyn Fn(&Path)| {
        let setup = Setup::new().config(CONFIG);
        prepare(&setup.folder().join("audit.log"));
        let output = setup.refused();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let link = refused(&|path| symlink("elsewhere", path).unwrap());
    assert!(
        link.contains("backend.auditor.file") && link.contains("symbolic link"),
        "{link}"
    );
    let open = refused(&|path| {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    });
    assert!(open.contains("chmod 600"), "{open}");
    let folder = refused(&|path| fs::create_dir(path).unwrap());
    assert!(folder.contains("backend.auditor.file"), "{folder}");
}
