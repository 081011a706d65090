//! Programs of crates.io that some commands want, in target/tools: no other version is taken, and nobody's is replaced.

use crate::{
    command::{self, cargo},
    tree::{self, Workspace},
};
use anyhow::{Context, Result};
use std::{ffi::OsString, path::PathBuf};

/// Where `name` lies; it is compiled and installed there when it is missing.
pub(crate) fn installed(name: &str) -> Result<PathBuf> {
    let root = tree::root().join("target/tools");
    let folder = root.join("bin");
    if !folder.join(name).is_file() {
        let mut install = cargo(Workspace::Root, "install");
        install.args(["--locked", "--root"]).arg(&root).arg(name);
        command::run(&mut install).with_context(|| {
            format!(
                "{name} is missing and cannot be installed; where crates.io is not reachable, put the program into {}",
                folder.display()
            )
        })?;
    }
    Ok(folder)
}

/// `PATH` with `folder` before the rest.
pub(crate) fn path_with(folder: PathBuf) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("PATH cannot name target/tools, whose path has a colon")
}
