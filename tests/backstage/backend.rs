//! The Backstage backend: a process of node, with a configuration and a log of its own.

use crate::{JANE, OTHER, TARGET};
use greenroom_tests::{Request, Response};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// For a start, or an end.
const PATIENCE: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_millis(100);
const READINESS: &str = "/.backstage/health/v1/readiness";

pub(crate) struct Backend {
    child: Option<Child>,
    installed: PathBuf,
    /// Its configuration and its log.
    folder: TempDir,
    pub(crate) address: SocketAddr,
}

impl Backend {
    /// `greenroom`: where its discovery finds our plugins.
    pub(crate) fn start(installed: PathBuf, address: SocketAddr, greenroom: SocketAddr) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let config = format!(
            "app:\n  baseUrl: http://localhost:3000\n\
             backend:\n  baseUrl: http://{address}\n  listen: {{host: 127.0.0.1, port: {}}}\n  \
             database: {{client: better-sqlite3, connection: ':memory:'}}\n\
             auth:\n  providers:\n    guest: {{userEntityRef: '{JANE}', dangerouslyAllowOutsideDevelopment: true}}\n\
             discovery:\n  endpoints:\n    - target: 'http://{greenroom}/api/{{{{pluginId}}}}'\n      \
             plugins: [{TARGET}, {OTHER}]\n",
            address.port()
        );
        fs::write(folder.path().join("app-config.yaml"), config).expect("the folder");
        let mut backend = Self {
            child: None,
            installed,
            folder,
            address,
        };
        backend.start_again();
        backend
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        let log = self.folder.path().join("backend.log");
        let log = File::options().append(true).create(true).open(log);
        let log = log.expect("the folder");
        let child = Command::new("node")
            .arg("index.js")
            .arg("--config")
            .arg(self.folder.path().join("app-config.yaml"))
            .current_dir(&self.installed)
            .env("NODE_ENV", "production")
            .env_remove("BACKSTAGE_ENV")
            .env_remove("NODE_OPTIONS")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("node runs"));
        let until = Instant::now() + PATIENCE;
        let request = Request::new(self.address, "GET", READINESS);
        while !request
            .clone()
            .try_send()
            .is_ok_and(|answer| answer.status == 200)
        {
            let child = self.child.as_mut().expect("a running backend");
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "the backend ended: {ended:?}");
            assert!(Instant::now() < until, "the backend does not get ready");
            sleep(STEP);
        }
    }

    /// SIGTERM, and its end.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        let until = Instant::now() + PATIENCE;
        while child.try_wait().expect("a child").is_none() {
            if Instant::now() > until {
                let _ = child.kill();
            }
            sleep(STEP);
        }
    }

    /// GET with this bearer token.
    pub(crate) fn get(&self, target: &str, token: &str) -> Response {
        Request::new(self.address, "GET", target)
            .header("authorization", format!("Bearer {token}"))
            .send()
    }

    /// A token of its plugin `caller` for the plugin `target`: `as_whom` is `plugin`, or `user` for one on behalf of whose
    /// token it is.
    pub(crate) fn token(&self, as_whom: &str, target: &str, user: &str) -> String {
        let target = format!("/api/caller/token?as={as_whom}&target={target}");
        self.text(&target, user, "token")
    }

    /// A text field of an answer that has to be good.
    pub(crate) fn text(&self, target: &str, user: &str, field: &str) -> String {
        let answer = self.get(target, user);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let text = answer.json()[field].as_str().map(str::to_owned);
        text.unwrap_or_else(|| panic!("{target}: {}", answer.text()))
    }

    /// Signs the guest in.
    pub(crate) fn sign_in(&self) -> String {
        let answer = Request::new(self.address, "GET", "/api/auth/guest/refresh").send();
        assert_eq!(answer.status, 200, "sign-in: {}", answer.text());
        let identity = &answer.json()["backstageIdentity"];
        identity["token"].as_str().expect("a token").to_owned()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("backend.log"));
            eprintln!("--- the backend's log:\n{}", log.unwrap_or_default());
        }
    }
}
