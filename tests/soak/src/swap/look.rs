//! What the host holds, and what is in its files.

use super::{builds::Model, stored::Stored};
use crate::process::Process;
use anyhow::{Context, Result};
use greenroom_tests::Host;
use rusqlite::{Connection, OpenFlags};
use std::{
    collections::HashSet,
    fs,
    ops::Range,
    path::Path,
    time::{Duration, SystemTime},
};

/// Compiled components that the host keeps, as README.md says.
pub(super) const KEPT: usize = 1024;
/// Of them, those that lie there before it starts.
const OLD: usize = 1020;

/// At a quiet moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) process: Process,
    /// Builds whose code is mapped: one has an instance, or serves.
    pub(super) builds: usize,
}

impl Held {
    pub(super) fn by(host: &Host) -> Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid()))?;
        let builds: HashSet<_> = maps
            .lines()
            .filter_map(|line| line.split_once('/').map(|(_, path)| path))
            .filter(|path| path.contains(".cwasm"))
            .collect();
        Ok(Self {
            process: Process::of(host),
            builds: builds.len(),
        })
    }

    /// Descriptors and threads that it has more than it had.
    pub(super) fn beyond(&self, before: &Self) -> (u64, u64) {
        let (now, then) = (&self.process, &before.process);
        let descriptors = now.descriptors.saturating_sub(then.descriptors);
        (descriptors as u64, now.threads.saturating_sub(then.threads))
    }
}

/// Fills the cache nearly with what nobody uses, so that the host has to make room.
pub(super) fn fill_cache(folder: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let long_ago = SystemTime::now() - Duration::from_secs(86_400);
    for n in 0..OLD {
        for ending in ["cwasm", "sha256"] {
            let path = folder.join(format!("old-{n}.{ending}"));
            let file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.set_modified(long_ago)?;
        }
    }
    Ok(())
}

/// Compiled components in the cache, and their digests.
pub(super) fn cached(folder: &Path) -> Result<(usize, usize)> {
    let (mut code, mut digests) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("cwasm") => code += 1,
            Some("sha256") => digests += 1,
            _ => {}
        }
    }
    Ok((code, digests))
}

/// What is not as it should be in the databases of a host that has ended. `named` are the rows of the witness, `w0` and so
/// on, that it has not yet found and deleted.
pub(super) fn databases(
    folder: &Path,
    model: &Model,
    stored: &Stored,
    named: Range<u64>,
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut equal = |what: &str, stored: String, wanted: String| {
        if stored != wanted {
            wrong.push(format!("{what}: {stored}, and not {wanted}"));
        }
    };
    let swapped = open(&folder.join("db/swapped.sqlite"))?;
    let todo = open(&folder.join("db/todo.sqlite"))?;
    for (name, database) in [("swapped", &swapped), ("todo", &todo)] {
        let verdict: String = database.query_row("PRAGMA integrity_check", [], |r| r.get(0))?;
        equal(name, verdict, "ok".to_owned());
    }
    let count = |database: &Connection, query: &str| -> Result<String> {
        let number: i64 = database
            .query_row(query, [], |row| row.get(0))
            .with_context(|| query.to_owned())?;
        Ok(number.to_string())
    };
    equal(
        "todos",
        count(&todo, "SELECT count(*) FROM todos")?,
        stored.todos.to_string(),
    );
    equal(
        "rows",
        count(&swapped, "SELECT count(*) FROM parent WHERE name = 'row'")?,
        stored.families.to_string(),
    );
    equal(
        "rows without just one child",
        count(
            &swapped,
            "SELECT count(*) FROM parent WHERE name = 'row' AND
             (SELECT count(*) FROM child WHERE parent_id = parent.id) <> 1",
        )?,
        "0".to_owned(),
    );
    equal(
        "children",
        count(&swapped, "SELECT count(*) FROM child")?,
        stored.families.to_string(),
    );
    // Each once.
    for what in ["count(*)", "count(DISTINCT name)"] {
        let within = format!(
            "SELECT {what} FROM parent WHERE name GLOB 'w[0-9]*' AND
             CAST(substr(name, 2) AS INTEGER) BETWEEN {} AND {}",
            named.start,
            named.end.saturating_sub(1)
        );
        equal(
            &format!("named rows, {what}"),
            count(&swapped, &within)?,
            (named.end - named.start).to_string(),
        );
    }
    equal(
        "all rows",
        count(&swapped, "SELECT count(*) FROM parent")?,
        (stored.families + named.end - named.start).to_string(),
    );

    let steps = (2..).zip(model.applied.chars());
    let wanted: Vec<String> = ["1 base".to_owned()]
        .into_iter()
        .chain(steps.clone().map(|(n, letter)| format!("{n} {letter}{n}")))
        .collect();
    let mut query = swapped
        .prepare("SELECT version || ' ' || name FROM _greenroom_migrations ORDER BY rowid")?;
    let ran: Vec<String> = query
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    equal("migrations", ran.join(", "), wanted.join(", "));
    for (n, _) in steps.clone().filter(|(_, letter)| *letter == 'a') {
        let what = format!("SELECT group_concat(n) = '{n}' FROM step_{n}");
        equal(
            &format!("what step {n} left"),
            count(&swapped, &what)?,
            "1".to_owned(),
        );
    }
    if let Some((n, _)) = steps.filter(|(_, letter)| *letter == 'x').last() {
        equal(
            "rows that the last exclusive migration did not make",
            count(
                &swapped,
                &format!("SELECT count(*) FROM parent WHERE step <> {n}"),
            )?,
            "0".to_owned(),
        );
    }
    for entry in fs::read_dir(folder.join("db"))? {
        let name = entry?.file_name();
        if name.to_string_lossy().contains("before-migration") {
            wrong.push(format!("{} is left", name.display()));
        }
    }
    Ok(wrong)
}

fn open(path: &Path) -> Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| path.display().to_string())
}
