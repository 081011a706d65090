//! A folder that looks like a clone after its build, and a host that serves there as `cargo xtask serve` starts it.

use greenroom_tests::{binary, repository, todo};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// No step takes this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Clone(TempDir);

impl Clone {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path();
        std::fs::create_dir_all(path.join("target/release")).unwrap();
        std::fs::create_dir_all(path.join("target/plugins")).unwrap();
        let host = binary().canonicalize().unwrap();
        std::os::unix::fs::symlink(host, path.join("target/release/greenroom")).unwrap();
        std::fs::copy(
            repository().join("app-config.yaml"),
            path.join("app-config.yaml"),
        )
        .unwrap();
        std::fs::write(path.join("target/plugins/todo.wasm"), todo()).unwrap();
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// What `cargo xtask serve` runs there, on another port than 7007.
    pub(super) fn serve(&self) -> Served {
        let mut command = Command::new("target/release/greenroom");
        command
            .args([
                "serve",
                "--config",
                "app-config.yaml",
                "--listen",
                "127.0.0.1:0",
            ])
            .current_dir(self.path())
            // Away from other tests' hosts: one that was killed leaves a folder that the next host tells of.
            .env("XDG_RUNTIME_DIR", self.path());
        Served::start(command)
    }

    /// A line of the shell, as it stands in README.md but for the port.
    pub(super) fn shell(&self, line: &str, port: &str) -> Output {
        Command::new("sh")
            .args([
                "-c",
                &line.replace("localhost:7007", &format!("localhost:{port}")),
            ])
            .current_dir(self.path())
            .env("XDG_CACHE_HOME", cache())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

pub(super) fn cache() -> PathBuf {
    repository().join("target/test-cache")
}

/// A process that becomes a host, with all that it prints in one place, as on a terminal.
pub(super) struct Served {
    child: Child,
    printed: Arc<Mutex<Vec<String>>>,
}

impl Served {
    pub(super) fn start(mut command: Command) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let child = command
            .env("XDG_CACHE_HOME", cache())
            .env_remove("GREENROOM_LOG")
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap();
        // It holds the pipe's writing end, which is to be the child's alone.
        drop(command);
        let printed = Arc::new(Mutex::new(Vec::new()));
        let into = printed.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        Self { child, printed }
    }

    pub(super) fn printed(&self) -> Vec<String> {
        self.printed.lock().unwrap().clone()
    }

    /// The first line from the `from`th on that has this part.
    pub(super) fn wait_for(&self, from: usize, part: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let printed = self.printed();
            if let Some(line) = printed.iter().skip(from).find(|line| line.contains(part)) {
                return line.clone();
            }
            assert!(Instant::now() < until, "no {part:?} in {printed:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Once it is ready: the port that it has.
    pub(super) fn port(&self) -> String {
        let ready = self.wait_for(0, "ready: ");
        let rest = ready.split_once("127.0.0.1:").expect("an address").1;
        rest.split('/').next().unwrap().to_owned()
    }

    /// Ctrl-C; the host exits with 0.
    pub(super) fn interrupt(mut self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(
                Instant::now() < until,
                "it does not stop: {:#?}",
                self.printed()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {:#?}", self.printed());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
