//! Databases and folders that somebody else holds, or takes away.

use super::*;
use rusqlite::Connection;

fn database(folder: &Path) -> PathBuf {
    folder.join("db/c.sqlite")
}

/// Another process that writes: readers are not hindered.
fn writing(folder: &Path) -> Connection {
    let other = Connection::open(database(folder)).unwrap();
    other
        .busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    other
        .execute_batch("BEGIN IMMEDIATE; CREATE TABLE held (n)")
        .unwrap();
    other
}

#[test]
fn a_lock_that_another_process_holds_is_waited_for_so_long_and_no_longer() {
    let host = setup()
        .config("backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}\nplugins: {c: {limits: {sql: {timeout: 1s}}}}")
        .start();
    works(&host, "c", 0);
    let other = writing(host.folder());
    for _ in 0..2 {
        let refused = execute(&host, "c", "INSERT INTO parent (name) VALUES ('x')");
        let kind = refused["error"].as_str().unwrap();
        assert!(["timed-out", "conflict"].contains(&kind), "{refused}");
    }
    assert_eq!(host.get("/api/c/rows").json()["parents"], 1, "reads go on");
    works(&host, "w", 0);
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    host.wait_until("writes go on", |host| {
        execute(host, "c", "INSERT INTO parent (name) VALUES ('x')")["error"].is_null()
    });
}

#[test]
fn a_database_that_is_locked_at_the_start_is_refused_until_it_is_free() {
    let host = setup().start();
    works(&host, "c", 0);
    let mut lock = None;
    // An older build must not take its place: no build is at fault.
    host.deploy("c", &chameleon("version=two;migrations=base;"))
        .unwrap();
    let host = host.restart_after(|folder| {
        let other = Connection::open(database(folder)).unwrap();
        other
            .execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE held (n)")
            .unwrap();
        lock = Some(other);
    });
    let problem = host.plugin("c")["problem"].clone();
    assert_eq!(problem["stage"], "storage", "{problem}");
    let message = problem["message"].as_str().unwrap();
    assert!(
        message.contains("db/c.sqlite") && message.contains("locked"),
        "{message}"
    );
    assert_eq!(host.get("/api/c/rows").status, 503);
    works(&host, "w", 0);
    drop(lock);
    host.deploy("c", &chameleon("version=two;migrations=base;"))
        .unwrap();
    assert_eq!(version(&host, "c"), "two");
    works(&host, "c", 1);
}

#[test]
fn nothing_is_acknowledged_that_goes_into_a_file_that_was_taken_away() {
    let host = setup().start();
    works(&host, "c", 0);
    let (file, aside) = (database(host.folder()), host.folder().join("aside.sqlite"));
    fs::rename(&file, &aside).unwrap();
    for replaced in [false, true] {
        if replaced {
            fs::write(&file, "").unwrap();
        }
        let refused = execute(&host, "c", "INSERT INTO parent (name) VALUES ('lost')");
        assert_eq!(refused["error"], "unavailable", "{refused}");
        let steps = json!([{"op": "execute", "sql": "INSERT INTO parent (name) VALUES ('lost')"}]);
        let refused = sql(
            &host,
            "c",
            &json!({"op": "tx", "steps": steps, "end": "commit"}),
        );
        assert_eq!(refused["error"], "unavailable", "{refused}");
        assert_ne!(host.post("/api/c/rows", &json!({})).status, 201);
        host.wait_for_log(&["ERROR", "c.sqlite", "moved, removed or replaced"]);
        works(&host, "w", u64::from(replaced));
    }
    // Back in its place it is written to again.
    fs::rename(&aside, &file).unwrap();
    works(&host, "c", 1);
    // Another one in its place, as of a backup, serves once the plugin was taken out.
    let backup = host.folder().join("backup.sqlite");
    Connection::open(&file)
        .unwrap()
        .execute("VACUUM INTO ?1", [backup.to_str().unwrap()])
        .unwrap();
    works(&host, "c", 2);
    restart_plugin(&host, "c", || fs::rename(&backup, &file).unwrap());
    works(&host, "c", 2);
}

#[test]
fn a_second_host_on_the_same_state_is_refused() {
    let first = Setup::new()
        .config("plugins: {state: ./state}")
        .plugin("c", &chameleon(""))
        .start();
    let state = first.folder().join("state");
    let second = Setup::new()
        .config(&format!("plugins: {{state: {}}}", state.display()))
        .refused();
    let text = String::from_utf8_lossy(&second.stdout).into_owned();
    for part in [
        "plugins.state",
        &state.display().to_string(),
        "another greenroom host",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(version(&first, "c"), "1.0.0");
    // A host that was killed holds nothing.
    let first = first.crash();
    assert_eq!(version(&first, "c"), "1.0.0");
}

#[test]
fn two_hosts_share_a_cache_and_a_plugins_folder() {
    let first = Setup::new()
        .own_cache()
        .plugin("c", &chameleon("version=one;"))
        .start();
    let folder = first.folder().display().to_string();
    let second = Setup::new().config(&format!("plugins: {{cache: {folder}/cache/greenroom, c: {{component: {folder}/plugins/c.wasm}}}}")).start();
    assert_eq!(version(&second, "c"), "one");
    first.deploy("c", &chameleon("version=two;")).unwrap();
    second.wait_until("the other host has it too", |host| {
        host.get("/api/c/version").text() == "two"
    });
    assert_eq!(version(&first, "c"), "two");
    for host in [&first, &second] {
        assert!(
            !host.log().contains("cached code is refused"),
            "{}",
            host.log()
        );
    }
}

#[test]
fn a_lock_file_of_a_dead_host_or_a_removed_one_stops_nobody() {
    let host = setup().start();
    works(&host, "c", 0);
    let lock = host.folder().join("db/greenroom.lock");
    fs::remove_file(&lock).unwrap();
    works(&host, "c", 1);
    let host = host.restart_after(|folder| {
        fs::write(folder.join("db/greenroom.lock"), "1\n").unwrap();
    });
    works(&host, "c", 2);
    assert_eq!(
        fs::read_to_string(&lock).unwrap().trim(),
        host.pid().to_string()
    );
    // What is no file there is told at once.
    let folder = host.stop_and_keep();
    let setup = Setup::new().config(&format!(
        "backend: {{database: {{client: better-sqlite3, connection: {{directory: {}}}}}}}",
        folder.path().join("db").display()
    ));
    fs::remove_file(folder.path().join("db/greenroom.lock")).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        folder.path().join("db/greenroom.lock"),
        rustix::fs::Mode::RWXU,
    )
    .unwrap();
    let output = setup.refused();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("greenroom.lock"), "{text}");
}
