//! Folders and files that cannot be written to.

use super::*;
use greenroom_tests::Setup;

fn read_only(path: &str) -> String {
    format!("mount --bind {path} {path} && mount -o remount,bind,ro {path}")
}

fn text_of_refusal(setup: Setup, path: &str) -> String {
    let output = in_namespace(setup, &read_only(path)).refused();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_folder_that_is_needed_at_the_start_is_named() {
    let databases = setup();
    fs::create_dir(databases.folder().join("db")).unwrap();
    let text = text_of_refusal(databases, "db");
    assert!(
        text.contains("/db: cannot open greenroom.lock") && text.contains("Read-only"),
        "{text}"
    );

    let socket = setup().config("backend: {admin: {socket: ./sock/host.sock}}");
    fs::create_dir(socket.folder().join("sock")).unwrap();
    let text = text_of_refusal(socket, "sock");
    assert!(
        text.contains("backend.admin.socket") && text.contains("Read-only"),
        "{text}"
    );

    let state = Setup::new().config("plugins: {state: ./state}");
    fs::create_dir(state.folder().join("state")).unwrap();
    let text = text_of_refusal(state, "state");
    assert!(
        text.contains("plugins.state") && text.contains("/state"),
        "{text}"
    );
}

#[test]
fn a_database_that_cannot_be_written_costs_its_own_plugin() {
    let mut host = setup().start();
    works(&host, "c", 0);
    let folder = host.stop_and_keep();
    let again = setup();
    fs::create_dir(again.folder().join("db")).unwrap();
    for file in fs::read_dir(folder.path().join("db")).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(
                file.path(),
                again.folder().join("db").join(file.file_name()),
            )
            .unwrap();
        }
    }
    host = in_namespace(again, &read_only("db/c.sqlite")).start();
    let problem = host.plugin("c")["problem"].clone();
    assert_eq!(problem["stage"], "storage", "{problem}");
    let message = problem["message"].as_str().unwrap();
    assert!(
        message.contains("c.sqlite") && message.contains("Read-only"),
        "{message}"
    );
    assert_eq!(host.get("/api/c/rows").status, 503);
    works(&host, "w", 0);
    // Writable again, a deploy of the same build is enough.
    inside(
        &host,
        &[
            "umount",
            host.folder().join("db/c.sqlite").to_str().unwrap(),
        ],
    );
    host.deploy("c", &chameleon("version=one;migrations=base;"))
        .unwrap();
    works(&host, "c", 1);
}

#[test]
fn folders_that_become_read_only_refuse_deploys_and_serve() {
    for folder in ["state", "plugins", "cache/greenroom"] {
        let setup = setup().own_cache().config(
            "backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\n\
             plugins: {state: ./state}",
        );
        fs::create_dir_all(setup.folder().join(folder)).unwrap();
        fs::set_permissions(
            setup.folder().join(folder),
            fs::Permissions::from_mode(0o700),
        )
        .unwrap();
        let mounts = format!(
            "cp -r {folder} before && mount -t tmpfs -o mode=700 tmpfs {folder} && cp -r before/. {folder}/"
        );
        let host = in_namespace(setup, &mounts).start();
        let path = host.folder().join(folder);
        let path = path.to_str().unwrap();
        let bind = ["mount", "--bind", path, path];
        let lock = ["mount", "-o", "remount,bind,ro", path];
        inside(&host, &bind);
        inside(&host, &lock);
        let two = chameleon("version=two;migrations=base;");
        works(&host, "c", 0);
        let deployed = host.deploy("c", &two);
        if folder == "cache/greenroom" {
            deployed.unwrap();
            host.wait_for_log(&["not kept in the cache", "Read-only"]);
        } else {
            let error = deployed.unwrap_err();
            let named = ["plugins.state", "plugins/c.wasm"].iter();
            assert!(
                named.filter(|name| error.contains(**name)).count() == 1
                    && error.contains("Read-only"),
                "{error}"
            );
            assert_eq!(version(&host, "c"), "one");
            works(&host, "c", 1);
            works(&host, "w", 0);
            inside(&host, &["umount", path]);
            host.deploy("c", &two).unwrap();
        }
        assert_eq!(version(&host, "c"), "two");
    }
}
