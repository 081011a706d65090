//! What is left, held against the ledger.

use crate::{
    ledger::{Counted, Entries, Fate, Ledger},
    life::{self, WRITERS, connection, id, open_keyvalue, sql_limits, writers},
};
use greenroom::storage::{Database, Durability, Folder, backup, kv::Keyvalue};
use rusqlite::{Connection, OpenFlags};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Instant,
};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Acknowledged and not there: when each was acknowledged, where that was in this life.
    pub lost: Vec<Instant>,
    /// Transactions of which a part is there.
    pub half: u64,
    /// In words: what is lost or half, and all other damage.
    pub problems: Vec<String>,
    /// Files that cannot be opened, pages that do not fit together, schemas that are neither the one nor the other.
    pub damaged: u64,
}

impl Found {
    fn damage(&mut self, what: impl Into<String>) {
        self.damaged += 1;
        self.problems.push(what.into());
    }

    fn lost(&mut self, what: String, when: Instant) {
        self.lost.push(when);
        self.problems.push(format!("lost: {what}"));
    }

    fn half(&mut self, what: String) {
        self.half += 1;
        self.problems.push(format!("half: {what}"));
    }

    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.half == 0 && self.damaged == 0
    }
}

/// Opens everything in this folder as a start of the host does, and compares. From then on the ledger holds what is there.
pub async fn check(root: &Path, ledger: &Ledger) -> Found {
    let mut found = Found::default();
    let folder = match tokio::task::block_in_place(|| Folder::open(&connection(root), root)) {
        Ok(folder) => folder,
        Err(error) => {
            found.damage(format!("the folder: {error}"));
            return found;
        }
    };
    let mut counted = ledger.entries().witness;
    let witness = (counted.asked > 0).then(|| folder.database(&life::witness::id()));
    if witness.is_some() {
        match life::witness::rows(&folder).await {
            Ok(there) => judge(&mut counted, there, "rows of the second plugin", &mut found),
            Err(error) => found.damage(format!("the second plugin's database: {error}")),
        }
    }
    let file = folder.database(&id());
    match Database::open(file.clone(), Durability::Durable, &sql_limits()).await {
        Ok(database) => database.close().await,
        Err(error) => {
            found.damage(format!("the database: {error}"));
            return found;
        }
    }
    match open_keyvalue(folder.keyvalue(&id())).await {
        Ok(keyvalue) => {
            if let Err(error) = values(&keyvalue, ledger, &mut found).await {
                found.damage(format!("the key-value store: {error}"));
            }
            keyvalue.close().await;
        }
        Err(error) => found.damage(format!("the key-value store: {error}")),
    }
    tokio::task::block_in_place(|| {
        let mut entries = ledger.entries();
        backups(root, &mut entries, &mut found);
        for path in [file, folder.keyvalue(&id())].into_iter().chain(witness) {
            if let Err(error) = backup::look(&path) {
                found.damage(format!("{}: {error}", path.display()));
                return;
            }
        }
        let open =
            Connection::open_with_flags(folder.database(&id()), OpenFlags::SQLITE_OPEN_READ_WRITE);
        let compared = open.and_then(|raw| compare(&raw, &mut entries, &mut found));
        if let Err(error) = compared {
            found.damage(format!("the database: {error}"));
        }
    });
    let left = folder.path().read_dir().into_iter().flatten().flatten();
    for entry in left {
        let name = entry.file_name();
        if name.to_string_lossy().contains("before-migration") {
            found.damage(format!("{name:?} is still there"));
        }
    }
    found
}

/// By writer and number: how many parts there are, and should be.
fn groups(raw: &Connection) -> rusqlite::Result<BTreeMap<(u32, u32), (u32, u32)>> {
    let mut groups = raw.prepare(
        "SELECT writer, number, count(*), max(parts) FROM writes NOT INDEXED GROUP BY writer, number",
    )?;
    let rows = groups.query_map([], |row| {
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))
    })?;
    rows.collect()
}

fn has_table(raw: &Connection, table: &str) -> rusqlite::Result<bool> {
    raw.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1")?
        .exists([table])
}

