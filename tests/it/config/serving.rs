//! Configurations that serve.

use super::{folder, greenroom};
use greenroom_tests::{Setup, binary, chameleon, get, repository, todo};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

/// What Backstage's create-app writes, with only its port given by a second file.
#[test]
fn the_file_of_create_app_starts() {
    let path = repository().join("tests/data/backstage-create-app.app-config.yaml");
    let yaml = std::fs::read_to_string(path).unwrap();
    let host = Setup::new().config(&yaml).plugin("todo", &todo()).start();
    assert_eq!(host.get("/api/todo/todos").status, 200);
    // Its CORS settings are used.
    let answer = host
        .request("GET", "/api/todo/todos")
        .header("origin", "http://localhost:3000")
        .send();
    let origin = answer.header("access-control-allow-origin");
    assert_eq!(origin.as_deref(), Some("http://localhost:3000"));
    // Its other keys are named once, without their values.
    host.wait_for_log(&["keys of Backstage that are not used here", "integrations"]);
    let log = host.log();
    assert_eq!(log.matches("keys of Backstage").count(), 1, "{log}");
    assert!(!log.contains("GITHUB_TOKEN"), "{log}");
}

/// A child that is killed when the test ends, whatever its end.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_address_of_the_command_line_wins_over_the_file() {
    let folder = folder(&[("app-config.yaml", "backend:\n  listen: 192.0.2.1:80\n")]);
    let child = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env("XDG_CACHE_HOME", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut served = Served(child);
    let mut line = String::new();
    let out = served.0.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://");
    let address: SocketAddr = address.expect("the first line").parse().unwrap();
    assert_ne!(address.port(), 0);
    let path = "/.backstage/health/v1/liveness";
    assert_eq!(get(address, path).status, 200);
}

#[test]
fn settings_reach_the_plugin() {
    // The harness's folder is the only place where this variable has this value.
    let host = Setup::new()
        .config(
            "plugins:
  chameleon:
    config:
      greeting: 'Hello ${GREENROOM_NOBODY_SETS_THIS:-you}, $${literally}'
      nested: { number: 5, list: [1, two] }
  chameleon2: {}
",
        )
        .plugin("chameleon", &chameleon(""))
        .plugin("chameleon2", &chameleon(""))
        .start();
    let settings = host.get("/api/chameleon/config").json();
    let expected = json!({
        "greeting": "Hello you, ${literally}",
        "nested.number": "5",
        "nested.list": "[1,\"two\"]",
    });
    assert_eq!(settings, expected);
    assert_eq!(host.get("/api/chameleon2/config").json(), json!({}));
}

#[test]
fn folders_of_the_file_lie_beside_the_file() {
    let host = Setup::new()
        .config(
            "backend:
  database:
    client: sqlite
    connection: { directory: data/default }
    plugin:
      second: { connection: { directory: data/second } }
  admin: { socket: ./admin.sock }
plugins:
  state: ./kept
",
        )
        .plugin("first", &todo())
        .plugin("second", &todo())
        .start();
    // The key-value file comes with the first call.
    let keyed = host
        .request("POST", "/api/first/todos")
        .header("idempotency-key", "k");
    assert_eq!(keyed.json(&json!({"title": "t"})).send().status, 201);
    let uncalled = host.folder().join("data/second/second.kv.sqlite");
    assert!(!uncalled.exists(), "nobody called it");
    for path in [
        "data/default/first.sqlite",
        "data/default/first.kv.sqlite",
        "data/default/greenroom.lock",
        "data/second/second.sqlite",
        "kept/first.json",
        "kept/builds",
        "admin.sock",
    ] {
        assert!(host.folder().join(path).exists(), "{path}");
    }
    assert!(!host.folder().join("data/default/second.sqlite").exists());
    let names: Vec<Value> = host.plugins()["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["id"].clone())
        .collect();
    assert_eq!(names, ["first", "second"]);
}

/// Two hosts on one folder of databases would be two writers.
#[test]
fn a_second_host_on_the_same_databases_names_the_first() {
    let host = Setup::durable().start();
    let pid = host.pid().to_string();
    let second = "backend: {listen: '127.0.0.1:0', admin: {socket: ./second.sock}}\n";
    std::fs::write(host.folder().join("second.yaml"), second).unwrap();
    let files = ["--config", "app-config.yaml", "--config", "second.yaml"];
    let said = greenroom(host.folder(), &[&["serve"], &files[..]].concat());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&format!("(pid {pid})")), "{said:?}");
    assert!(
        said.err.contains("backend.database.connection.directory"),
        "{said:?}"
    );
}

#[test]
fn a_taken_port_is_told() {
    let host = Setup::new().start();
    let taken = host.address().to_string();
    let folder = folder(&[("app-config.yaml", "backend: {}\n")]);
    let said = greenroom(folder.path(), &["serve", "--listen", &taken]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&taken), "{said:?}");
    assert!(!folder.path().join("greenroom.sock").exists());
}

#[test]
fn an_unknown_level_of_the_log_is_told() {
    let folder = folder(&[("app-config.yaml", "backend: { listen: '127.0.0.1:0' }\n")]);
    let wrong = [("GREENROOM_LOG", "plugin=loud")];
    let said = super::greenroom_with(folder.path(), &["serve"], &wrong);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("GREENROOM_LOG"), "{said:?}");
}
