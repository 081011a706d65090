//! Programs of crates.io that some sections want, in target/tools, as for `cargo xtask`.

use anyhow::{Result, ensure};
use greenroom_tests::repository;
use std::{path::PathBuf, process::Command};

pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The program, compiled and installed there when it is missing.
pub(crate) fn installed(name: &str) -> Result<PathBuf> {
    let root = repository().join("target/tools");
    let program = root.join("bin").join(name);
    if !program.is_file() {
        let installed = cargo()
            .current_dir(repository())
            .args(["install", "--locked", "--root"])
            .arg(&root)
            .arg(name)
            .status()?;
        ensure!(
            installed.success(),
            "{name} is missing and cannot be installed; put the program into {}",
            root.join("bin").display()
        );
    }
    Ok(program)
}
