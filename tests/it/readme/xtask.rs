//! The commands of `cargo xtask` that README.md shows, as far as a test can run them without running itself.

use super::{
    output_of,
    served::{Served, cache},
    shown::shape,
};
use greenroom_tests::{get, repository};
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn xtask(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .arg("xtask")
        .args(args)
        .current_dir(repository())
        .env("XDG_CACHE_HOME", cache())
        .stdin(Stdio::null());
    command
}

#[test]
fn the_help_names_the_commands() {
    let output = xtask(&["--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{help}");
    for line in [
        "  serve [ARGS...]   build the todo plugin and the host, then run `greenroom serve`",
        "  build [PART...]   build `todo`, `fixtures`, `host` or `all` of them",
        "  backstage-check   show that a real Backstage",
        "  bench [--quick]   measure Greenroom",
        "  dist              compile the host as operators run it",
        "  check             formatting, clippy and rustdoc",
        "  test [FILTER...]  build everything, then run the tests",
    ] {
        assert!(help.contains(line), "{help}");
    }
}

#[test]
fn cargo_xtask_build_todo_puts_it_into_the_watched_folder() {
    let output = xtask(&["build", "todo"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.ends_with("  target/plugins/todo.wasm\n"), "{said}");
    let config = std::fs::read_to_string(repository().join("app-config.yaml")).unwrap();
    assert!(
        config.contains("\n  directory: ./target/plugins\n"),
        "{config}"
    );
}

#[test]
fn an_unknown_part_or_command_is_told() {
    for (args, part) in [
        (&["build", "tofu"][..], "there is no part \"tofu\""),
        (&["sevre"], "there is no command \"sevre\""),
    ] {
        let output = xtask(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(
            said.contains(part) && said.contains("Usage: cargo xtask"),
            "{said}"
        );
    }
}

/// From the command of README.md to an answer. Only where the tests drive the host that this command builds: with
/// GREENROOM they drive another, and a build would take minutes.
#[test]
fn cargo_xtask_serve_becomes_the_host() {
    if std::env::var_os("GREENROOM").is_some() {
        return;
    }
    // The repository's own file, with the port and the places that a host may already have there given anew.
    let folder = TempDir::new().unwrap();
    let own = folder.path().join("own.yaml");
    let yaml = "backend: {listen: '127.0.0.1:0', admin: {socket: ./own.sock}}\nplugins: {state: ./state}\n";
    std::fs::write(&own, yaml).unwrap();
    let mut serve = xtask(&["serve", "--config", own.to_str().unwrap()]);
    serve.env("XDG_RUNTIME_DIR", folder.path());
    let host = Served::start(serve);
    let address = format!("127.0.0.1:{}", host.port()).parse().unwrap();
    assert_eq!(get(address, "/api/todo/todos").status, 200);
    let shown = format!("serve --config app-config.yaml --config {}", own.display());
    host.wait_for(0, &shown);
    host.interrupt();
}

/// What README.md shows at the end of `cargo xtask test` is what xtask prints there.
#[test]
fn the_last_line_of_the_tests() {
    let source = std::fs::read_to_string(repository().join("xtask/src/test.rs")).unwrap();
    let printed = source
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("println!(\""))
        .expect("it prints one line");
    let start = printed.split("{seconds}").next().unwrap();
    let shown = output_of("cargo xtask test");
    let last = shown.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(start) && last.ends_with(" s"),
        "README.md shows {last:?}, xtask prints {printed:?}"
    );
    // Before it, cargo's own: everything passed.
    for line in shown.lines().filter(|line| line.starts_with("test result")) {
        assert!(
            shape(line).contains("ok.") && line.contains(" 0 failed"),
            "{line}"
        );
    }
}

/// `cargo xtask test swap`: some test has that in its name.
#[test]
fn a_filter_finds_tests() {
    assert!(!tests("swap").is_empty());
}

/// The names of the end-to-end tests that hold this.
pub(super) fn tests(filter: &str) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--list", filter])
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let names = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}
