//! Builds the plugins, the tests' components and the host.

use crate::{
    command::{self, cargo},
    tree::{self, Workspace},
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What every plugin is compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// target/plugins/todo.wasm
    Todo,
    /// target/fixtures/*.wasm
    Fixtures,
    /// target/release/greenroom
    Host,
}

/// Reads the arguments of `build`. Guests come first: they take seconds, and the host may take minutes.
pub(crate) fn parts(names: &[String]) -> Result<Vec<Part>, String> {
    if names.is_empty() {
        return Ok(vec![Part::Todo, Part::Host]);
    }
    let mut wanted = Vec::new();
    for name in names {
        match name.as_str() {
            "todo" => wanted.push(Part::Todo),
            "fixtures" => wanted.push(Part::Fixtures),
            "host" => wanted.push(Part::Host),
            "all" => wanted.extend([Part::Todo, Part::Fixtures, Part::Host]),
            unknown => {
                return Err(format!(
                    "there is no part {unknown:?}: todo, fixtures, host or all"
                ));
            }
        }
    }
    let order = [Part::Todo, Part::Fixtures, Part::Host];
    Ok(order
        .into_iter()
        .filter(|part| wanted.contains(part))
        .collect())
}

pub(crate) fn run(parts: &[Part]) -> Result<()> {
    for part in parts {
        match part {
            Part::Todo => todo()?,
            Part::Fixtures => fixtures()?,
            Part::Host => host()?,
        }
    }
    Ok(())
}

fn todo() -> Result<()> {
    let built = components(&["--package", "todo"])?;
    publish(&built, &tree::plugins())
}

fn fixtures() -> Result<()> {
    let built = components(&["--workspace", "--exclude", "todo"])?;
    let folder = tree::fixtures();
    publish(&built, &folder)?;
    remove_stale(&built, &folder)
}

fn host() -> Result<()> {
    command::run(
        cargo(Workspace::Root, "build")
            .args([
                "--release",
                // Of the whole workspace, as the tests are: else the engine compiles once for each set of features.
                "--workspace",
                "--bin",
                "greenroom",
                "--locked",
                "--target-dir",
            ])
            .arg(Workspace::Root.target()),
    )
}

/// Compiles the chosen packages of the guest workspace; the paths of the .wasm files they gave.
fn components(packages: &[&str]) -> Result<Vec<PathBuf>> {
    ensure_target()?;
    let report = command::capture(
        cargo(Workspace::Guest, "build")
            .args(["--profile", "guest", "--target", TARGET, "--locked"])
            .args(packages)
            .arg("--target-dir")
            .arg(Workspace::Guest.target())
            .arg("--message-format=json-render-diagnostics"),
    )?;
    let components = components_in(&report)?;
    if components.is_empty() {
        bail!("{} gave no component", Workspace::Guest.folder().display());
    }
    Ok(components)
}

/// The .wasm files named in cargo's report: one JSON object a line.
fn components_in(report: &[u8]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for line in report
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let message: serde_json::Value =
            serde_json::from_slice(line).context("cargo's report is not JSON")?;
        let names = message["filenames"].as_array().into_iter().flatten();
        let names = names.filter_map(|name| name.as_str().map(PathBuf::from));
        files.extend(names.filter(|name| name.extension().is_some_and(|end| end == "wasm")));
    }
    Ok(files)
}

/// Puts the components into a folder, each in one step: a host that watches it never reads half a file.
fn publish(components: &[PathBuf], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for component in components {
        let name = plugin_file(component)?;
        let partial = folder.join(format!(".{name}.{}", std::process::id()));
        let place = folder.join(&name);
        fs::copy(component, &partial)
            .and_then(|_| fs::rename(&partial, &place))
            .inspect_err(|_| {
                let _ = fs::remove_file(&partial);
            })
            .with_context(|| format!("cannot write {}", place.display()))?;
        eprintln!("  {}", shown(&place));
    }
    Ok(())
}

/// Removes components that no package gives any more, so that no test passes with one from the past.
fn remove_stale(built: &[PathBuf], folder: &Path) -> Result<()> {
    let names = built
        .iter()
        .map(|file| plugin_file(file))
        .collect::<Result<Vec<_>>>()?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".wasm") && !names.iter().any(|built| *built == name) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The file's name with the dashes that cargo made underscores: a plugin's id has no underscore.
fn plugin_file(component: &Path) -> Result<String> {
    let name = component.file_name().and_then(|name| name.to_str());
    Ok(name
        .with_context(|| format!("{} has no name", component.display()))?
        .replace('_', "-"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(tree::root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Adds the wasm target to the toolchain when it is missing.
pub(crate) fn ensure_target() -> Result<()> {
    let library = sysroot()?.join("lib/rustlib").join(TARGET).join("lib");
    if library.is_dir() {
        return Ok(());
    }
    add(
        &["target", "add", TARGET],
        &format!("cannot build for {TARGET}"),
    )
}

/// The folder of the Rust toolchain.
pub(crate) fn sysroot() -> Result<PathBuf> {
    let asked = command::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim()))
}

/// Has rustup add something to the toolchain. `lack` is what the toolchain cannot do without it.
pub(crate) fn add(arguments: &[&str], lack: &str) -> Result<()> {
    match command::output(Command::new("rustup").arg("--version")) {
        Ok(answer) if answer.status.success() => {
            command::run(Command::new("rustup").args(arguments))
        }
        _ => bail!(
            "the Rust toolchain in {} {lack}, and there is no rustup to add it.\n\
             Install Rust from https://rustup.rs, then run this again.",
            sysroot()?.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_built_once_and_guests_first() {
        let parts =
            |names: &[&str]| parts(&names.iter().map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(parts(&[]), Ok(vec![Part::Todo, Part::Host]));
        assert_eq!(
            parts(&["host", "todo", "host"]),
            Ok(vec![Part::Todo, Part::Host])
        );
        assert_eq!(
            parts(&["all"]),
            Ok(vec![Part::Todo, Part::Fixtures, Part::Host])
        );
        assert!(parts(&["hots"]).is_err_and(|problem| problem.contains("hots")));
    }

    #[test]
    fn components_are_read_from_cargos_report() {
        let report = br#"{"reason":"compiler-artifact","filenames":["/t/libsdk.rlib"]}
{"reason":"compiler-artifact","filenames":["/t/plain_http.wasm"]}
{"reason":"build-finished","success":true}
"#;
        let found = components_in(report).unwrap();
        assert_eq!(found, [PathBuf::from("/t/plain_http.wasm")]);
        assert_eq!(plugin_file(&found[0]).unwrap(), "plain-http.wasm");
    }
}
