//! JSON for programs, text for people.

use greenroom_tests::{binary, chameleon, repository};
use serde_json::Value;
use std::{
    fs::File,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A host whose standard output and error are files: no terminal.
struct Served {
    child: Child,
    folder: TempDir,
}

impl Served {
    fn start(config: &str, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("plugins")).unwrap();
        std::fs::write(path.join("plugins/a.wasm"), chameleon("")).unwrap();
        std::fs::write(path.join("app-config.yaml"), config).unwrap();
        let child = Command::new(binary())
            .args([&["serve", "--listen", "127.0.0.1:0"][..], args].concat())
            .current_dir(path)
            .env("XDG_CACHE_HOME", repository().join("target/test-cache"))
            // Away from other tests' hosts: what a killed one leaves is told.
            .env("XDG_RUNTIME_DIR", path)
            .env_remove("GREENROOM_LOG")
            .env_remove("LOG_LEVEL")
            .envs(variables.iter().copied())
            .stdout(File::create(path.join("out")).unwrap())
            .stderr(File::create(path.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    /// The log once the plugin serves.
    fn log(mut self) -> String {
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let out = self.folder.path().join("out");
        let until = Instant::now() + Duration::from_secs(90);
        while !read(&out).contains("ready") {
            assert!(
                Instant::now() < until && self.child.try_wait().unwrap().is_none(),
                "it does not serve"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        read(&self.folder.path().join("log"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended already, unless the test fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_json(log: &str) -> bool {
    assert!(log.contains("deploy") && log.contains("stopping"), "{log}");
    let json = |line: &str| serde_json::from_str::<Value>(line).is_ok();
    let all = log.lines().filter(|line| json(line)).count();
    assert!(all == 0 || all == log.lines().count(), "both in one: {log}");
    all > 0
}

#[test]
fn without_a_terminal_it_is_json_unless_the_configuration_says_text() {
    for (config, args, json) in [
        ("", &[][..], true),
        ("backend: {logger: {format: auto}}", &[], true),
        ("backend: {logger: {format: json}}", &[], true),
        ("backend: {logger: {format: text}}", &[], false),
        // The command line comes first.
        ("backend: {logger: {format: text}}", &["--json"], true),
    ] {
        let log = Served::start(config, args, &[]).log();
        assert_eq!(is_json(&log), json, "{config} {args:?}: {log}");
        assert!(!log.contains('\u{1b}'), "{log:?}");
    }
}

#[test]
fn the_level_of_the_environment_comes_before_the_configurations() {
    let config = "backend: {logger: {level: error}}";
    let log = Served::start(config, &[], &[("LOG_LEVEL", "INFO")]).log();
    assert!(is_json(&log));
    let log = Served::start(
        config,
        &[],
        &[("LOG_LEVEL", "error"), ("GREENROOM_LOG", "info")],
    )
    .log();
    assert!(is_json(&log));
    assert_eq!(Served::start(config, &[], &[]).log(), "");
    let mut wrong = Served::start("", &[], &[("LOG_LEVEL", "loud")]);
    assert_eq!(wrong.child.wait().unwrap().code(), Some(1));
    let said = std::fs::read_to_string(wrong.folder.path().join("log")).unwrap();
    assert!(said.contains("LOG_LEVEL is \"loud\""), "{said}");
}
