//! The commands that ask a running host, for people and for programs.

use super::{greenroom, holds, id_of, stderr, stdout, version, versioned};
use greenroom_tests::{Setup, chameleon};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn people_read_a_line_for_each_outcome() {
    let host = Setup::new().start();
    let (one, two) = (
        chameleon("id=c;version=1.0.0;"),
        chameleon("id=c;version=2.0.0;"),
    );
    std::fs::write(host.folder().join("one.wasm"), &one).unwrap();
    std::fs::write(host.folder().join("two.wasm"), &two).unwrap();
    let (first, second) = (&id_of(&one)[..12], &id_of(&two)[..12]);
    let empty = host.command(&["plugins"]);
    assert!(
        stdout(&empty).starts_with("no plugins: "),
        "{}",
        stdout(&empty)
    );

    let said = |args: &[&str], parts: &[&str]| {
        let output = host.command(args);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args:?}: {}",
            stderr(&output)
        );
        assert_eq!(stderr(&output), "", "{args:?}");
        let text = stdout(&output);
        assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
        assert!(
            parts.iter().all(|part| text.contains(part)),
            "{args:?}: {text}"
        );
        assert!(!text.contains('\x1b'), "{text:?}");
    };
    said(
        &["deploy", "one.wasm"],
        &["c: build ", first, "(1.0.0) serves in ", " ms"],
    );
    said(
        &["deploy", "two.wasm"],
        &[second, "(2.0.0)", "before it", first],
    );
    said(&["deploy", "two.wasm"], &[second, "was serving already"]);
    said(
        &["rollback", "c"],
        &["c: back to build", first, "(1.0.0)", second],
    );
    let table = stdout(&host.command(&["plugins"]));
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(rows.len(), 2, "{table}");
    for head in [
        "ID", "STATE", "BUILD", "VERSION", "SINCE", "REQUESTS", "ERRORS",
    ] {
        assert!(rows[0].contains(head), "{table}");
    }
    for cell in ["c ", "live", first, "1.0.0"] {
        assert!(rows[1].contains(cell), "{table}");
    }
    said(&["remove", "c"], &["c: removed", "its data stays", first]);

    // A warning goes to the other stream.
    let output = host.command(&["deploy", "one.wasm", "--as", "renamed"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("warning: the build calls itself c"),
        "{}",
        stderr(&output)
    );
    assert!(
        stdout(&output).starts_with("renamed: build "),
        "{}",
        stdout(&output)
    );
    assert_eq!(version(&host, "renamed"), "1.0.0");
}

#[test]
fn programs_read_one_json_object() {
    let host = Setup::new().start();
    let one = chameleon("id=c;version=1.0.0;");
    std::fs::write(host.folder().join("one.wasm"), &one).unwrap();
    assert_eq!(
        json(&host.command(&["plugins", "--json"])),
        serde_json::json!({"plugins": []})
    );
    let outcome = host.ask(&["deploy", "one.wasm"]);
    assert_eq!(outcome["plugin"], "c");
    assert_eq!(outcome["build"], *id_of(&one));
    assert_eq!(outcome["version"], "1.0.0");
    assert_eq!(outcome["outcome"], "deployed");
    assert!(
        outcome["previous"].is_null() && outcome["milliseconds"].is_u64(),
        "{outcome}"
    );
    assert_eq!(host.ask(&["deploy", "one.wasm"])["outcome"], "unchanged");
    host.get("/api/c/version");
    host.get("/api/c/trap");
    let plugin = host.plugin("c");
    assert_eq!(plugin["state"], "live");
    assert_eq!(plugin["requests"], 2);
    assert_eq!(plugin["errors"], 1);
    assert_eq!(plugin["required"], false);
    assert!(plugin["problem"].is_null());
    let since = plugin["build"]["since"].as_str().unwrap();
    assert!(since.ends_with('Z') && since.contains('T'), "{since}");
}

#[test]
fn what_cannot_be_done_is_an_error_with_a_status() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    std::fs::write(host.folder().join("bad.wasm"), chameleon("start=fail;")).unwrap();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["deploy", "absent.wasm"], 1, "there is no file"),
        (&["deploy", "plugins"], 1, "is a folder"),
        (
            &["deploy", "bad.wasm", "--as", "c"],
            1,
            "told to fail in start",
        ),
        (&["rollback", "c"], 1, "no earlier build"),
        (&["rollback", "unknown"], 1, "no plugin has the id unknown"),
        (&["remove", "unknown"], 1, "no plugin has the id unknown"),
        (
            &["deploy", "bad.wasm", "--as", "Not An Id"],
            64,
            "no plugin id",
        ),
        (&["rollback", "../c"], 64, "no plugin id"),
        (&["remove"], 64, "<ID>"),
    ];
    for (args, code, part) in cases {
        let output = host.command(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(
            stderr(&output).contains(part),
            "{args:?}: {}",
            stderr(&output)
        );
        if code == 1 {
            let output = host.command(&[args, &["--json"]].concat());
            assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
            let error = json(&output)["error"].as_str().unwrap().to_owned();
            assert!(error.contains(part), "{args:?}: {error}");
            assert_eq!(stderr(&output), "", "{args:?}");
        }
    }
    assert_eq!(version(&host, "c"), "one");
}