fn compare(raw: &Connection, entries: &mut Entries, found: &mut Found) -> rusqlite::Result<()> {
    let there = if has_table(raw, "writes")? {
        groups(raw)?
    } else {
        BTreeMap::new()
    };
    for (write, when) in &entries.writes {
        if let Some(when) = when
            && !there.contains_key(write)
        {
            found.lost(format!("write {write:?}"), *when);
        }
    }
    for (write, (parts, wanted)) in &there {
        if parts != wanted {
            found.half(format!("write {write:?}: {parts} of {wanted} rows"));
        }
        if !entries.writes.contains_key(write) {
            found.damage(format!("write {write:?} was never asked for"));
        }
    }
    if has_table(raw, "counters")? {
        let mut counters = raw.prepare("SELECT writer, number FROM counters WHERE number > 0")?;
        let counters = counters.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for counted in counters {
            let counted = counted?;
            if !there.contains_key(&counted) {
                found.half(format!(
                    "write {counted:?} is counted, its rows are not there"
                ));
            }
        }
    }
    let now = Instant::now();
    entries.writes = there.into_keys().map(|write| (write, Some(now))).collect();
    migrations(raw, entries, found)
}

fn migrations(raw: &Connection, entries: &mut Entries, found: &mut Found) -> rusqlite::Result<()> {
    let mut versions = raw.prepare("SELECT version FROM _greenroom_migrations")?;
    let ran: BTreeSet<u32> = versions
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for version in &ran {
        if *version != 1 && !entries.migrations.contains_key(version) {
            found.damage(format!("migration {version} was never asked for"));
        }
    }
    for (version, fate) in &mut entries.migrations {
        let table = format!("step{version}");
        let rows = if has_table(raw, &table)? {
            let count = format!("SELECT count(*) FROM {table}");
            Some(raw.query_row(&count, [], |row| row.get::<_, u32>(0))?)
        } else {
            None
        };
        let whole = match rows {
            Some(rows) => rows == life::ROWS && ran.contains(version),
            None => !ran.contains(version),
        };
        if !whole {
            found.half(format!(
                "migration {version}: {rows:?} rows, recorded: {}",
                ran.contains(version)
            ));
        }
        match *fate {
            Fate::Ran(when) if rows.is_none() => found.lost(format!("migration {version}"), when),
            Fate::Undone(when) if rows.is_some() => {
                found.lost(format!("the way back of migration {version}"), when);
            }
            _ => {}
        }
        let now = Instant::now();
        *fate = if rows.is_some() {
            Fate::Ran(now)
        } else {
            Fate::Undone(now)
        };
    }
    Ok(())
}

async fn values(keyvalue: &Keyvalue, ledger: &Ledger, found: &mut Found) -> Result<(), String> {
    let bucket = keyvalue
        .open_bucket("bucket")
        .await
        .map_err(|e| e.to_string())?;
    for writer in 0..WRITERS {
        let mut keys: Vec<_> = writers::keys(writer).into();
        keys.push(writers::sum(writer));
        let values = keyvalue
            .get_many(&bucket, keys)
            .await
            .map_err(|e| e.to_string())?;
        let number = |value: &Option<Vec<u8>>| {
            let text = String::from_utf8_lossy(value.as_deref().unwrap_or(b"0")).into_owned();
            text.parse::<u32>().unwrap_or(u32::MAX)
        };
        let numbers: Vec<u32> = values.iter().map(number).collect();
        if numbers[..3].iter().any(|n| *n != numbers[0]) {
            found.half(format!("values {numbers:?} of writer {writer}"));
        }
        let mut entries = ledger.entries();
        let counted = entries.values.entry(writer).or_default();
        judge(counted, numbers[0], "value", found);
        let counted = entries.sums.entry(writer).or_default();
        judge(counted, numbers[3], "sum", found);
    }
    Ok(())
}

fn judge(counted: &mut Counted, there: u32, what: &str, found: &mut Found) {
    if there > counted.asked {
        found.damage(format!("{what} {there}, asked for {}", counted.asked));
    }
    if there < counted.acknowledged {
        let when = counted.when.unwrap_or_else(Instant::now);
        let missing = counted.acknowledged - there;
        found.lost(
            format!("{missing} of {what} {}", counted.acknowledged),
            when,
        );
    }
    *counted = Counted {
        asked: there,
        acknowledged: there,
        when: None,
    };
}

fn backups(root: &Path, entries: &mut Entries, found: &mut Found) {
    for (name, before) in std::mem::take(&mut entries.backups) {
        let path = root.join(&name);
        let looked = backup::look(&path)
            .map_err(|e| e.to_string())
            .and_then(|_| {
                let raw = Connection::open(&path).map_err(|e| e.to_string())?;
                groups(&raw).map_err(|e| e.to_string())
            });
        match looked {
            Ok(there) => {
                let missing = before
                    .iter()
                    .filter(|write| !there.contains_key(write))
                    .count();
                if missing > 0 {
                    found.damage(format!("{missing} writes are not in {}", path.display()));
                }
            }
            Err(error) => found.damage(format!("a backup: {error}")),
        }
    }
    for entry in root.read_dir().into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("backup") {
            // One whose making was cut off, or that was looked at.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
