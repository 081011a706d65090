//! `cargo xtask soak`: builds what the soak's driver needs, then becomes the driver.

use crate::{
    build::{self, Part},
    command::{self, cargo},
    tree::{self, Workspace},
};
use anyhow::{Result, anyhow};
use std::{os::unix::process::CommandExt, process::Command};

pub(crate) fn run(args: &[String]) -> Result<()> {
    build::run(&[Part::Todo, Part::Fixtures])?;
    let mut build = cargo(Workspace::Root, "build");
    build.args(["--release", "--workspace", "--locked"]);
    for binary in ["greenroom", "greenroom-soak"] {
        build.args(["--bin", binary]);
    }
    command::run(build.arg("--target-dir").arg(Workspace::Root.target()))?;
    let mut driver = Command::new(tree::root().join("target/release/greenroom-soak"));
    command::clean(&mut driver);
    driver.args(args);
    command::show(&driver);
    // Not a child: signals reach the driver, which keeps what it has.
    Err(anyhow!(driver.exec()).context("cannot run the driver"))
}
