//! What a host starts with.

use crate::{Host, component::repository, host::PATIENCE};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The release binary; `GREENROOM` names another.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("GREENROOM").map_or_else(
        || repository().join("target/release/greenroom"),
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{}: run `cargo xtask build` first",
        path.display()
    );
    path
}

/// A folder with plugins and a configuration.
pub struct Setup {
    folder: TempDir,
    config: String,
    launch: Launch,
}

/// How the process is started, and started again.
#[derive(Clone)]
pub(crate) struct Launch {
    log: String,
    binary: PathBuf,
    pub(crate) cache: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
}

impl Setup {
    /// In-memory databases, no plugin yet, any free port.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("plugins")).expect("a plugins folder");
        let launch = Launch {
            log: "info,plugin=debug".into(),
            binary: binary(),
            // Compiled components are shared by all hosts of all test runs.
            cache: repository().join("target/test-cache"),
            variables: Vec::new(),
        };
        Self {
            folder,
            config: String::new(),
            launch,
        }
    }

    /// Databases in `db/`.
    pub fn durable() -> Self {
        Self::new()
            .config("backend: {database: {client: better-sqlite3, connection: {directory: ./db}}}")
    }

    pub fn plugin(self, id: &str, component: &[u8]) -> Self {
        std::fs::write(
            self.folder.path().join(format!("plugins/{id}.wasm")),
            component,
        )
        .expect("the plugins folder");
        self
    }

    /// The whole of app-config.yaml besides the port and the folders, which a second file sets.
    pub fn config(mut self, yaml: &str) -> Self {
        self.config = yaml.into();
        self
    }

    /// As `GREENROOM_LOG`.
    pub fn log(mut self, filter: &str) -> Self {
        self.launch.log = filter.into();
        self
    }

    /// A variable in the environment of the host, and of the commands that are run for it.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.launch.variables.push((name.into(), value.into()));
        self
    }

    /// An empty cache of compiled components, in `cache/`: each is compiled anew.
    pub fn own_cache(mut self) -> Self {
        self.launch.cache = self.folder.path().join("cache");
        self
    }

    /// Starts this file instead of [`binary`].
    pub fn binary(mut self, path: &Path) -> Self {
        self.launch.binary = path.into();
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it and waits until every plugin has its first outcome.
    pub fn start(self) -> Host {
        let mut host = self.launch();
        host.wait_until_decided();
        host
    }

    /// Starts it and returns as soon as it listens.
    pub fn launch(self) -> Host {
        self.write_config();
        Host::launch(self.folder, self.launch)
    }

    /// Starts it, which must fail; what it said.
    pub fn refused(self) -> Output {
        self.write_config();
        let mut child = (self.launch.command(self.folder.path()))
            .spawn()
            .expect("the host starts");
        let until = Instant::now() + PATIENCE;
        while child.try_wait().expect("a child").is_none() {
            if Instant::now() > until {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output().expect("what it said");
        assert!(
            output.status.code().is_some_and(|code| code != 0),
            "it started or crashed: {output:?}"
        );
        output
    }

    fn write_config(&self) {
        let config = self.folder.path().join("app-config.yaml");
        std::fs::write(&config, &self.config).expect("the folder");
        let fixed = self.folder.path().join("fixed.yaml");
        std::fs::write(
            fixed,
            "backend: {listen: '127.0.0.1:0'}\nplugins: {directory: ./plugins}\n",
        )
        .expect("the folder");
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Launch {
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["serve", "--json"])
            .args(["--config", "app-config.yaml", "--config", "fixed.yaml"])
            .current_dir(folder)
            .env("GREENROOM_LOG", &self.log)
            .env("XDG_CACHE_HOME", &self.cache)
            .envs(self.variables.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}
