//! `cargo xtask serve`: from a clone to a running host.

use crate::{
    build::{self, Part},
    command, tree,
};
use anyhow::{Result, anyhow};
use std::{os::unix::process::CommandExt, path::PathBuf, process::Command};

/// Builds, then becomes the host: signals and the terminal are the host's own from here.
pub(crate) fn run(args: &[String]) -> Result<()> {
    build::run(&[Part::Todo, Part::Host])?;
    let mut host = Command::new(tree::host());
    command::clean(&mut host);
    host.args(["serve", "--config"]).arg(config()).args(args);
    command::show(&host);
    Err(anyhow!(host.exec()).context(format!("cannot run {}", tree::host().display())))
}

/// The working folder stays the caller's (their arguments may name files in it), so the path is whole elsewhere.
fn config() -> PathBuf {
    match std::env::current_dir() {
        Ok(folder) if folder == tree::root() => "app-config.yaml".into(),
        _ => tree::root().join("app-config.yaml"),
    }
}
