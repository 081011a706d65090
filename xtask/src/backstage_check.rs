//! `cargo xtask backstage-check`: builds the host, installs a Backstage, then becomes the driver that sets one before the
//! other.

use crate::{
    build::{self, Part},
    command::{self, cargo},
    npm,
    tree::{self, Workspace},
};
use anyhow::{Context, Result, anyhow};
use std::{os::unix::process::CommandExt, process::Command};

/// Writes down what the Backstage issued.
pub(crate) const RECORD: &str = "--record";

pub(crate) fn run(args: &[String]) -> Result<()> {
    build::run(&[Part::Fixtures])?;
    let mut build = cargo(Workspace::Root, "build");
    build.args(["--release", "--workspace", "--locked"]);
    for binary in ["greenroom", "greenroom-backstage-check"] {
        build.args(["--bin", binary]);
    }
    command::run(build.arg("--target-dir").arg(Workspace::Root.target()))?;
    let backstage = npm::prepare("tests/backstage", "target/backstage", "index.js")
        .context("there is no Backstage to check against")?;
    let mut driver = Command::new(tree::root().join("target/release/greenroom-backstage-check"));
    command::clean(&mut driver);
    driver.arg(backstage).args(args);
    command::show(&driver);
    // Not a child: signals reach the driver, which ends the servers that it started.
    Err(anyhow!(driver.exec()).context("cannot run the driver"))
}
