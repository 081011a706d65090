//! The rows that every server starts with: the same for all, and the same in every run.

use anyhow::{Context, Result};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The todo plugin's own schema.
const SCHEMA: &str = include_str!("../../guest/todo/migrations/0001_create_todos.sql");

/// 2025-01-01T00:00:00Z: the first todo's time. Each one comes a second after the one before.
const FIRST: i64 = 1_735_689_600;

/// How much is in a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seed {
    /// 10,000 todos of 100 entities.
    Small,
    /// 1,000,000 todos of 10,000 entities, 100 each, which lie scattered over the table.
    Large,
}

impl Seed {
    pub(crate) fn rows(self) -> u32 {
        match self {
            Self::Small => 10_000,
            Self::Large => 1_000_000,
        }
    }

    pub(crate) fn entities(self) -> u32 {
        match self {
            Self::Small => 100,
            Self::Large => 10_000,
        }
    }

    /// Writes a database file with the rows into a folder.
    pub(crate) fn write(self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("seed-{}.sqlite", self.rows()));
        let fill = || {
            let mut database = Connection::open(&path)?;
            // Nothing is lost when this is lost, so it may be fast.
            database.execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -500000",
            )?;
            database.execute_batch(SCHEMA)?;
            fill(&mut database, self)
        };
        fill().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// The id of a row: version 7 as all servers make them, but without chance.
pub(crate) fn id(row: u32) -> Uuid {
    // Spread over all bits, as random ones would be.
    let mixed = u64::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&mixed.to_be_bytes());
    let millis = u64::try_from(time(row)).unwrap_or_default() * 1000;
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The entity that a row belongs to: neighbours belong to different ones.
pub(crate) fn entity(number: u32) -> String {
    format!("component:default/service-{number}")
}

fn time(row: u32) -> i64 {
    FIRST + i64::from(row)
}

fn fill(database: &mut Connection, seed: Seed) -> Result<()> {
    let transaction = database.transaction()?;
    let mut insert = transaction.prepare(
        "INSERT INTO todos (id, title, entity_ref, created_at, completed) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in 0..seed.rows() {
        let created = jiff::Timestamp::from_second(time(row))?;
        insert.execute(params![
            id(row).to_string(),
            format!("Renew the certificate of host {row}"),
            entity(row % seed.entities()),
            format!("{created:.3}"),
            row % 3 == 0,
        ])?;
    }
    drop(insert);
    transaction.commit()?;
    Ok(())
}

/// Puts the rows of one database into another one that has the table already.
pub(crate) fn copy_rows(from: &Path, into: &Path) -> Result<()> {
    let copy = || -> Result<()> {
        let database = Connection::open(into)?;
        database.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000")?;
        let from = from.to_str().context("a path that is no text")?;
        database.execute("ATTACH ?1 AS seed", [from])?;
        database.execute_batch(
            "INSERT INTO todos (id, title, entity_ref, created_at, completed)
             SELECT id, title, entity_ref, created_at, completed FROM seed.todos ORDER BY seq;
             DETACH seed;
             PRAGMA wal_checkpoint(TRUNCATE)",
        )?;
        Ok(())
    };
    copy().with_context(|| format!("cannot fill {}", into.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_all_different() {
        let ids: std::collections::BTreeSet<_> = (0..10_000).map(id).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(id(1) < id(2));
    }

    #[test]
    fn the_small_seed_has_its_rows() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = Seed::Small.write(folder.path()).unwrap();
        let into = folder.path().join("into.sqlite");
        Connection::open(&into)
            .unwrap()
            .execute_batch(SCHEMA)
            .unwrap();
        copy_rows(&path, &into).unwrap();
        let database = Connection::open(&into).unwrap();
        let of_one = "SELECT count(*), min(created_at) FROM todos WHERE entity_ref = 'component:default/service-7'";
        let row: (i64, String) = database
            .query_row(of_one, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (100, "2025-01-01T00:00:07.000Z".into()));
    }
}
