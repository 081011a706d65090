//! Back to the build before, as far as the database allows, and away with the data kept.

use super::{deploys, holds, id_of, version, versioned};
use greenroom_tests::{Setup, chameleon};
use serde_json::{Value, json};

#[test]
fn a_second_rollback_brings_back_what_the_first_took_away() {
    let host = Setup::new().start();
    let (one, two) = (versioned("one"), versioned("two"));
    host.deploy("c", &one).unwrap();
    let refused = host.command(&["rollback", "c", "--json"]);
    assert_eq!(
        refused.status.code(),
        Some(1),
        "there is nothing to go back to yet"
    );
    host.deploy("c", &two).unwrap();
    for (serves, before) in [(&one, &two), (&two, &one), (&one, &two)] {
        let outcome = host.ask(&["rollback", "c"]);
        assert_eq!(outcome["outcome"], "rolled-back");
        assert_eq!(outcome["build"], *id_of(serves));
        assert_eq!(outcome["previous"], *id_of(before));
        assert_eq!(host.plugin("c")["build"]["id"], *id_of(serves));
        assert!(holds(&host.folder().join("plugins/c.wasm"), serves));
    }
    assert_eq!(version(&host, "c"), "one");
    // The file is what serves: a restart changes nothing.
    let host = host.restart();
    assert_eq!(version(&host, "c"), "one");
    host.ask(&["rollback", "c"]);
    assert_eq!(version(&host, "c"), "two");
}

#[test]
fn a_rollback_beyond_additive_migrations_is_fine_and_beyond_others_refused() {
    let host = Setup::durable().start();
    let base = chameleon("version=base;migrations=base;");
    let add = chameleon("version=add;migrations=base,add;");
    let drop = chameleon("version=drop;migrations=base,add,drop;");
    host.deploy("c", &base).unwrap();
    assert_eq!(host.post("/api/c/rows?child=1", &json!({})).status, 201);
    host.deploy("c", &add).unwrap();
    host.ask(&["rollback", "c"]);
    assert_eq!(version(&host, "c"), "base");
    assert_eq!(host.post("/api/c/rows?child=1", &json!({})).status, 201);
    host.ask(&["rollback", "c"]);
    host.deploy("c", &drop).unwrap();

    for json in [true, false] {
        let args: &[&str] = if json {
            &["rollback", "c", "--json"]
        } else {
            &["rollback", "c"]
        };
        let output = host.command(args);
        assert_eq!(output.status.code(), Some(1));
        let text = if json {
            super::stdout(&output)
        } else {
            super::stderr(&output)
        };
        for part in ["lacks migration 3 (drop)", "deploy a build that has it"] {
            assert!(text.contains(part), "{text}");
        }
    }
    assert_eq!(version(&host, "c"), "drop");
    let plugin = host.plugin("c");
    assert_eq!(plugin["problem"]["stage"], "migrate", "{plugin}");
    assert_eq!(plugin["build"]["version"], "drop");
    assert_eq!(
        host.get("/api/c/rows").json(),
        json!({"parents": 2, "children": 2})
    );
    // The same judgement for the same build by the other doors.
    let error = host.deploy("c", &add).unwrap_err();
    assert!(error.contains("lacks migration 3 (drop)"), "{error}");
    assert!(holds(&host.folder().join("plugins/c.wasm"), &drop));
}

#[test]
fn five_builds_are_kept_and_each_deploy_is_one_line() {
    let host = Setup::durable().start();
    let builds: Vec<Vec<u8>> = (1..=6).map(|n| versioned(&format!("build-{n}"))).collect();
    for build in &builds {
        host.deploy("c", build).unwrap();
    }
    let newest_first: Vec<Value> = builds
        .iter()
        .rev()
        .take(5)
        .map(|b| json!(id_of(b)))
        .collect();
    assert_eq!(host.plugin("c")["history"], json!(newest_first));
    let kept = std::fs::read_dir(host.folder().join("db/plugins.state/builds")).unwrap();
    assert_eq!(kept.count(), 5);

    // The same again changes nothing, and is told as such, as is a refused one.
    assert_eq!(
        host.deploy("c", &builds[5]).unwrap()["outcome"],
        "unchanged"
    );
    host.deploy("c", &chameleon("start=fail;")).unwrap_err();
    host.wait_for_log(&[r#""plugin":"c""#, r#""outcome":"refused""#]);
    let lines = deploys(&host, "c");
    assert_eq!(lines.len(), 8, "{lines:#?}");
    for (line, build) in lines.iter().zip(&builds) {
        assert_eq!(line["level"], "INFO", "{line}");
        assert_eq!(line["outcome"], "deployed", "{line}");
        assert_eq!(line["build"], id_of(build)[..12], "{line}");
        assert!(line["milliseconds"].is_u64(), "{line}");
    }
    assert_eq!(lines[6]["outcome"], "unchanged");
    assert_eq!(lines[7]["outcome"], "refused");
    assert!(lines[7]["milliseconds"].is_u64(), "{}", lines[7]);
    let host = host.restart();
    assert_eq!(host.plugin("c")["history"], json!(newest_first));
    assert_eq!(version(&host, "c"), "build-6");
}

#[test]
fn a_removed_plugin_keeps_its_data() {
    let host = Setup::durable().start();
    let build = chameleon("version=one;migrations=base;");
    host.deploy("c", &build).unwrap();
    assert_eq!(host.post("/api/c/rows?child=1", &json!({})).status, 201);
    let outcome = host.ask(&["remove", "c"]);
    assert_eq!(outcome["outcome"], "removed");
    assert_eq!(outcome["previous"], *id_of(&build));
    assert!(outcome["build"].is_null());
    assert_eq!(host.get("/api/c/rows").status, 404);
    assert!(!host.folder().join("plugins/c.wasm").exists());
    assert!(host.plugin("c").is_null());
    // Removed stays removed.
    let host = host.restart();
    assert_eq!(host.get("/api/c/rows").status, 404);
    host.deploy("c", &build).unwrap();
    assert_eq!(
        host.get("/api/c/rows").json(),
        json!({"parents": 1, "children": 1})
    );
    // And at once again, in one process.
    host.ask(&["remove", "c"]);
    host.deploy("c", &build).unwrap();
    assert_eq!(host.post("/api/c/rows?child=1", &json!({})).status, 201);
    assert_eq!(
        host.get("/api/c/rows").json(),
        json!({"parents": 2, "children": 2})
    );
}
