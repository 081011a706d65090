//! `cargo xtask dist`: the host as operators run it, compiled by what it does under load.
//!
//! Twice with the profile `operators`: first so that it counts what runs, then by those counts. In between the driver of
//! `cargo xtask bench` loads it. The program carries the list of its packages (`cargo auditable`), for `cargo audit bin`
//! and others to read.

use crate::{
    build::{self, Part},
    command::{self, cargo},
    tools,
    tree::{self, Workspace},
    wrk,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The server that the host is compared with.
const REFERENCE: &str = "native-tuned";
/// Cargo's profile. By hand it compiles into another folder than this command does.
const PROFILE: &str = "operators";
/// Words for a report.
pub(crate) const COMPILED: &str = "guided by a profile, with thin LTO (`cargo xtask dist`)";

/// Builds target/dist/greenroom; and target/dist/native-tuned, when the two are to be compared afterwards.
pub(crate) fn run(reference: bool) -> Result<()> {
    wrk::ensure()?;
    tools::installed("cargo-auditable")?;
    let merge = profdata()?;
    build::run(&[Part::Todo, Part::Fixtures])?;
    driver()?;
    let mut names = vec!["greenroom"];
    names.extend(reference.then_some(REFERENCE));
    let place = tree::dist();
    let counts = place.join("counts");
    empty(&counts)?;

    let training = compile("train", &names, &flag("-Cprofile-generate=", &counts)?)?;
    for name in names {
        // A profile of its own: it is the same whatever else was loaded.
        empty(&counts)?;
        train(&training, name)?;
        let profile = place.join(format!("{name}.profdata"));
        let mut merge = Command::new(&merge);
        merge.args(["merge", "--output"]).arg(&profile).arg(&counts);
        command::run(&mut merge)?;
        // cargo does not see that the counts are new ones.
        empty(&place.join("use"))?;
        let compiled = compile("use", &[name], &flag("-Cprofile-use=", &profile)?)?;
        let program = place.join(name);
        // In one step, and to a new inode: the old one may be running.
        let partial = place.join(format!(".{name}.{}", std::process::id()));
        fs::copy(compiled.join(name), &partial)
            .and_then(|_| fs::rename(&partial, &program))
            .with_context(|| format!("cannot write {}", program.display()))?;
        eprintln!("  target/dist/{name}");
    }
    Ok(())
}

/// The load's driver, an ordinary build.
fn driver() -> Result<()> {
    let mut build = cargo(Workspace::Root, "build");
    build.args([
        "--release",
        "--workspace",
        "--locked",
        "--bin",
        "greenroom-bench",
    ]);
    command::run(build.arg("--target-dir").arg(Workspace::Root.target()))
}

/// The folder of the programs.
fn compile(stage: &str, names: &[&str], flags: &str) -> Result<PathBuf> {
    let host = host()?;
    let target = tree::dist().join(stage);
    let tools = tools::installed("cargo-auditable")?;
    let mut build = cargo(Workspace::Root, "auditable");
    build.env("PATH", tools::path_with(tools)?);
    build.args(["build", "--profile", PROFILE, "--workspace", "--locked"]);
    for name in names {
        build.args(["--bin", name]);
    }
    // With a target named, the flags are not for build scripts and macros, which are no part of the program.
    build
        .args(["--target", &host])
        .arg("--target-dir")
        .arg(&target);
    eprintln!("CARGO_ENCODED_RUSTFLAGS={flags}");
    // An incremental compile splits crates as no profile knows them.
    build
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_INCREMENTAL", "0");
    build.env_remove("RUSTFLAGS");
    command::run(&mut build)?;
    Ok(target.join(host).join(PROFILE))
}

fn train(programs: &Path, name: &str) -> Result<()> {
    let mut driver = Command::new(tree::root().join("target/release/greenroom-bench"));
    command::clean(&mut driver);
    driver.arg("--train").arg("--programs").arg(programs);
    command::run(driver.args(["--subjects", name]))
}

/// One flag, whatever the path holds: in the encoded form flags end at U+001F, not at spaces.
fn flag(flag: &str, path: &Path) -> Result<String> {
    let path = path
        .to_str()
        .context("the repository's path is not UTF-8")?;
    Ok(format!("{flag}{path}"))
}

/// The triple that rustc compiles for by itself.
fn host() -> Result<String> {
    let asked = command::output(Command::new("rustc").arg("-vV"))?;
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// LLVM's tool for profiles, which has to be of rustc's own LLVM. Added to the toolchain when it is missing.
fn profdata() -> Result<PathBuf> {
    let tool = build::sysroot()?.join(format!("lib/rustlib/{}/bin/llvm-profdata", host()?));
    if !tool.is_file() {
        build::add(&["component", "add", "llvm-tools"], "has no llvm-profdata")?;
    }
    if !tool.is_file() {
        bail!(
            "{} is missing, and the component llvm-tools did not bring it",
            tool.display()
        );
    }
    Ok(tool)
}

/// What an earlier run left there is of other code.
fn empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}
