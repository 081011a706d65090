//! The ways in which a build comes: the plugins folder, the admin socket, and the command line.

use anyhow::{Context, Result, bail, ensure};
use greenroom_tests::Host;
use serde_json::Value;
use std::{
    fmt,
    io::{Read, Write},
    os::unix::net::UnixStream,
    thread::sleep,
    time::{Duration, Instant},
};

/// Longer than any compile may take.
const PATIENCE: Duration = Duration::from_secs(330);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Folder,
    Socket,
    /// `greenroom deploy`, a process of its own.
    Command,
}

/// What came of it.
pub(super) enum Said {
    /// `deployed`, `rolled-back` or `unchanged`; the version that serves.
    Done(String, String),
    Refused {
        stage: String,
        reason: String,
    },
}

/// One request to the admin socket.
pub(super) fn ask(host: &Host, method: &str, target: &str, body: &[u8]) -> Result<(u16, Value)> {
    let mut socket = UnixStream::connect(host.folder().join("greenroom.sock"))
        .context("the admin socket: is the host there?")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: greenroom\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes())?;
    socket.write_all(body)?;
    let mut answer = Vec::new();
    socket
        .read_to_end(&mut answer)
        .context("no answer of the admin socket")?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no whole head")?;
    let status = head.get(9..12).context("no status")?.parse()?;
    Ok((status, serde_json::from_str(body).context("no JSON")?))
}

/// The row of a plugin in `greenroom plugins`.
pub(super) fn status(host: &Host, id: &str) -> Result<Value> {
    let (_, mut told) = ask(host, "GET", "/plugins", &[])?;
    let rows = told["plugins"].as_array_mut().context("no plugins")?;
    let row = rows.iter_mut().find(|row| row["id"] == id);
    Ok(row.with_context(|| format!("no plugin {id}"))?.take())
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(outcome, version) => write!(f, "{outcome}: {version}"),
            Self::Refused { stage, reason } => write!(f, "refused ({stage}: {reason})"),
        }
    }
}

impl Door {
    pub(super) fn deploy(self, host: &Host, id: &str, component: &[u8]) -> Result<Said> {
        match self {
            Self::Folder => drop_in(host, id, component),
            Self::Socket => {
                let (_, told) = ask(host, "POST", &format!("/deploy?as={id}"), component)?;
                said(&told)
            }
            Self::Command => {
                std::fs::write(host.folder().join("swap.upload"), component)?;
                command(host, &["deploy", "swap.upload", "--as", id, "--json"])
            }
        }
    }

    /// There is none by the folder.
    pub(super) fn roll_back(self, host: &Host, id: &str) -> Result<Said> {
        if self == Self::Command {
            return command(host, &["rollback", id, "--json"]);
        }
        let (_, told) = ask(host, "POST", &format!("/plugins/{id}/rollback"), &[])?;
        said(&told)
    }
}

fn command(host: &Host, args: &[&str]) -> Result<Said> {
    let output = host.command(args);
    let told: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("no JSON: {}", String::from_utf8_lossy(&output.stderr)))?;
    let said = match told["error"].as_str() {
        // It looks at the file before it asks the host.
        Some(reason) if told["stage"].is_null() => Said::Refused {
            stage: "file".to_owned(),
            reason: reason.to_owned(),
        },
        _ => said(&told)?,
    };
    let done = matches!(said, Said::Done(..));
    ensure!(done == output.status.success(), "{}: {told}", output.status);
    Ok(said)
}

fn said(told: &Value) -> Result<Said> {
    let text = |field: &str| told[field].as_str().map(str::to_owned);
    match (text("outcome"), text("stage"), text("error")) {
        (Some(outcome), None, None) => Ok(Said::Done(outcome, text("version").unwrap_or_default())),
        (None, Some(stage), Some(reason)) => Ok(Said::Refused { stage, reason }),
        _ => bail!("neither done nor refused: {told}"),
    }
}

/// The folder answers nobody: what came of it is in the plugin's row.
fn drop_in(host: &Host, id: &str, component: &[u8]) -> Result<Said> {
    let before = status(host, id)?;
    host.drop_in(id, component);
    let until = Instant::now() + PATIENCE;
    loop {
        let now = status(host, id)?;
        if now["build"] != before["build"] {
            let version = now["build"]["version"].as_str().unwrap_or_default();
            return Ok(Said::Done("deployed".to_owned(), version.to_owned()));
        }
        let problem = &now["problem"];
        if !problem.is_null() && problem["at"] != before["problem"]["at"] {
            let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
            return Ok(Said::Refused {
                stage: text("stage"),
                reason: text("message"),
            });
        }
        ensure!(
            Instant::now() < until,
            "nothing came of a file in the folder: {now}"
        );
        sleep(Duration::from_millis(10));
    }
}
