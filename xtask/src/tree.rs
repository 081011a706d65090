//! Where things lie in this repository.

use std::path::{Path, PathBuf};

/// The repository's root: known from where this package was compiled, so that any working folder will do.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A cargo workspace of this repository.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workspace {
    /// The host, its end-to-end tests and xtask.
    Root,
    /// The SDK, the plugins and the tests' fixtures: wasm, with a profile of their own.
    Guest,
}

impl Workspace {
    pub(crate) const ALL: [Self; 2] = [Self::Root, Self::Guest];

    pub(crate) fn folder(self) -> PathBuf {
        match self {
            Self::Root => root(),
            Self::Guest => root().join("guest"),
        }
    }

    /// Named on every cargo command line, so that what we build lies at the same place under any CARGO_TARGET_DIR.
    pub(crate) fn target(self) -> PathBuf {
        match self {
            Self::Root => root().join("target"),
            Self::Guest => root().join("target/guest"),
        }
    }
}

/// The plugins that the repository's app-config.yaml serves.
pub(crate) fn plugins() -> PathBuf {
    root().join("target/plugins")
}

/// The components that the tests load.
pub(crate) fn fixtures() -> PathBuf {
    root().join("target/fixtures")
}

pub(crate) fn host() -> PathBuf {
    root().join("target/release/greenroom")
}

/// What `cargo xtask dist` builds.
pub(crate) fn dist() -> PathBuf {
    root().join("target/dist")
}
