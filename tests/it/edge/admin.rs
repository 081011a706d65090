//! The admin socket: whose it is, what it answers, and what becomes of it.

use super::host;
use greenroom_tests::{Host, Setup, binary, chameleon, todo, variant};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Sends a request to a socket and reads until the host closes.
fn ask(socket: &Path, request: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = UnixStream::connect(socket).expect("the socket");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Refused by its head, the host may close before it has read all.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer to {request}: {answer:?}"));
    (
        head[9..12].parse().unwrap(),
        serde_json::from_str(body).unwrap_or(Value::Null),
    )
}

fn socket_of(host: &Host) -> std::path::PathBuf {
    host.folder().join("greenroom.sock")
}

/// Starts a host that should refuse to start.
fn refused(config: &str) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    std::fs::write(folder.path().join("app-config.yaml"), config).unwrap();
    let mut command = Command::new(binary());
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            "app-config.yaml",
        ])
        .current_dir(folder.path());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it started: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    (child.wait_with_output().unwrap(), folder)
}

#[test]
fn the_socket_is_its_owners_alone_and_goes_with_the_host() {
    let host = host();
    let meta = std::fs::symlink_metadata(socket_of(&host)).unwrap();
    assert!(meta.file_type().is_socket());
    assert_eq!(meta.permissions().mode() & 0o7777, 0o600);
    let left: Vec<_> = std::fs::read_dir(host.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        left.iter().all(|name| !name.starts_with(".greenroom-")),
        "{left:?}"
    );
    let folder = host.stop_and_keep();
    assert!(!folder.path().join("greenroom.sock").exists());
}

#[test]
fn it_answers_json_to_what_it_knows() {
    let host = Setup::new().plugin("todo", &todo()).start();
    let socket = socket_of(&host);
    let (status, plugins) = ask(&socket, "GET /plugins", b"");
    let row = &plugins["plugins"][0];
    assert_eq!(
        (status, &row["id"], &row["state"]),
        (200, &json!("todo"), &json!("live"))
    );
    let (status, outcome) = ask(&socket, "POST /deploy?as=todo", &variant(&todo(), "2"));
    assert_eq!(
        (status, &outcome["outcome"], &outcome["plugin"]),
        (200, &json!("deployed"), &json!("todo"))
    );
    assert_eq!(outcome["previous"], row["build"]["id"]);
    let (status, refusal) = ask(&socket, "POST /deploy?as=todo", b"no component");
    assert_eq!(status, 422);
    assert!(
        refusal["error"].is_string() && refusal["stage"].is_string(),
        "{refusal}"
    );
    assert_eq!(
        ask(&socket, "POST /plugins/todo/rollback", b"").1["outcome"],
        json!("rolled-back")
    );
    for (request, status) in [
        ("POST /plugins/none/rollback", 404),
        ("DELETE /plugins/none", 404),
        ("GET /nothing", 404),
        ("GET /", 404),
        ("GET /plugins/todo", 404),
        ("POST /plugins", 404),
        ("PUT /deploy", 404),
        ("POST /deploy?as=Not%20An%20Id", 400),
        ("POST /deploy?as=../todo", 400),
        ("POST /deploy?as=", 400),
        ("POST /deploy?other=1", 400),
        ("DELETE /plugins/..", 400),
    ] {
        let (given, body) = ask(&socket, request, b"x");
        assert_eq!(given, status, "{request}: {body}");
        assert!(body["error"].is_string(), "{request}: {body}");
    }
    assert_eq!(
        ask(&socket, "DELETE /plugins/todo", b"").1["outcome"],
        json!("removed")
    );
    assert_eq!(host.get("/api/todo/todos").status, 404);
}

#[test]
fn more_than_64_mib_are_not_taken() {
    let host = host();
    let mut stream = UnixStream::connect(socket_of(&host)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    write!(
        stream,
        "POST /deploy?as=large HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        (64 << 20) + 1
    )
    .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(host.plugin("large"), Value::Null);
}

#[test]
fn a_deploy_goes_on_without_its_client() {
    let host = host();
    let build = chameleon("version=2.0.0;");
    let mut stream = UnixStream::connect(socket_of(&host)).unwrap();
    write!(
        stream,
        "POST /deploy?as=chameleon HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        build.len()
    )
    .unwrap();
    stream.write_all(&build).unwrap();
    drop(stream);
    host.wait_until("the new build serves", |host| {
        host.get("/api/chameleon/version").text() == "2.0.0"
    });
}

#[test]
fn an_upload_that_stops_does_not_hold_its_place_for_ever() {
    let host = host();
    let mut streams: Vec<UnixStream> = (0..16)
        .map(|_| {
            let mut stream = UnixStream::connect(socket_of(&host)).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            stream
                .write_all(
                    b"POST /deploy?as=x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc",
                )
                .unwrap();
            stream
        })
        .collect();
    // All places are taken: this one waits for them, and gets its answer.
    assert_eq!(host.plugins()["plugins"][0]["id"], json!("chameleon"));
    for stream in &mut streams {
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
}

#[test]
fn a_stale_socket_is_replaced() {
    let setup = Setup::new().plugin("chameleon", &chameleon(""));
    let path = setup.folder().join("greenroom.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let host = setup.start();
    assert_eq!(host.plugins()["plugins"][0]["id"], json!("chameleon"));
    // As after a crash.
    let host = host.crash();
    assert_eq!(host.plugins()["plugins"][0]["id"], json!("chameleon"));
}

#[test]
fn a_socket_of_a_host_that_runs_is_left_to_it() {
    let host = host();
    let (output, _folder) = refused(&format!(
        "backend: {{admin: {{socket: {}}}}}",
        socket_of(&host).display()
    ));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("greenroom.sock") && told.contains("another host runs"),
        "{told}"
    );
    assert_eq!(
        host.plugins()["plugins"][0]["id"],
        json!("chameleon"),
        "it is still the first one's"
    );
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let there = tempfile::tempdir().unwrap();
    let file = there.path().join("greenroom.sock");
    std::fs::write(&file, "mine").unwrap();
    let (output, _folder) = refused(&format!(
        "backend: {{admin: {{socket: {}}}}}",
        file.display()
    ));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("is no socket"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_path_that_is_too_long_is_refused_with_the_reason() {
    let long = format!("/tmp/{}.sock", "s".repeat(120));
    let (output, _folder) = refused(&format!("backend: {{admin: {{socket: {long}}}}}"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(
        told.contains("backend.admin.socket") && told.contains("107"),
        "{told}"
    );
}

#[test]
fn a_host_removes_only_its_own_socket() {
    let host = host();
    let path = socket_of(&host);
    std::fs::remove_file(&path).unwrap();
    let _others = UnixListener::bind(&path).unwrap();
    let folder = host.stop_and_keep();
    assert!(folder.path().join("greenroom.sock").exists());
}
