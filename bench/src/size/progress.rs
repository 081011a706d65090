//! Whether somebody who starts a host for the first time sees that it compiles.

use super::{
    Run, ground,
    part::{Part, Row},
};
use crate::{child, interrupt, places};
use anyhow::{Context, Result, bail};
use nix::pty::openpty;
use serde_json::json;
use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// A compile takes a second, on a busy machine some.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(50);
/// What the host prints when the plugins are up.
const READY: &str = "ready: ";

pub(super) fn run(_: &Run) -> Result<Part> {
    let site = ground::empty("progress", "")?;
    let config =
        "backend:\n  listen: 127.0.0.1:0\nplugins:\n  directory: ./plugins\n  cache: ./cache\n";
    fs::write(site.folder().join("app-config.yaml"), config)
        .context("cannot write the configuration")?;
    let mut command = Command::new(places::greenroom());
    command.arg("serve").current_dir(site.folder());
    let screen = on_terminal(&mut command)?;
    let shown = progress(&screen);
    let measured = match &shown {
        Some(line) => format!("shown: `{}`", line.replace('|', "/")),
        None => "nothing between `listening` and the deploy".into(),
    };
    Ok(Part {
        rows: vec![Row::judged(
            "progress of a first compile on a terminal",
            "shown",
            &measured,
            shown.is_some(),
        )],
        notes: Vec::new(),
        raw: json!({ "screen": screen }),
    })
}

/// The first line that speaks of compiling before the deploy is told, without colours.
fn progress(screen: &str) -> Option<String> {
    let plain = without_escapes(screen);
    // A line may be drawn over: what came before a carriage return was on the screen too.
    let lines = plain.split(['\n', '\r']).map(str::trim);
    lines
        .take_while(|line| !line.starts_with(READY) && !line.contains("outcome="))
        .find(|line| line.to_lowercase().contains("compil"))
        .map(str::to_owned)
}

/// Without the sequences that colour a terminal or move on it.
fn without_escapes(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            // ESC [ parameters, up to a letter.
            letters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// Ended with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        child::end(&mut self.0);
    }
}

/// Runs a host on a terminal until it is ready, and ends it; what it wrote.
fn on_terminal(command: &mut Command) -> Result<String> {
    let terminal = openpty(None, None).context("no terminal")?;
    let end = || terminal.slave.try_clone().context("no terminal");
    command.stdin(Stdio::null()).stdout(end()?).stderr(end()?);
    let mut host = Running(command.spawn().context("cannot start the host")?);
    // The driver's ends have to go, or reading would never come to an end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    drop(terminal.slave);
    let pieces = pieces(terminal.master);

    let mut screen = String::new();
    let until = Instant::now() + START;
    while !screen.contains(READY) {
        interrupt::check()?;
        match pieces.recv_timeout(GLANCE) {
            Ok(piece) => screen.push_str(&piece),
            Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
            Err(_) => bail!("the host on a terminal was not ready; it wrote:\n{screen}"),
        }
    }
    child::terminate(&host.0)?;
    child::wait(&mut host.0, "the host on a terminal", STOP)?;
    Ok(screen)
}

/// What is written to a terminal, from a thread that ends with the last process on it.
fn pieces(master: OwnedFd) -> Receiver<String> {
    let (sender, receiver) = sync_channel(64);
    thread::spawn(move || {
        let mut master = File::from(master);
        let mut buffer = [0; 4096];
        loop {
            match master.read(&mut buffer) {
                Ok(read) if read > 0 => {
                    let piece = String::from_utf8_lossy(&buffer[..read]).into_owned();
                    if sender.send(piece).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A terminal that nobody has open any more reads as an error.
                _ => return,
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_comes_before_the_deploy() {
        let none = "listening on x\r\n\u{1b}[32m INFO\u{1b}[0m deploy outcome=\"deployed\"\r\nready: compiled\r\n";
        assert_eq!(progress(none), None);
        let drawn =
            "listening on x\r\n\u{1b}[2KCompiling todo 1 s\rCompiling todo 2 s\r\nready: x\r\n";
        assert_eq!(progress(drawn).as_deref(), Some("Compiling todo 1 s"));
    }

    #[test]
    fn a_program_on_a_terminal_knows_it() {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "trap 'exit 0' TERM; test -t 1 && echo 'ready: yes'; while :; do sleep 0.05; done",
        ]);
        assert!(on_terminal(&mut shell).unwrap().contains("ready: yes"));
    }
}
