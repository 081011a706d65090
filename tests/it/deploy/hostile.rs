//! Files that are no plugin, and plugins that do not come up: each is refused with a message that says why, and the
//! build before it goes on serving.

use super::{holds, version, versioned, wait_for_refusal};
use greenroom_tests::{Setup, chameleon, fixture};
use std::{fs::File, thread};

/// Stage, parts of the message.
type Reason = (&'static str, &'static [&'static str]);

fn random(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..bytes).map(next).collect()
}

#[test]
fn a_file_that_is_no_component_is_refused_and_the_old_build_serves() {
    let whole = fixture("chameleon");
    let cut = |at: usize| whole[..at].to_vec();
    let junk = |head: &[u8]| [head, &random(4096)].concat();
    let cases: Vec<(&str, Vec<u8>, Reason)> = vec![
        ("empty", Vec::new(), ("file", &["the file is empty"])),
        ("random", random(100_000), ("file", &["not WebAssembly"])),
        (
            "text",
            b"#!/bin/sh\necho hello\n".to_vec(),
            ("file", &["not WebAssembly"]),
        ),
        ("cut at 3", cut(3), ("file", &["cut off"])),
        ("cut at 7", cut(7), ("file", &["cut off"])),
        (
            "only a head",
            cut(8),
            ("exports", &["wasi:http/incoming-handler", "nothing"]),
        ),
        ("cut at 1000", cut(1000), ("file", &["cut off"])),
        ("cut in half", cut(whole.len() / 2), ("file", &["cut off"])),
        (
            "one byte short",
            cut(whole.len() - 1),
            ("file", &["cut off"]),
        ),
        (
            "core module",
            b"\0asm\x01\0\0\0".to_vec(),
            ("file", &["core WebAssembly module", "wasm32-wasip2"]),
        ),
        (
            "core module with junk",
            junk(b"\0asm\x01\0\0\0"),
            ("file", &["core WebAssembly module"]),
        ),
        (
            "of no known version",
            junk(b"\0asm\x63\0\x01\0"),
            ("file", &["version"]),
        ),
        (
            "component with junk",
            junk(b"\0asm\x0d\0\x01\0"),
            ("file", &["cut off"]),
        ),
        (
            "component with a section of junk",
            // A core module of 4,096 bytes.
            junk(b"\0asm\x0d\0\x01\0\x01\x80\x20"),
            ("compile", &[]),
        ),
        (
            "the wrong world",
            fixture("no-http"),
            (
                "exports",
                &[
                    "wasi:http/incoming-handler",
                    "greenroom:plugin/lifecycle@0.1.0",
                ],
            ),
        ),
        (
            "unknown imports",
            fixture("missing-import"),
            (
                "imports",
                &[
                    "acme:secret/vault",
                    "greenroom:sql/client@7.0.0 (this host has greenroom:sql/client@0.1.0)",
                    "wasi:keyvalue/store@0.2.0-draft9 (this host has wasi:keyvalue/store@0.2.0-draft2)",
                ],
            ),
        ),
    ];
    let host = Setup::new().plugin("c", &versioned("old")).start();
    for (name, bytes, (stage, parts)) in cases {
        host.drop_in("c", &bytes);
        let problem = wait_for_refusal(&host, "c", &bytes);
        assert_eq!(problem["stage"], stage, "{name}: {problem}");
        let message = problem["message"].as_str().unwrap();
        assert!(
            !message.is_empty() && message.len() < 2000,
            "{name}: {message}"
        );
        assert!(
            !message.chars().any(|c| c.is_control() && c != '\n'),
            "{name}: {message:?}"
        );
        assert!(
            parts.iter().all(|part| message.contains(part)),
            "{name}: {message}"
        );
        assert_eq!(version(&host, "c"), "old", "{name}");
        let error = host.deploy("c", &bytes).unwrap_err();
        assert!(!error.is_empty(), "{name}");
        // A new id is refused the same, and leaves no trace.
        host.deploy("fresh", &bytes).unwrap_err();
        assert!(host.plugin("fresh").is_null(), "{name}");
        assert_eq!(host.get("/api/fresh/version").status, 404, "{name}");
        assert_eq!(version(&host, "c"), "old", "{name}");
    }
}

#[test]
fn a_component_that_does_not_come_up_is_refused_and_the_old_build_serves() {
    let cases: [(&str, Reason); 11] = [
        (
            "start=fail",
            (
                "start",
                &["start() failed: the fixture was told to fail in start"],
            ),
        ),
        ("start=trap", ("start", &["start() trapped", "unreachable"])),
        ("start=spin", ("start", &["start() took longer than 5 s"])),
        // A route without its slash, which no request could reach.
        ("route=version", ("start", &["start() trapped"])),
        (
            "describe=trap",
            ("describe", &["describe() trapped", "unreachable"]),
        ),
        (
            "describe=spin",
            ("describe", &["describe() took longer than 5 s"]),
        ),
        (
            "describe=host",
            (
                "describe",
                &[
                    "describe() may not call the host",
                    "greenroom:logging/threshold",
                ],
            ),
        ),
        (
            "describe=badid",
            (
                "describe",
                &["the descriptor's id", "\"Not An Id!\" is no plugin id"],
            ),
        ),
        (
            "migrations=no-such-step",
            (
                "describe",
                &[
                    "describe() trapped",
                    "the fixture has no migration no-such-step",
                ],
            ),
        ),
        (
            "policies=public",
            (
                "describe",
                &["the policy path \"public\" does not start with '/'"],
            ),
        ),
        (
            "id=c\u{1b}[31m",
            ("describe", &["the descriptor's id", "is no plugin id"]),
        ),
    ];
    let host = Setup::new().start();
    let refused = |spec: &str, (stage, parts): Reason| {
        let id: String = (spec.chars().filter(char::is_ascii_lowercase)).collect();
        host.deploy(&id, &versioned("old")).unwrap();
        let error = host
            .deploy(&id, &chameleon(&format!("version=new;{spec};")))
            .unwrap_err();
        assert!(
            parts.iter().all(|part| error.contains(part)),
            "{spec}: {error}"
        );
        assert!(
            !error.contains("  ") && !error.contains(": ("),
            "{spec}: a part is missing: {error}"
        );
        let plugin = host.plugin(&id);
        assert_eq!(plugin["problem"]["stage"], stage, "{spec}: {plugin}");
        assert_eq!(plugin["build"]["version"], "old", "{spec}: {plugin}");
        assert_eq!(version(&host, &id), "old", "{spec}");
        let file = host.folder().join(format!("plugins/{id}.wasm"));
        assert!(
            holds(&file, &versioned("old")),
            "{spec}: the folder keeps what serves"
        );
    };
    thread::scope(|scope| {
        for (spec, reason) in cases {
            scope.spawn(move || refused(spec, reason));
        }
    });
}

#[test]
fn start_may_use_the_services() {
    let host = Setup::new().start();
    host.deploy("c", &chameleon("start=host;")).unwrap();
    let line = host.wait_for_log(&["a call to the host out of start"]);
    assert!(line.contains(r#""plugin":"c""#), "{line}");
    assert_eq!(version(&host, "c"), "1.0.0");
}

#[test]
fn a_probe_that_fails_refuses_the_build() {
    for (probe, parts) in [
        // Without its table, a 500.
        ("/rows", ["the probe GET /rows", "500"]),
        ("/trap", ["the probe GET /trap", "was not answered"]),
        ("/nothing", ["the probe GET /nothing", "was not answered"]),
    ] {
        // The plain component answers 200 everywhere.
        let config = format!("plugins: {{c: {{probe: {probe}, access: open}}}}");
        let host = Setup::new()
            .config(&config)
            .plugin("c", &fixture("plain"))
            .start();
        assert_eq!(host.plugin("c")["state"], "live", "{}", host.log());
        let error = host.deploy("c", &versioned("new")).unwrap_err();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert_eq!(host.plugin("c")["problem"]["stage"], "probe");
        assert!(host.get("/api/c/version").text().starts_with("plain: "));
        if probe == "/rows" {
            // A build with the table passes the same probe.
            host.deploy("c", &chameleon("version=fit;migrations=base;"))
                .unwrap();
            assert_eq!(version(&host, "c"), "fit");
        }
    }
}

#[test]
fn more_than_64_mib_are_refused_by_every_door() {
    let host = Setup::new().plugin("c", &versioned("old")).start();
    let large = host.folder().join("large.wasm");
    let file = File::create(&large).unwrap();
    std::io::Write::write_all(&mut &file, b"\0asm\x0d\0\x01\0").unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let output = host.command(&["deploy", "large.wasm", "--as", "c", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        super::stdout(&output).contains("64"),
        "{}",
        super::stdout(&output)
    );

    // Straight to the socket, past the client's own look at the file.
    let head = format!(
        "POST /deploy?as=c HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        (64 << 20) + 1
    );
    let answer = ask_socket(&host, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("64 MiB"), "{answer}");

    std::fs::rename(&large, host.folder().join("plugins/c.wasm")).unwrap();
    let line = host.wait_for_log(&[r#""plugin":"c""#, r#""outcome":"refused""#]);
    assert!(line.contains("64 MiB"), "{line}");
    assert_eq!(version(&host, "c"), "old");
}

fn ask_socket(host: &greenroom_tests::Host, bytes: &[u8]) -> String {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(host.folder().join("greenroom.sock"))
        .expect("the admin socket");
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .expect("the admin socket");
    stream.write_all(bytes).expect("the admin socket");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // a reset after the answer is an end as well
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_component_that_needs_more_memory_than_its_limit_is_refused() {
    let host = Setup::new()
        .config(
            "plugins: {c: {limits: {memory: 1MiB}}, plain: {limits: {memory: 1MiB}, access: open}}",
        )
        .start();
    for (id, build) in [("c", versioned("one")), ("plain", fixture("plain"))] {
        let error = host.deploy(id, &build).unwrap_err();
        assert!(error.contains("limits.memory"), "{id}: {error}");
    }
}
