//! Whether anything got out: in answers, in folders, in settings, in the witness.

use super::doors::{CANARY, Outcome, Sandbox};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What the connections say of themselves.
const SETTINGS: &[&str] = &[
    "PRAGMA foreign_keys",
    "PRAGMA encoding",
    "PRAGMA page_size",
    "PRAGMA user_version",
    "PRAGMA application_id",
    "SELECT 'a' LIKE 'A', 'a' = 'A', typeof(1 / 2)",
    "SELECT name FROM sqlite_temp_schema",
    "SELECT group_concat(i) FROM (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3)",
];

pub(super) struct Look {
    pid: u32,
    folder: PathBuf,
    files: BTreeSet<PathBuf>,
    settings: Vec<Value>,
    witness: Value,
    resting_kib: u64,
}

impl Look {
    pub(super) fn new(sandbox: &Sandbox) -> Self {
        let pid = sandbox.host.pid();
        let folder = sandbox.host.folder().to_owned();
        sandbox.prepare();
        let resting = field(pid, "VmRSS:").expect("the host's status");
        Self {
            pid,
            files: files(&folder),
            folder,
            settings: settings(sandbox),
            witness: witness(sandbox),
            resting_kib: resting,
        }
    }

    /// From here on.
    pub(super) fn forget_the_peak(&self) -> Result<()> {
        let path = format!("/proc/{}/clear_refs", self.pid);
        fs::write(&path, "5").with_context(|| format!("cannot write {path}"))
    }

    /// MiB over what it had at first.
    pub(super) fn peak_growth(&self) -> Result<u64> {
        let peak = field(self.pid, "VmHWM:").context("the host's status")?;
        Ok(peak.saturating_sub(self.resting_kib) >> 10)
    }

    pub(super) fn in_answer(&self, outcome: &Outcome, shown: &str) -> Option<String> {
        let folder = self.folder.to_string_lossy();
        let found = [CANARY, &*folder, "root:x:0", "/tmp/etilqs", "/var/tmp/"]
            .into_iter()
            .find(|secret| outcome.whole.contains(secret));
        found.map(|secret| format!("{shown} answered {secret}"))
    }

    /// Files, settings and the witness as they were.
    pub(super) fn around(&self, sandbox: &Sandbox) -> Vec<String> {
        let mut escapes = Vec::new();
        let mut same = |what: &str, now: String, before: String| {
            if now != before {
                escapes.push(format!("{what}: {now} and not {before}"));
            }
        };
        for path in files(Path::new(sandbox.outside())) {
            same("a file", path.display().to_string(), String::new());
        }
        for (sql, (now, before)) in SETTINGS
            .iter()
            .zip(settings(sandbox).iter().zip(&self.settings))
        {
            same(sql, now.to_string(), before.to_string());
        }
        same(
            "the witness",
            witness(sandbox).to_string(),
            self.witness.to_string(),
        );
        let new = files(&self.folder);
        let expected = |path: &Path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // Migrations that were tried, and what a database has beside it.
            name.starts_with("migrating-") || name.ends_with("-wal") || name.ends_with("-shm")
        };
        for path in new
            .symmetric_difference(&self.files)
            .filter(|path| !expected(path))
        {
            same("a file", path.display().to_string(), String::new());
        }
        // A foreign key and a CHECK still hold, and writes still work.
        let orphan = sandbox.through(
            &super::doors::Door::Execute,
            "INSERT INTO own VALUES (2, 99)",
        );
        same(
            "an orphan",
            orphan.whole.contains("foreign-key").to_string(),
            "true".into(),
        );
        let write = sandbox.through(
            &super::doors::Door::Execute,
            "INSERT INTO own VALUES (1, NULL) ON CONFLICT DO UPDATE SET a = 1",
        );
        same(
            "a write",
            write.whole.contains("ok").to_string(),
            "true".into(),
        );
        escapes
    }

    pub(super) fn panics(&self, sandbox: &Sandbox) -> usize {
        let log = sandbox.host.log();
        log.matches("a part of the host failed").count() + log.matches("panicked").count()
    }

    /// The hostile plugin's file as the host left it.
    pub(super) fn after(&self, sandbox: Sandbox) -> Result<Vec<String>> {
        let folder = sandbox.host.stop_and_keep();
        let file = folder.path().join("db/hostile.sqlite");
        let database = rusqlite::Connection::open(&file)?;
        let one =
            |sql: &str| database.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
        let mut escapes = Vec::new();
        for (sql, wanted) in [
            ("PRAGMA integrity_check", json!("ok")),
            ("PRAGMA journal_mode", json!("wal")),
            ("PRAGMA page_size", json!(4096)),
            ("PRAGMA auto_vacuum", json!(0)),
            ("PRAGMA user_version", json!(0)),
            ("PRAGMA application_id", json!(0)),
            (
                "SELECT group_concat(version || name || additive) FROM _greenroom_migrations",
                json!("1base1"),
            ),
            (
                "SELECT count(*) FROM sqlite_schema WHERE name LIKE '#_greenroom%' ESCAPE '#'",
                json!(1),
            ),
        ] {
            let found = match one(sql)? {
                rusqlite::types::Value::Integer(number) => json!(number),
                rusqlite::types::Value::Text(text) => json!(text),
                other => json!(format!("{other:?}")),
            };
            if found != wanted {
                escapes.push(format!("{sql}: {found} and not {wanted}"));
            }
        }
        let size = fs::metadata(&file)?.len();
        ensure!(
            size <= 33 << 20,
            "{size} bytes of a database with a limit of 32 MiB"
        );
        Ok(escapes)
    }
}

fn settings(sandbox: &Sandbox) -> Vec<Value> {
    SETTINGS
        .iter()
        .map(|sql| sandbox.rows("hostile", sql))
        .collect()
}

fn witness(sandbox: &Sandbox) -> Value {
    let version = sandbox.host.get("/api/witness/version");
    json!([
        version.status,
        version.text(),
        sandbox.rows("witness", "SELECT * FROM kept"),
        sandbox.rows(
            "witness",
            "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE '#_greenroom%' ESCAPE '#'"
        )
    ])
}

/// All below it.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path.clone());
            }
            found.insert(path);
        }
    }
    found
}

/// KiB.
fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
