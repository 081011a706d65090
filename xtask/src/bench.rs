//! `cargo xtask bench`: builds every server that is compared, then becomes the driver of the measurement.

use crate::{
    build::{self, Part},
    command::{self, cargo, is_there},
    dist, npm,
    tree::{self, Workspace},
    wrk,
};
use anyhow::{Result, anyhow, bail};
use std::{os::unix::process::CommandExt, process::Command};

/// Compiles what is measured as operators run it.
const DIST: &str = "--dist";

/// Beside the host of another checkout.
const AGAINST: &str = "--against";

/// What is wrong with the arguments: better said now than after the builds.
pub(crate) fn problem(args: &[String]) -> Option<String> {
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let rest: Vec<_> = args.iter().copied().filter(|arg| *arg != DIST).collect();
    match rest[..] {
        [] | ["--quick" | "--profile"] => None,
        [AGAINST, checkout] => {
            let flag = checkout.starts_with('-');
            flag.then(|| format!("`--against` takes a checkout, not {checkout:?}"))
        }
        ["--only", part] | ["--quick", "--only", part] | ["--only", part, "--quick"] => {
            let known = ["load", "size"].contains(&part);
            (!known).then(|| format!("`--only` takes `load` or `size`, not {part:?}"))
        }
        _ => Some(format!("`bench` does not take {:?}", rest.join(" "))),
    }
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    wrk::ensure()?;
    if args.iter().any(|arg| arg == "--profile") && !is_there("perf") {
        bail!("`--profile` needs perf, which is missing (Debian: apt-get install linux-perf)");
    }
    build::run(&[Part::Todo, Part::Fixtures])?;
    servers()?;
    let mut driver = Command::new(tree::root().join("target/release/greenroom-bench"));
    command::clean(&mut driver);
    driver.args(args.iter().filter(|arg| *arg != DIST));
    if args.iter().any(|arg| arg == DIST) {
        dist::run(!args.iter().any(|arg| arg == AGAINST))?;
        driver.arg("--programs").arg(tree::dist());
        driver.args(["--compiled", dist::COMPILED]);
    }
    let of_greenroom_alone = ["--profile", "size", AGAINST];
    if !args.iter().any(|arg| of_greenroom_alone.contains(&&**arg)) {
        native_usual()?;
        if let Err(reason) = npm::prepare("bench/express", "target/express", "server.js") {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_known_before_anything_is_built() {
        let problem = |line: &str| problem(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for line in [
            "--quick",
            "--profile --dist",
            "--dist --only size",
            "--quick --only load",
            "--against ../before",
            "--dist --against ../before",
        ] {
            assert_eq!(problem(line), None, "{line}");
        }
        for (line, names) in [
            ("--quick --fast", "--fast"),
            ("size", "size"),
            ("--only", "--only"),
            ("--only seize", "seize"),
            ("--profile --quick", "--profile --quick"),
            ("--against", "--against"),
            ("--against --quick", "--quick"),
            ("--against ../before --quick", "--against ../before"),
        ] {
            assert!(
                problem(line).is_some_and(|told| told.contains(names)),
                "{line}"
            );
        }
        assert_eq!(super::problem(&[]), None);
    }
}
