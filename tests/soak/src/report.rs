//! tests/soak-report.md: rows are added at its end, none is ever changed.

use crate::Row;
use anyhow::{Context, Result};
use greenroom_tests::repository;
use std::{fs, io::Write, path::PathBuf, process::Command};

pub fn path() -> PathBuf {
    repository().join("tests/soak-report.md")
}

/// Adds a row for each, with the command that gave it and the machine that it was measured on.
pub fn append(command: &str, rows: &[Row]) -> Result<()> {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let (commit, machine) = (commit(), machine());
    let mut text = String::new();
    for row in rows {
        let reached = if row.reached { "yes" } else { "**no**" };
        let cells = [&row.what, &row.wanted, &row.measured].map(|cell| cell.replace('|', "\\|"));
        text.push_str(&format!(
            "| {date} | {commit} | `{command}` | {} | {} | {} | {reached} | {machine} |\n",
            cells[0], cells[1], cells[2]
        ));
    }
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(path())
        .with_context(|| format!("cannot open {}", path().display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path().display()))
}

/// Of the repository; ends in `-dirty` when files other than the report were changed after it.
pub fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args(args)
            .current_dir(repository())
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--", ".", ":!tests/soak-report.md"]);
    if changed.is_some_and(|changed| changed.is_empty()) {
        commit
    } else {
        format!("{commit}-dirty")
    }
}

/// Cores, processor, memory and kernel.
fn machine() -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let memory = field(&text("/proc/meminfo"), "MemTotal");
    let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
    format!(
        "{} cores of {}, {} GiB, Linux {}",
        std::thread::available_parallelism().map_or(1, usize::from),
        field(&text("/proc/cpuinfo"), "model name"),
        (kib + (1 << 19)) >> 20,
        text("/proc/sys/kernel/osrelease").trim()
    )
}
