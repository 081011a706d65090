//! The load generator, from the distribution's packages.

use crate::command::{self, is_there};
use anyhow::{Result, bail};
use std::process::Command;

/// Installs it where that takes no question: as root, with apt.
pub(crate) fn ensure() -> Result<()> {
    if is_there("wrk") {
        return Ok(());
    }
    if !(is_root()? && is_there("apt-get")) {
        bail!(
            "wrk, the load generator, is missing. Install it, then run this again: `sudo apt-get install wrk` on Debian \
             and Ubuntu; https://github.com/wg/wrk elsewhere"
        );
    }
    command::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends", "wrk"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command::run(&mut install)
}

fn is_root() -> Result<bool> {
    let asked = command::output(Command::new("id").arg("-u"))?;
    Ok(asked.stdout.trim_ascii() == b"0")
}
