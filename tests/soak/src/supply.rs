//! Whose code is in here: every package of the four lock files against `deny.toml`, and what the distributed binary says
//! of itself. Small, it takes no tool and no network: the licences alone.

mod licence;

use crate::{Row, Run, Scale, tools};
use anyhow::{Context, Result, ensure};
use greenroom_tests::repository;
use licence::Policy;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Each has a lock file of its own. The fixtures of the tests are in the guests' workspace.
const WORKSPACES: [(&str, &str); 4] = [
    (".", "the host, its tests and the benchmark"),
    ("guest", "the SDK, the plugins and the fixtures"),
    ("bench/native-usual", "a subject of the benchmark"),
    ("fuzz", "the fuzz targets"),
];
/// Where cargo-auditable puts a program's list of packages.
const AUDITABLE: &[u8] = b".dep-v0";

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let policy = Policy::of(&fs::read_to_string(repository().join("deny.toml"))?)?;
    let mut rows = Vec::new();
    // What only the benchmark and the fuzz targets take is not there after a build of the tests.
    for (folder, what) in &WORKSPACES[..2] {
        rows.push(licences(folder, what, &policy)?);
    }
    if run.scale == Scale::Small {
        return Ok(rows);
    }
    let deny = tools::installed("cargo-deny")?;
    for (folder, what) in WORKSPACES {
        rows.push(denied(&deny, folder, what)?);
    }
    rows.push(advisories(&deny)?);
    rows.push(auditable()?);
    Ok(rows)
}

fn cargo(folder: &str) -> Command {
    let mut cargo = tools::cargo();
    cargo.current_dir(repository().join(folder));
    cargo
}

/// The licences that packages declare, of all that is compiled for this machine.
fn licences(folder: &str, what: &str, policy: &Policy) -> Result<Row> {
    let host = cargo(".").args(["-vV"]).output()?;
    let said = String::from_utf8(host.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = cargo(folder)
        .args(["metadata", "--format-version=1", "--offline", "--locked"])
        .args([
            "--filter-platform",
            host.context("cargo -vV names no host")?,
        ])
        .output()?;
    ensure!(
        metadata.status.success(),
        "cargo metadata in {folder}: {}",
        String::from_utf8_lossy(&metadata.stderr)
    );
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let (mut others, mut count) = (Vec::new(), 0);
    for package in packages {
        // Without a source it is ours.
        if package["source"].is_null() {
            continue;
        }
        count += 1;
        let name = package["name"].as_str().unwrap_or_default();
        let expression = package["license"].as_str().unwrap_or_default();
        if !policy.allows(name, expression) {
            others.push(format!("{name}: {expression:?}"));
        }
    }
    Ok(Row::new(
        format!("licences of the {count} packages of {what}"),
        "each within deny.toml",
        if others.is_empty() {
            "each is".to_owned()
        } else {
            others.join(", ")
        },
        others.is_empty() && count > 0,
    ))
}

fn denied(deny: &Path, folder: &str, what: &str) -> Result<Row> {
    // It reads the sources of every platform's packages.
    let fetched = cargo(folder).args(["fetch", "--locked"]).status()?;
    ensure!(fetched.success(), "cargo fetch in {folder} failed");
    let (ended, last) = check(deny, folder, &["bans", "licenses", "sources"])?;
    Ok(Row::new(
        format!("cargo deny check bans licenses sources, of {what} ({folder})"),
        "ok",
        last,
        ended,
    ))
}

fn check(deny: &Path, folder: &str, which: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(deny)
        .current_dir(repository().join(folder))
        .args(["--offline", "--config"])
        .arg(repository().join("deny.toml"))
        .arg("check")
        .args(which)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Ok((
        output.status.success(),
        last.unwrap_or("nothing").to_owned(),
    ))
}

/// Only a database that somebody fetched before is asked: none is fetched here.
fn advisories(deny: &Path) -> Result<Row> {
    let what = "cargo deny check advisories, of all four lock files";
    let wanted = "none that deny.toml does not explain, where a database is at hand";
    if !has_database()? {
        let measured = "no advisory database at hand: not checked";
        return Ok(Row::new(what, wanted, measured, true));
    }
    let mut said = Vec::new();
    for (folder, _) in WORKSPACES {
        said.push(check(deny, folder, &["advisories"])?);
    }
    let all = said.iter().all(|(ended, _)| *ended);
    let said: Vec<_> = said.into_iter().map(|(_, said)| said).collect();
    Ok(Row::new(what, wanted, said.join("; "), all))
}

/// cargo-deny keeps each database in a folder of its own.
fn has_database() -> Result<bool> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let of_user = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    let Some(home) = home.or_else(of_user) else {
        return Ok(false);
    };
    match fs::read_dir(home.join("advisory-dbs")) {
        Ok(entries) => Ok(entries.flatten().any(|entry| entry.path().is_dir())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn auditable() -> Result<Row> {
    let path = repository().join("target/dist/greenroom");
    let found = match fs::read(&path) {
        Ok(bytes) => Some(bytes.windows(AUDITABLE.len()).any(|part| part == AUDITABLE)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Row::new(
        "target/dist/greenroom",
        "carries the list of its packages",
        match found {
            Some(true) => "carries it (section .dep-v0)",
            Some(false) => "carries none: `cargo xtask dist` compiles it anew",
            None => "is not there: `cargo xtask dist` compiles it",
        },
        found == Some(true),
    ))
}
