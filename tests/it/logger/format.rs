//! JSON for programs, text for people.

use greenroom_tests::{binary, chameleon, repository};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;
use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What ends when all that the host has written to its terminal is in the file of the log; `None`: it has no terminal.
type Screen = Option<JoinHandle<()>>;

/// A host whose standard output is a file.
struct Served {
    child: Child,
    folder: TempDir,
    screen: Screen,
}

/// A terminal to write to, and what copies all that it shows into `log`, until nobody has it open any more.
fn terminal(mut log: File) -> (Stdio, Screen) {
    // Nobody's controlling terminal: no signal comes from it.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::<u8>::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    let screen = std::thread::spawn(move || {
        // It ends with an error: that is how a terminal tells that the other side is gone.
        let _ = std::io::copy(&mut File::from(ours), &mut log);
    });
    (theirs.into(), Some(screen))
}

impl Served {
    /// Standard error is a file, no terminal.
    fn start(config: &str, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::launch(config, args, variables, |log| (log.into(), None))
    }

    fn launch(
        config: &str,
        args: &[&str],
        variables: &[(&str, &str)],
        stderr: impl FnOnce(File) -> (Stdio, Screen),
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("plugins")).unwrap();
        std::fs::write(path.join("plugins/a.wasm"), chameleon("")).unwrap();
        std::fs::write(path.join("app-config.yaml"), config).unwrap();
        let (stderr, screen) = stderr(File::create(path.join("log")).unwrap());
        let child = Command::new(binary())
            .args([&["serve", "--listen", "127.0.0.1:0"][..], args].concat())
            .current_dir(path)
            .env("XDG_CACHE_HOME", repository().join("target/test-cache"))
            // Away from other tests' hosts: what a killed one leaves is told.
            .env("XDG_RUNTIME_DIR", path)
            .env_remove("GREENROOM_LOG")
            .env_remove("LOG_LEVEL")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .stdout(File::create(path.join("out")).unwrap())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Self {
            child,
            folder,
            screen,
        }
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
        if let Some(screen) = self.screen.take() {
            screen.join().unwrap();
        }
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

/// How a line at `INFO` of the host begins, after its time: with colours, and without.
const IN_COLOURS: &str = "\u{1b}[32m INFO\u{1b}[0m \u{1b}[2mgreenroom";
const PLAIN: &str = "Z  INFO greenroom";

#[test]
fn on_a_terminal_it_is_text_in_colours_unless_something_else_is_asked_for() {
    for (config, args, no_color, expected) in [
        ("", &[][..], None, "colours"),
        (
            "backend: {logger: {format: auto}}",
            &[],
            Some(""),
            "colours",
        ),
        ("backend: {logger: {format: auto}}", &[], Some("1"), "plain"),
        ("backend: {logger: {format: text}}", &[], None, "colours"),
        ("backend: {logger: {format: json}}", &[], None, "json"),
        ("", &["--json"], None, "json"),
    ] {
        let variable = no_color.map(|value| ("NO_COLOR", value));
        let log = Served::launch(config, args, variable.as_slice(), terminal).log();
        let found = (is_json(&log), log.contains(IN_COLOURS), log.contains(PLAIN));
        let shown = match found {
            (true, false, false) => "json",
            (false, true, false) => "colours",
            (false, false, true) => "plain",
            _ => "a mixture",
        };
        assert_eq!(shown, expected, "{config} {args:?} {no_color:?}: {log}");
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
