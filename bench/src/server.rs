//! A server under test: started, waited for, and ended with its owner.

use crate::{child, http, interrupt};
use anyhow::{Context, Result, anyhow, bail};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A first start may compile plugins.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);
/// Between two looks at a server that starts; what a measured start may be too long by.
const GLANCE: Duration = Duration::from_millis(1);
/// Lines of its log that an error shows.
const TAIL: usize = 20;

/// How a server is started. stdout and stderr of the command go to the log.
pub(crate) struct Launch {
    /// For messages.
    pub(crate) name: String,
    pub(crate) command: Command,
    /// Where the command listens.
    pub(crate) address: SocketAddr,
    pub(crate) log: PathBuf,
    /// It is ready when `GET` of each of these has answered 200, in this order.
    pub(crate) ready: Vec<String>,
}

/// A server that runs and is ready. Dropped, it is ended at once.
pub(crate) struct Server {
    name: String,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    ready_after: Duration,
}

impl Launch {
    pub(crate) fn start(mut self) -> Result<Server> {
        let log = File::create(&self.log)
            .with_context(|| format!("cannot create {}", self.log.display()))?;
        self.command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let begin = Instant::now();
        let child = (self.command.spawn()).with_context(|| {
            let program = self.command.get_program().to_string_lossy();
            format!("cannot start {} ({program})", self.name)
        })?;
        let mut server = Server {
            name: self.name,
            child,
            address: self.address,
            log: self.log,
            ready_after: Duration::ZERO,
        };
        for path in &self.ready {
            server.wait_for(path, begin + START)?;
        }
        server.ready_after = begin.elapsed();
        Ok(server)
    }
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the process to the last of the first answers.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// An error with its log when it has ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("ended with {status}"))),
        }
    }

    /// SIGTERM; past its time, or when it ends otherwise than well, an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.check_alive()?;
        child::terminate(&self.child)?;
        let status = child::wait(&mut self.child, &self.name, STOP)
            .map_err(|error| self.failure(&format!("{error:#}")))?;
        // Whoever has no handler for it is ended by the signal, which is as good.
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
        if !status.success() && !by_signal {
            bail!(self.failure(&format!("ended with {status}")));
        }
        Ok(())
    }

    fn wait_for(&mut self, path: &str, until: Instant) -> Result<()> {
        loop {
            interrupt::check()?;
            self.check_alive()?;
            let asked = http::get(self.address, path);
            if matches!(&asked, Ok(answer) if answer.status == 200) {
                return Ok(());
            }
            if Instant::now() > until {
                let last = match asked {
                    Ok(answer) => format!("{} {}", answer.status, answer.body),
                    Err(error) => format!("{error:#}"),
                };
                let seconds = START.as_secs();
                return Err(self.failure(&format!(
                    "was not ready within {seconds} s: GET {path}: {last}"
                )));
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// The error, with what the server said last.
    fn failure(&self, what: &str) -> anyhow::Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        anyhow!("{} {what}; the end of its log:\n{}", self.name, tail(&log))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        child::end(&mut self.child);
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn launch(folder: &Path, command: &str) -> Launch {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        Launch {
            name: "the test's server".into(),
            command: shell,
            address: free_address().unwrap(),
            log: folder.join("log"),
            ready: vec!["/".into()],
        }
    }

    #[test]
    fn a_server_that_fails_shows_its_log() {
        let folder = tempfile::TempDir::new().unwrap();
        let started = launch(folder.path(), "echo no such database; exit 3").start();
        let error = started.err().unwrap().to_string();
        assert!(error.contains("no such database"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn the_tail_is_short() {
        let log: String = (0..100).map(|n| format!("line {n}\n")).collect();
        assert_eq!(tail(&log).lines().count(), TAIL);
        assert!(tail(&log).ends_with("line 99"));
        assert_eq!(tail("one"), "one");
    }
}
