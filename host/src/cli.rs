//! The command line: what `greenroom` takes. The commands that talk to a running host are carried out here as well,
//! and all that the binary prints goes through [`output`].

mod ask;
mod backup;
mod client;
mod component;
mod log;
pub mod output;
pub mod report;

pub use ask::ask;
pub use backup::{Asked, Backup, Restore, ask_for_backup};
pub use log::Log;

use crate::{
    config::{Config, ConfigError, Environment, Listen, secrets},
    id::PluginId,
};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Exit status for a command line or a configuration that cannot be used (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// Exit status for everything else that went wrong.
pub const FAILED: u8 = 1;

/// A backend host for WebAssembly plugins: serves each under /api/ID/, and replaces it while it runs.
#[derive(Debug, Parser)]
#[command(
    name = "greenroom",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
#[command(after_help = "Examples:
  greenroom serve                            serve with ./app-config.yaml
  greenroom deploy target/plugins/todo.wasm  replace a plugin of the running host")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Serve),
    Check(Check),
    Inspect(Inspect),
    #[command(flatten)]
    Ask(Ask),
    Backup(Backup),
    Restore(Restore),
    New(New),
    /// Compiles the component on standard input; `serve` runs this in a child process.
    #[command(hide = true)]
    Compile,
    /// Holds the configuration on standard input against its schema; `serve` and `check` run this in a child process.
    #[command(hide = true)]
    Judge,
}

/// Commands that a running host carries out.
#[derive(Debug, Subcommand)]
pub enum Ask {
    Plugins(Plugins),
    Deploy(Deploy),
    Rollback(Rollback),
    Remove(Remove),
    Log(Log),
}

/// Serve the plugins
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greenroom serve
  greenroom serve --config app-config.yaml --config app-config.production.yaml
  greenroom serve --listen 127.0.0.1:0

GREENROOM_LOG sets what is logged: a level (error, warn, info, debug, trace), or levels by target as in
info,plugin=debug. `greenroom log` changes it while the host runs.

Ctrl-C or SIGTERM stops it: it accepts nothing new, finishes what runs (backend.lifecycle.serverShutdownTimeout, 10 s
unless set) and exits with 0.")]
pub struct Serve {
    #[command(flatten)]
    pub config: ConfigFiles,
    /// Listen here instead of where `backend.listen` says; port 0 picks a free one and prints it
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<Listen>,
    /// Write the log as one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Check the configuration and load the plugins, without serving
#[derive(Debug, Args)]
#[command(after_help = "Example:
  greenroom check --config app-config.yaml

Exits with 64 when the configuration is wrong, with 1 when a plugin cannot be loaded.")]
pub struct Check {
    #[command(flatten)]
    pub config: ConfigFiles,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Show what a plugin's file holds: id, version, imports, exports, migrations, hash and size
#[derive(Debug, Args)]
#[command(after_help = "Example:
  greenroom inspect target/plugins/todo.wasm")]
pub struct Inspect {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// List the plugins of the running host with their builds and problems
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greenroom plugins
  greenroom plugins --json --socket /run/greenroom.sock")]
pub struct Plugins {
    #[command(flatten)]
    pub host: Host,
}

/// Put a build into the running host, in place of the one that serves
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greenroom deploy target/plugins/todo.wasm
  greenroom deploy todo.wasm --as todo-staging

The build serves once it is compiled, its migrations have run and it has started. If any of that fails, the build that
serves goes on and the reason is printed.")]
pub struct Deploy {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// Deploy it under this id instead of the one it declares
    #[arg(long = "as", value_name = "ID")]
    pub id: Option<PluginId>,
    #[command(flatten)]
    pub host: Host,
}

/// Bring a plugin's previous build back
#[derive(Debug, Args)]
#[command(after_help = "Example:
  greenroom rollback todo

Refused when the database has migrations that the previous build does not know and that are not additive.")]
pub struct Rollback {
    /// The plugin
    #[arg(value_name = "ID")]
    pub id: PluginId,
    #[command(flatten)]
    pub host: Host,
}

/// Take a plugin out of the running host; its data stays
#[derive(Debug, Args)]
#[command(after_help = "Example:
  greenroom remove todo")]
pub struct Remove {
    /// The plugin
    #[arg(value_name = "ID")]
    pub id: PluginId,
    #[command(flatten)]
    pub host: Host,
}

/// Write a new plugin into a folder of its own
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greenroom new notes
  greenroom new notes --dry-run")]
pub struct New {
    /// The plugin's id, and the name of its folder; asked for when not given
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Only list the files that would be written
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ConfigFiles {
    /// Configuration file; may be given several times, later ones win [default: app-config.yaml, and
    /// app-config.local.yaml where it exists]
    #[arg(long = "config", value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Which host to talk to.
#[derive(Debug, Args)]
pub struct Host {
    /// The host's socket; without it, `backend.admin.socket` of the configuration
    #[arg(long, value_name = "PATH", conflicts_with = "files")]
    pub socket: Option<PathBuf>,
    #[command(flatten)]
    pub config: ConfigFiles,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The command of this process. When there is none to run (`--help`, a usage error), what is to be said has been
/// printed and the exit status is the error.
pub fn parse() -> Result<Command, ExitCode> {
    Cli::try_parse().map(|cli| cli.command).map_err(|error| {
        // Printing fails when the reader is gone: nobody to tell.
        let _ = error.print();
        status(&error)
    })
}

/// 0 where help or the version was asked for.
fn status(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

impl ConfigFiles {
    /// Reads the files with this process's folder and environment. Its secrets are shown nowhere from here on.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let env = Environment::of_the_process();
        let config = Config::load(&self.files, &current_folder(), &env)?;
        secrets::learn(&config.secrets);
        Ok(config)
    }

    fn admin_socket(&self) -> Result<PathBuf, ConfigError> {
        let env = Environment::of_the_process();
        Config::admin_socket(&self.files, &current_folder(), &env)
    }
}

/// The folder in which relative names on the command line start.
fn current_folder() -> PathBuf {
    // It fails when the folder is gone: absolute names still work, and relative ones say that they are not found.
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"))
}

#[cfg(test)]
mod tests;
