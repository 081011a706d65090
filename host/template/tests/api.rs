//! The plugin in a real host: `$GREENROOM`, else `greenroom` on PATH, on a free port and with a folder of its own.

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const ID: &str = "{{id}}";

/// Only bounds what hangs: a host starts in a second, and answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn items_are_created_and_read() {
    let host = Host::start();
    let (status, created) = host.post("/items", json!({ "title": "first" }));
    assert_eq!(status, 201);
    assert_eq!(created, json!({ "id": 1, "title": "first" }));
    host.post("/items", json!({ "title": "second" }));

    let second = json!({ "id": 2, "title": "second" });
    assert_eq!(host.get("/items"), (200, json!([second, created])));
    assert_eq!(host.get("/items/1"), (200, created));
    assert_eq!(
        host.get("/items/3"),
        (404, json!({ "error": "item not found" }))
    );
}

#[test]
fn an_item_without_a_title_is_refused() {
    let host = Host::start();
    let (status, answer) = host.post("/items", json!({ "title": " " }));
    assert_eq!(
        (status, answer),
        (400, json!({ "error": "title is required" }))
    );
    assert_eq!(host.post("/items", json!([])).0, 400);
    assert_eq!(host.get("/items"), (200, json!([])));
}

/// A running host, ended when this goes out of scope.
struct Host {
    process: Child,
    _folder: Folder,
    url: String,
    agent: ureq::Agent,
}

impl Host {
    fn start() -> Self {
        let component = &*COMPONENT;
        let folder = Folder::new();
        let Folder(path) = &folder;
        fs::create_dir(path.join("plugins")).unwrap();
        fs::copy(component, path.join(format!("plugins/{ID}.wasm"))).unwrap();
        fs::write(path.join("app-config.yaml"), CONFIG).unwrap();

        let program = std::env::var_os("GREENROOM").unwrap_or_else(|| "greenroom".into());
        let mut process = Command::new(&program)
            .args(["serve", "--json", "--config"])
            .arg(path.join("app-config.yaml"))
            // Where it keeps `:memory:` databases: a host that is killed cannot clean up after itself.
            .env("XDG_RUNTIME_DIR", path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot run {program:?}: {error}. This test needs Greenroom {{version}} or newer: put \
                     `greenroom` on PATH, or set GREENROOM to where it is"
                )
            });
        let events = lines(&mut process);
        let mut host = Self {
            process,
            _folder: folder,
            url: String::new(),
            agent: agent(),
        };
        host.url = host.wait_until_ready(&events);
        host
    }

    /// The host prints a JSON object a line: `listening` with its address, then `ready`.
    fn wait_until_ready(&self, events: &mpsc::Receiver<String>) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut url = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = events
                .recv_timeout(left)
                .expect("the host did not get ready: see what it printed");
            println!("{line}");
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            match event["event"].as_str() {
                Some("listening") => {
                    let address = event["address"].as_str().expect("an address");
                    url = format!("http://{address}/api/{ID}");
                }
                Some("ready") => return url,
                Some("failed") => panic!("the host refused the plugin: {}", event["message"]),
                _ => {}
            }
        }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.url))
            .call()
            .unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_json().unwrap(),
        )
    }

    fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.url))
            .send_json(body)
            .unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_json().unwrap(),
        )
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const CONFIG: &str = "\
backend:
  listen: 127.0.0.1:0
  database:
    client: better-sqlite3
    connection: ':memory:'
plugins:
  directory: ./plugins
";

/// This plugin, compiled once for all tests.
static COMPONENT: LazyLock<PathBuf> = LazyLock::new(|| {
    // `<target>/tmp`: the component goes where `cargo build` by hand puts it.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target folder");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--target",
            "wasm32-wasip2",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the plugin does not build: see above");
    let name = env!("CARGO_PKG_NAME").replace('-', "_");
    target.join(format!("wasm32-wasip2/release/{name}.wasm"))
});

/// A folder of the test's own, removed with all that is in it. It lies under the system's temporary folder, because the
/// path of the host's socket must stay short.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("greenroom-test-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a temporary folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the process prints, read to its end so that it never waits for us.
fn lines(process: &mut Child) -> mpsc::Receiver<String> {
    let output = BufReader::new(process.stdout.take().expect("a piped stdout"));
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}
