//! The admin socket in places that others can reach.

use super::*;
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixStream,
    },
    path::Path,
    process::Command,
    time::Duration,
};

fn at(path: &str) -> Setup {
    Setup::new()
        .config(&format!("backend: {{admin: {{socket: {path}}}}}"))
        .plugin("one", &chameleon("answer=one;"))
}

fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("the socket");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether curl gets an answer, as root's `nobody` where `other` says so: only root can become somebody else.
fn connects(socket: &Path, other: bool) -> bool {
    let mut command = Command::new(if other { "setpriv" } else { "curl" });
    if other {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "curl"]);
    }
    command.args([
        "--silent",
        "--max-time",
        "30",
        "--output",
        "/dev/null",
        "--unix-socket",
    ]);
    let ended = command.arg(socket).arg("http://h/plugins").status();
    ended.expect("curl runs").success()
}

#[test]
fn in_a_folder_that_is_open_to_all_it_is_still_its_owners() {
    let setup = at("./open/host.sock");
    let open = setup.folder().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(setup.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let host = setup.launch();
    let socket = open.join("host.sock");
    host.wait_until("the plugin serves", |_| {
        ask(
            &socket,
            "GET /plugins HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .contains("\"live\"")
    });
    let mode = || fs::symlink_metadata(&socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let is_root = rustix::process::geteuid().is_root();
    assert!(connects(&socket, false) && !(is_root && connects(&socket, true)));
    // Opened by mistake, it is still for its owner and for root.
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    if is_root {
        assert!(!connects(&socket, true));
        host.wait_for_log(&[
            "WARN",
            "refused an admin connection of another user",
            "65534",
        ]);
        assert_audited(&host);
    }
    assert!(
        ask(
            &socket,
            "GET /plugins HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        .contains("\"live\"")
    );
    // Neither of its owner, nor of one that the file's mode keeps out: that never was a connection.
    let events = host.log_lines(&["\"eventId\":\"admin-refused\""]);
    assert_eq!(events.len(), usize::from(is_root), "{events:?}");
}

/// The refusal of `nobody` as an audit event: it names who it was.
fn assert_audited(host: &Host) {
    let told = host.wait_for_log(&["\"eventId\":\"admin-refused\""]);
    let told: Value = serde_json::from_str(&told).unwrap();
    for (name, value) in [
        ("message", json!("greenroom.admin-refused")),
        ("level", json!("INFO")),
        ("target", json!("audit")),
        ("plugin", json!("greenroom")),
        ("severityLevel", json!("medium")),
        ("actor", json!({ "actorId": "uid:65534" })),
        ("meta", json!({ "by": "admin-socket" })),
        ("status", json!("failed")),
        (
            "error",
            json!("the admin socket is for the user that runs the host, and for root"),
        ),
    ] {
        assert_eq!(told[name], value, "{name}: {told}");
    }
}

#[test]
fn what_lies_in_its_place_and_is_no_socket_stays() {
    for what in [
        "a link to a socket",
        "a link to nothing",
        "a folder",
        "a pipe",
    ] {
        let setup = at("./s/host.sock");
        fs::create_dir(setup.folder().join("s")).unwrap();
        let path = setup.folder().join("s/host.sock");
        let elsewhere = setup.folder().join("elsewhere.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&elsewhere).unwrap();
        match what {
            "a link to a socket" => symlink(&elsewhere, &path).unwrap(),
            "a link to nothing" => symlink("nothing", &path).unwrap(),
            "a folder" => fs::create_dir(&path).unwrap(),
            _ => rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap(),
        }
        let output = setup.refused();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.contains("backend.admin.socket") && text.contains("is no socket"),
            "{what}: {text}"
        );
    }
}

#[test]
fn requests_are_taken_literally() {
    let host = two();
    let socket = host.folder().join("greenroom.sock");
    for request in [
        "GET /PLUGINS HTTP/1.1\r\nHost: h",
        "GET /./plugins HTTP/1.1\r\nHost: h",
        "GET /x/../plugins HTTP/1.1\r\nHost: h",
        "GET /%70lugins HTTP/1.1\r\nHost: h",
        "GET /plugins%00 HTTP/1.1\r\nHost: h",
        "GET /plugins/ HTTP/1.1\r\nHost: h",
        "GET /api/one/version HTTP/1.1\r\nHost: h",
        "GET /.backstage/health/v1/readiness HTTP/1.1\r\nHost: h",
        "DELETE /plugins/one/../two HTTP/1.1\r\nHost: h",
        "DELETE /plugins/One HTTP/1.1\r\nHost: h",
        "DELETE /plugins/..%2fone HTTP/1.1\r\nHost: h",
        "DELETE /plugins/one%00 HTTP/1.1\r\nHost: h",
        "POST /plugins/one/rollback/ HTTP/1.1\r\nHost: h",
        "POST /deploy?as=one&as=two HTTP/1.1\r\nHost: h",
        "POST /deploy?AS=one HTTP/1.1\r\nHost: h",
        "POST /deploy?as=../../etc/one HTTP/1.1\r\nHost: h",
        "POST /deploy?as=one%2f..%2ftwo HTTP/1.1\r\nHost: h",
        "CONNECT one:80 HTTP/1.1\r\nHost: h",
        "GARBAGE",
    ] {
        let answer = ask(
            &socket,
            &format!("{request}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        );
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{request}: {answer}"
        );
    }
    for id in ["one", "two"] {
        assert_eq!(host.get(&format!("/api/{id}/version")).text(), id);
    }
}
