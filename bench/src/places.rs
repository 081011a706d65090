//! Where `cargo xtask bench` leaves what is measured, and where the results go.

use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Where the programs are that are measured; target/release unless [`take_from`] says otherwise.
static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.parent().unwrap_or(bench).to_path_buf()
}

fn target(path: &str) -> PathBuf {
    root().join("target").join(path)
}

/// Takes `greenroom` and `native-tuned` from another folder. To be called once, before anything is looked for.
pub(crate) fn take_from(folder: &Path) -> Result<()> {
    let folder = (folder.canonicalize())
        .with_context(|| format!("there is no folder {}", folder.display()))?;
    if PROGRAMS.set(folder).is_err() {
        bail!("the programs' folder is set already");
    }
    Ok(())
}

fn program(name: &str) -> PathBuf {
    match PROGRAMS.get() {
        Some(folder) => folder.join(name),
        None => target("release").join(name),
    }
}

pub(crate) fn greenroom() -> PathBuf {
    program("greenroom")
}

/// The plugin that is measured.
pub(crate) fn todo() -> PathBuf {
    target("plugins/todo.wasm")
}

/// The plugin that answers a constant.
pub(crate) fn hello() -> PathBuf {
    target("fixtures/hello.wasm")
}

/// What `cargo xtask build all` leaves of a host and its plugins, or `cargo xtask dist` of the host.
pub(crate) struct Built {
    pub(crate) greenroom: PathBuf,
    pub(crate) todo: PathBuf,
    pub(crate) hello: PathBuf,
}

impl Built {
    pub(crate) fn here() -> Self {
        Self {
            greenroom: greenroom(),
            todo: todo(),
            hello: hello(),
        }
    }

    /// In another checkout of this repository, compiled as the one here is.
    pub(crate) fn of(checkout: &Path) -> Self {
        let target = checkout.join("target");
        let folder = PROGRAMS.get().map_or("release", |_| "dist");
        Self {
            greenroom: target.join(folder).join("greenroom"),
            todo: target.join("plugins/todo.wasm"),
            hello: target.join("fixtures/hello.wasm"),
        }
    }
}

pub(crate) fn native_tuned() -> PathBuf {
    program("native-tuned")
}

pub(crate) fn native_usual() -> PathBuf {
    target("native-usual/release/native-usual")
}

/// Its folder, with node_modules.
pub(crate) fn express() -> PathBuf {
    target("express")
}

/// The committed results.
pub(crate) fn results() -> PathBuf {
    root().join("bench")
}

/// Databases, logs and scripts of a run, and the results of a quick one.
pub(crate) fn scratch() -> PathBuf {
    target("bench")
}

/// A new empty folder below [`scratch`]; what an earlier run left there is removed.
pub(crate) fn empty_folder(name: &str) -> Result<PathBuf> {
    let folder = scratch().join(name);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        _ => {}
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// An error that says what to run when a file is not built.
pub(crate) fn require(path: &Path) -> Result<()> {
    if !path.is_file() {
        bail!(
            "{} is missing: `cargo xtask bench` builds it; in another checkout `cargo xtask build all` does, for `--dist` \
             `cargo xtask dist`",
            path.display()
        );
    }
    Ok(())
}
