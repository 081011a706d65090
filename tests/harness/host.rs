//! One running host.

use crate::{
    Request, Response,
    setup::{Launch, binary},
};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Output},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// For a start, a stop, or a line in the log.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A running host.
pub struct Host {
    child: Option<Child>,
    address: SocketAddr,
    folder: Option<TempDir>,
    launch: Launch,
    log: Arc<Mutex<String>>,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Host {
    pub(crate) fn launch(folder: TempDir, launch: Launch) -> Self {
        let mut child = launch
            .command(folder.path())
            .spawn()
            .expect("the host starts");
        let log = follow(child.stderr.take().expect("piped"));
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        out.read_line(&mut first).expect("the host's first line");
        let address = serde_json::from_str::<Value>(&first)
            .ok()
            .and_then(|l| l["address"].as_str()?.parse().ok());
        let Some(address) = address else {
            let _ = child.wait();
            std::thread::sleep(Duration::from_millis(100));
            panic!(
                "the host does not listen: {first}{}",
                log.lock().expect("the log")
            );
        };
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = lines.clone();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                into.lock()
                    .expect("the lines")
                    .extend(serde_json::from_str::<Value>(&line));
            }
        });
        Self {
            child: Some(child),
            address,
            folder: Some(folder),
            launch,
            log,
            lines,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running host").id()
    }

    /// Resident memory of the process, the most since its start.
    pub fn peak_kib(&self) -> usize {
        let status = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(status).expect("a running host");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.map(|line| line.trim().trim_end_matches(" kB"));
        kib.and_then(|kib| kib.parse().ok()).expect("VmHWM in kB")
    }

    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("a folder").path()
    }

    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target).send()
    }

    pub fn post(&self, target: &str, body: &Value) -> Response {
        self.request("POST", target).json(body).send()
    }

    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    /// All of the log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// The first line of the log that has all of these, waited for.
    pub fn wait_for_log(&self, parts: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log_lines(parts).into_iter().next() {
                return line;
            }
            assert!(
                Instant::now() < until,
                "no line with {parts:?} in the log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The lines of the log that have all of these, in their order. One that is still being written is none yet.
    pub fn log_lines(&self, parts: &[&str]) -> Vec<String> {
        let log = self.log();
        let whole = log
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        whole
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .map(str::to_owned)
            .collect()
    }

    /// Waits until `check` says yes.
    pub fn wait_until(&self, what: &str, mut check: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !check(self) {
            assert!(Instant::now() < until, "never: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn wait_until_decided(&mut self) {
        self.wait_until("every plugin has its first outcome", |host| {
            let status = host.plugins();
            let plugins = status["plugins"].as_array().cloned().unwrap_or_default();
            let files = std::fs::read_dir(host.folder().join("plugins")).map_or(0, |d| {
                d.flatten()
                    .filter(|e| e.path().extension().is_some_and(|e| e == "wasm"))
                    .count()
            });
            plugins.len() >= files.min(1) && plugins.iter().all(|p| p["state"] != "loading")
        });
    }

    /// `greenroom ARGS --json` for this host, with what it printed.
    pub fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.folder())
            .env("XDG_CACHE_HOME", &self.launch.cache)
            .envs(self.launch.variables.iter().cloned());
        command.output().expect("greenroom runs")
    }

    /// Compiles a component into the host's cache, so that its deploy compiles nothing: `greenroom check` does, `inspect`
    /// has no cache.
    pub fn compile(&self, component: &[u8]) {
        let folder = self.folder().join("compiled");
        std::fs::create_dir_all(&folder).expect("the folder");
        let config = "plugins: {directory: .}\n";
        std::fs::write(folder.join("app-config.yaml"), config).expect("the folder");
        std::fs::write(folder.join("one.wasm"), component).expect("the folder");
        let output = self.command(&["check", "--config", "compiled/app-config.yaml"]);
        assert!(output.status.success(), "{output:?}");
    }

    /// The same with `--json`, which must succeed.
    pub fn ask(&self, args: &[&str]) -> Value {
        let output = self.command(&[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}"))
    }

    /// `greenroom plugins --json`.
    pub fn plugins(&self) -> Value {
        self.ask(&["plugins"])
    }

    /// One plugin's row.
    pub fn plugin(&self, id: &str) -> Value {
        let all = self.plugins();
        all["plugins"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|p| p["id"] == id)
            .cloned()
            .unwrap_or(Value::Null)
    }

    /// Writes a component to a file and deploys it; the outcome, or the error's text.
    pub fn deploy(&self, id: &str, component: &[u8]) -> Result<Value, String> {
        let file = format!("{id}.upload");
        std::fs::write(self.folder().join(&file), component).expect("the folder");
        let output = self.command(&["deploy", &file, "--as", id, "--json"]);
        let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        if output.status.success() {
            Ok(value)
        } else {
            Err(value["error"].as_str().unwrap_or("?").to_owned())
        }
    }

    /// Puts a component into the plugins folder in one step.
    pub fn drop_in(&self, id: &str, component: &[u8]) {
        let part = self.folder().join("plugins/.part");
        std::fs::write(&part, component).expect("the folder");
        std::fs::rename(part, self.folder().join(format!("plugins/{id}.wasm")))
            .expect("the folder");
    }

    /// What `serve --json` printed after its first line.
    pub fn printed(&self) -> Vec<Value> {
        self.lines.lock().expect("the lines").clone()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a pid");
        rustix::process::kill_process(pid, signal).expect("the host runs");
    }

    /// Waits for the end; at most 90 s.
    pub fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("a running host");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                self.child = None;
                return status;
            }
            if Instant::now() > until {
                let _ = child.kill();
                panic!("the host does not end:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGTERM, and a new host on the same folder.
    pub fn restart(mut self) -> Self {
        self.stop();
        self.again()
    }

    /// SIGTERM, a change to what it left in its folder, and a new host there.
    pub fn restart_after(mut self, change: impl FnOnce(&Path)) -> Self {
        self.stop();
        change(self.folder());
        self.again()
    }

    /// kill -9, and a new host on the same folder.
    pub fn crash(mut self) -> Self {
        self.kill();
        self.again()
    }

    /// kill -9, a change to what it left in its folder, and a new host there.
    pub fn crash_after(mut self, change: impl FnOnce(&Path)) -> Self {
        self.kill();
        change(self.folder());
        self.again()
    }

    /// kill -9; the folder with what it left.
    pub fn crash_and_keep(mut self) -> TempDir {
        self.kill();
        self.folder.take().expect("a folder")
    }

    /// kill -9. What it wrote is there to look at, until it is revived.
    pub fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.wait();
    }

    /// A new host on the folder of one that has ended; returns as soon as it listens.
    pub fn revive(mut self) -> Self {
        let folder = self.folder.take().expect("a folder");
        Self::launch(folder, self.launch.clone())
    }

    /// Stops it and keeps its folder, for a look at what it left.
    pub fn stop_and_keep(mut self) -> TempDir {
        self.stop();
        self.folder.take().expect("a folder")
    }

    fn again(self) -> Self {
        let mut host = self.revive();
        host.wait_until_decided();
        host
    }

    /// SIGTERM; it must exit with 0 and without a panic.
    fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.wait();
        self.child = None;
        let log = self.log();
        assert!(status.success(), "the host ended with {status}:\n{log}");
        assert!(!log.contains("a part of the host failed"), "{log}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.child.is_none() {
            return;
        }
        if std::thread::panicking() {
            let child = self.child.as_mut().expect("a running host");
            let _ = child.kill();
            let _ = child.wait();
            let _ = writeln!(std::io::stderr(), "--- the host's log:\n{}", self.log());
        } else {
            self.stop();
        }
    }
}

fn follow(mut from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let into = log.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(n) = from.read(&mut buffer) {
            if n == 0 {
                break;
            }
            into.lock()
                .expect("the log")
                .push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    });
    log
}
