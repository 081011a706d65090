//! `cargo xtask check`: what needs no running of our code.

use crate::{
    build::{TARGET, ensure_target},
    command::{self, cargo},
    tree::Workspace,
};
use anyhow::Result;

/// Stops at the first step that complains. Clippy and rustdoc share the dependencies' metadata. Both take the profiles of
/// the tests' builds: macros, build scripts and their C code are made once for check and tests.
pub(crate) fn run() -> Result<()> {
    for workspace in Workspace::ALL {
        command::run(cargo(workspace, "fmt").args(["--all", "--check"]))?;
    }
    ensure_target()?;
    for workspace in Workspace::ALL {
        let mut clippy = cargo(workspace, "clippy");
        clippy
            .args(["--workspace", "--all-targets", "--locked"])
            .args(place(workspace));
        command::run(clippy.args(["--", "-D", "warnings"]))?;
    }
    for workspace in Workspace::ALL {
        let mut doc = cargo(workspace, "doc");
        doc.args([
            "--workspace",
            "--no-deps",
            "--document-private-items",
            "--locked",
        ]);
        command::run(
            doc.args(place(workspace))
                .env("RUSTDOCFLAGS", "-D warnings"),
        )?;
    }
    eprintln!("check: formatting, clippy and rustdoc are clean");
    Ok(())
}

/// Guests are checked for the target they run on. No code, theirs or the host's, depends on the profile.
fn place(workspace: Workspace) -> Vec<std::ffi::OsString> {
    let profile = match workspace {
        Workspace::Root => "release",
        Workspace::Guest => "guest",
    };
    let mut args = vec!["--target-dir".into(), workspace.target().into()];
    args.extend(["--profile", profile].map(Into::into));
    if workspace != Workspace::Root {
        args.extend(["--target".into(), TARGET.into()]);
    }
    args
}
