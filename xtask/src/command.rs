//! Running other programs: each is shown before it starts, and a failure names the command line.

use crate::tree::{self, Workspace};
use anyhow::{Context, Result, bail};
use std::{
    ffi::OsStr,
    fmt::Write as _,
    process::{Command, Output, Stdio},
};

/// What `cargo run` sets for xtask itself. Passed on, it would only make build scripts run again.
const OURS_ALONE: [&str; 4] = [
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

/// cargo in one of our workspaces, with a clean environment.
pub(crate) fn cargo(workspace: Workspace, subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.folder()).arg(subcommand);
    // A default target from outside would move what we build to another folder.
    command.env_remove("CARGO_BUILD_TARGET");
    clean(&mut command);
    command
}

/// Removes from the command's environment what describes the package `xtask`.
pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let prefixed = text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_");
        if prefixed || OURS_ALONE.iter().any(|ours| name == *ours) {
            command.env_remove(name);
        }
    }
}

/// Shows the command, runs it with our stdin, stdout and stderr, and wants it to succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    show(command);
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// As [`run`], but hands back what the command writes to stdout.
pub(crate) fn capture(command: &mut Command) -> Result<Vec<u8>> {
    show(command);
    let output = output(command)?;
    if !output.status.success() {
        bail!("`{}` failed ({})", line(command), output.status);
    }
    Ok(output.stdout)
}

/// Runs a question to another program, not shown, and hands back its answer whatever the exit status.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    child
        .and_then(std::process::Child::wait_with_output)
        .with_context(|| cannot_start(command))
}

/// Writes the command to stderr, in the form in which one could type it at the root.
pub(crate) fn show(command: &Command) {
    let folder = command
        .get_current_dir()
        .and_then(|folder| folder.strip_prefix(tree::root()).ok());
    match folder {
        Some(folder) if folder != OsStr::new("") => {
            eprintln!("$ (cd {} && {})", folder.display(), line(command));
        }
        _ => eprintln!("$ {}", line(command)),
    }
}

fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let ours = program.strip_prefix(tree::root()).ok();
    let short = ours.map_or(program.file_name(), |path| Some(path.as_os_str()));
    let mut text = short
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        let _ = write!(text, " {}", arg.to_string_lossy());
    }
    text
}

fn cannot_start(command: &Command) -> String {
    format!("cannot run `{}`", line(command))
}

/// Whether a program can be started.
pub(crate) fn is_there(program: &str) -> bool {
    let asked = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    asked.is_ok()
}
