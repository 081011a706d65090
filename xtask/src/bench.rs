//! `cargo xtask bench`: builds every server that is compared, then becomes the driver of the measurement.

mod express;
mod wrk;

use crate::{
    build::{self, Part},
    command::{self, cargo},
    tree::{self, Workspace},
};
use anyhow::{Result, anyhow};
use std::{os::unix::process::CommandExt, process::Command};

/// What the driver takes. `--only load` and `--only size` are one part of it.
const TAKEN: [&str; 5] = ["--quick", "--profile", "--only", "load", "size"];

/// The first argument that is none of the driver's: better said now than after the builds.
pub(crate) fn unknown(args: &[String]) -> Option<&String> {
    args.iter().find(|arg| !TAKEN.contains(&arg.as_str()))
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    wrk::ensure()?;
    build::run(&[Part::Todo, Part::Fixtures])?;
    servers()?;
    let mut driver = Command::new(tree::root().join("target/release/greenroom-bench"));
    command::clean(&mut driver);
    driver.args(args);
    // A profile and the size are of Greenroom alone.
    if !args.iter().any(|arg| arg == "--profile" || arg == "size") {
        native_usual()?;
        if let Err(reason) = express::prepare() {
            eprintln!("xtask: Express is left out: {reason:#}");
            driver.arg("--without-express").arg(format!("{reason:#}"));
        }
    }
    command::show(&driver);
    // Not a child: signals reach the driver, which ends the servers that it started.
    Err(anyhow!(driver.exec()).context("cannot run the driver"))
}

/// The host, the driver, and the server that shares their libraries: in one go, so that those are compiled once.
fn servers() -> Result<()> {
    let mut build = cargo(Workspace::Root, "build");
    build.args(["--release", "--workspace", "--locked"]);
    for binary in ["greenroom", "native-tuned", "greenroom-bench"] {
        build.args(["--bin", binary]);
    }
    command::run(build.arg("--target-dir").arg(Workspace::Root.target()))
}

/// A workspace of its own: its SQLite is another one.
fn native_usual() -> Result<()> {
    let mut build = cargo(Workspace::Root, "build");
    build
        .current_dir(tree::root().join("bench/native-usual"))
        .args(["--release", "--locked", "--target-dir"])
        .arg(tree::root().join("target/native-usual"));
    command::run(&mut build)
}

/// Whether a program can be started.
fn is_there(program: &str) -> bool {
    let asked = Command::new(program)
        .arg("--version")
        .stdin(std::process::Stdio::null())
        .output();
    asked.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_known_before_anything_is_built() {
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        assert_eq!(unknown(&args(&["--quick"])), None);
        assert_eq!(unknown(&args(&["--only", "size"])), None);
        let wrong = args(&["--quick", "--fast"]);
        assert_eq!(unknown(&wrong), wrong.get(1));
    }
}
