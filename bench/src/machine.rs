//! What was measured, and on what.

use crate::{child::line_of, places, subject::Subject};
use serde::Serialize;
use std::{collections::BTreeMap, fs, path::Path};

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    /// UTC, of the day only.
    pub(crate) date: String,
    /// Of the repository; ends in `-dirty` when files were changed after it.
    pub(crate) commit: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// /proc/loadavg before the first round: of 1, 5 and 15 minutes.
    pub(crate) load_before: String,
    /// How Greenroom and native-tuned were.
    pub(crate) compiled: String,
    pub(crate) versions: BTreeMap<&'static str, String>,
}

/// Packages in a lock file of cargo's.
const OURS: [&str; 4] = ["wasmtime", "hyper", "rusqlite", "tokio"];
const USUAL: [&str; 2] = ["axum", "sqlx"];
const EXPRESS: [&str; 3] = ["express", "knex", "better-sqlite3"];

impl Machine {
    /// Looks now: before the load.
    pub(crate) fn look(subjects: &[Subject], compiled: &str) -> Self {
        let info = text(Path::new("/proc/cpuinfo"));
        let memory = text(Path::new("/proc/meminfo"));
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            commit: commit(),
            cpu: field(&info, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: field(&memory, "MemTotal").and_then(gib).unwrap_or_default(),
            kernel: text(Path::new("/proc/sys/kernel/osrelease"))
                .trim()
                .to_owned(),
            load_before: load(),
            compiled: compiled.to_owned(),
            versions: versions(subjects),
        }
    }
}

fn versions(subjects: &[Subject]) -> BTreeMap<&'static str, String> {
    let mut versions = BTreeMap::new();
    let mut put = |name, version: Option<String>| {
        versions.extend(version.map(|version| (name, version)));
    };
    let host = places::greenroom();
    put(
        "greenroom",
        host.to_str().and_then(|host| last_word(host, "--version")),
    );
    put(
        "rustc",
        line_of("rustc", &["--version"]).and_then(|line| word(&line, 1)),
    );
    put(
        "wrk",
        line_of("wrk", &["--version"]).and_then(|line| word(&line, 1)),
    );
    let lock = text(&places::root().join("Cargo.lock"));
    for name in OURS {
        put(name, locked(&lock, name));
    }
    if subjects.contains(&Subject::NativeUsual) {
        let lock = text(&places::root().join("bench/native-usual/Cargo.lock"));
        for name in USUAL {
            put(name, locked(&lock, name));
        }
    }
    if subjects.contains(&Subject::Express) {
        put("node", line_of("node", &["--version"]));
        for name in EXPRESS {
            let package = places::express()
                .join("node_modules")
                .join(name)
                .join("package.json");
            let package: Option<serde_json::Value> = serde_json::from_str(&text(&package)).ok();
            put(
                name,
                package.and_then(|p| Some(p["version"].as_str()?.to_owned())),
            );
        }
    }
    versions
}

fn last_word(program: &str, argument: &str) -> Option<String> {
    let line = line_of(program, &[argument])?;
    line.split_whitespace().next_back().map(str::to_owned)
}

fn word(line: &str, at: usize) -> Option<String> {
    line.split_whitespace().nth(at).map(str::to_owned)
}

fn commit() -> String {
    let root = places::root();
    let root = root.to_string_lossy();
    let arguments = [
        "-C",
        &*root,
        "describe",
        "--always",
        "--dirty",
        "--exclude=*",
        "--abbrev=12",
    ];
    line_of("git", &arguments).unwrap_or_else(|| "unknown".into())
}

fn load() -> String {
    let text = text(Path::new("/proc/loadavg"));
    text.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first `name : value` line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// `24123456 kB`, rounded.
fn gib(kib: &str) -> Option<u64> {
    let kib: u64 = kib.split_whitespace().next()?.parse().ok()?;
    Some((kib + (1 << 19)) >> 20)
}

/// A package's version in a Cargo.lock.
fn locked(lock: &str, name: &str) -> Option<String> {
    let after = lock
        .split(&format!("name = \"{name}\"\nversion = \""))
        .nth(1)?;
    after.split('"').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_lock_files() {
        let lock = "[[package]]\nname = \"hyper-util\"\nversion = \"0.1.9\"\n\n[[package]]\nname = \"hyper\"\nversion = \"1.8.1\"\n";
        assert_eq!(locked(lock, "hyper"), Some("1.8.1".into()));
        assert_eq!(locked(lock, "axum"), None);
    }

    #[test]
    fn proc_is_read() {
        let text = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nMemTotal:       24631234 kB\n";
        assert_eq!(field(text, "model name"), Some("A CPU @ 2 GHz"));
        assert_eq!(field(text, "MemTotal").and_then(gib), Some(23));
    }
}
