//! `greenroom backup` and `restore`. A running host is asked for the backup; without one the caller takes it.

use super::{
    Args, ConfigFiles, FAILED, Host,
    ask::{LONG, Refusal, socket, start_one},
    client::{self, Failure, Request},
    output, report,
};
use crate::id::PluginId;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Copy the data and builds of plugins into a new folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greenroom backup /var/backups/greenroom-monday
  greenroom backup todo-only --plugin todo

A running host takes it while it serves; without one the files are read directly. Each copy is checked.")]
pub struct Backup {
    /// The new folder
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Only this plugin; may be given several times
    #[arg(long = "plugin", value_name = "ID")]
    pub plugins: Vec<PluginId>,
    #[command(flatten)]
    pub host: Host,
}

/// Put a backup back, while no host runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greenroom restore /var/backups/greenroom-monday
  greenroom restore todo-only --plugin todo --replace

All of it is checked before anything is replaced. What --replace replaces is kept as FILE.before-restore.")]
pub struct Restore {
    /// The folder of the backup
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Only this plugin; may be given several times
    #[arg(long = "plugin", value_name = "ID")]
    pub plugins: Vec<PluginId>,
    /// Replace data and builds that are there, and keep them aside
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub config: ConfigFiles,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What became of the question.
pub enum Asked {
    /// The host's answer is printed.
    Told(ExitCode),
    /// No host runs.
    Nobody,
}

/// `folder`: absolute.
pub async fn ask_for_backup(args: &Backup, folder: &Path, plugins: &[String]) -> Asked {
    let json = args.host.json;
    let fail = |error: String| {
        output::error(&json!({ "error": error }), json);
        Asked::Told(ExitCode::from(FAILED))
    };
    let socket = match socket(&args.host) {
        Ok(socket) => socket,
        Err(Refusal::Config(error)) => return Asked::Told(output::config_error(&error, json)),
        Err(Refusal::Failed(body)) => {
            output::error(&body, json);
            return Asked::Told(ExitCode::from(FAILED));
        }
    };
    let request = Request {
        method: "POST",
        target: "/backup".to_owned(),
        body: json!({ "folder": folder, "plugins": plugins })
            .to_string()
            .into(),
        within: LONG,
    };
    match client::send(&socket, request).await {
        // The host of a configuration is not there: its files are.
        Err(Failure::Nobody) if args.host.socket.is_none() => Asked::Nobody,
        Err(Failure::Nobody) => fail(format!(
            "no Greenroom host answers at {}. {}; or name its --config, and its files are read directly",
            socket.display(),
            start_one(&args.host)
        )),
        Err(Failure::Said(body)) => {
            output::error(&body, json);
            Asked::Told(ExitCode::from(FAILED))
        }
        Err(Failure::Broken(why)) => {
            fail(format!("asking the host at {}: {why}", socket.display()))
        }
        Ok(_) if !folder.join("manifest.json").is_file() => fail(format!(
            "the host wrote {} where this process does not see it: it has folders of its own (a private /tmp, a \
             container); name one that both see",
            folder.display()
        )),
        Ok(answer) => Asked::Told(report::backed_up(&answer, json)),
    }
}