#[test]
fn without_a_host_the_command_that_starts_one_is_named() {
    let setup = Setup::new();
    let folder = setup.folder();
    std::fs::write(folder.join("app-config.yaml"), "").unwrap();
    std::fs::write(folder.join("one.wasm"), versioned("one")).unwrap();
    // A socket that a killed host left is no host either.
    drop(std::os::unix::net::UnixListener::bind(folder.join("stale.sock")).unwrap());
    let commands: [&[&str]; 4] = [
        &["plugins"],
        &["deploy", "one.wasm"],
        &["rollback", "c"],
        &["remove", "c"],
    ];
    for command in commands {
        for (with, starts) in [
            (&[][..], "greenroom serve"),
            (
                &["--config", "app-config.yaml"][..],
                "greenroom serve --config app-config.yaml",
            ),
            (&["--socket", "stale.sock"][..], "greenroom serve"),
        ] {
            let args = [command, with].concat();
            let output = greenroom(folder, &args);
            assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
            let text = stderr(&output);
            assert!(
                text.contains("no Greenroom host answers at") && text.contains(starts),
                "{args:?}: {text}"
            );
            let output = greenroom(folder, &[&args[..], &["--json"]].concat());
            assert_eq!(output.status.code(), Some(1));
            assert!(
                json(&output)["error"].as_str().unwrap().contains(starts),
                "{args:?}"
            );
        }
    }
}

#[test]
fn the_socket_is_ours_alone_and_found_by_path_or_by_config() {
    let host = Setup::new()
        .config("backend: {admin: {socket: ./run/admin.sock}}")
        .plugin("c", &versioned("one"));
    std::fs::create_dir(host.folder().join("run")).unwrap();
    let host = host.start();
    let socket = host.folder().join("run/admin.sock");
    assert_eq!(
        socket.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let config = host.folder().join("app-config.yaml");
    for with in [
        ["--socket", socket.to_str().unwrap()],
        ["--config", config.to_str().unwrap()],
    ] {
        let output = greenroom(
            elsewhere.path(),
            &[&["plugins", "--json"][..], &with].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(json(&output)["plugins"][0]["id"], "c");
    }
    assert_eq!(
        host.folder().join("run").read_dir().unwrap().count(),
        1,
        "nothing else is left beside it"
    );
}

#[test]
fn a_deploy_writes_where_config_says_the_component_is() {
    let setup = Setup::new().config("plugins: {c: {component: ./elsewhere/build.bin}}");
    std::fs::create_dir(setup.folder().join("elsewhere")).unwrap();
    let host = setup.start();
    assert_eq!(host.plugin("c")["state"], "failed");
    host.deploy("c", &versioned("one")).unwrap();
    let file = host.folder().join("elsewhere/build.bin");
    assert!(holds(&file, &versioned("one")));
    assert!(!host.folder().join("plugins/c.wasm").exists());
    assert_eq!(version(&host, "c"), "one");
    let host = host.restart();
    assert_eq!(version(&host, "c"), "one");
    host.ask(&["remove", "c"]);
    assert!(!file.exists());
}

#[test]
fn the_first_deploy_makes_the_plugins_folder() {
    let setup = Setup::new();
    std::fs::remove_dir(setup.folder().join("plugins")).unwrap();
    let host = setup.start();
    host.deploy("c", &versioned("one")).unwrap();
    assert_eq!(version(&host, "c"), "one");
    let host = host.restart();
    assert_eq!(version(&host, "c"), "one");
}

#[test]
fn deploying_what_serves_mends_the_folder() {
    let host = Setup::new().plugin("c", &versioned("one")).start();
    host.drop_in("c", b"not wasm");
    super::wait_for_refusal(&host, "c", b"not wasm");
    assert_eq!(
        host.deploy("c", &versioned("one")).unwrap()["outcome"],
        "unchanged"
    );
    let plugin = host.plugin("c");
    assert!(plugin["problem"].is_null(), "{plugin}");
    assert_eq!(plugin["folder"], plugin["build"]["id"]);
    assert!(holds(
        &host.folder().join("plugins/c.wasm"),
        &versioned("one")
    ));
}
