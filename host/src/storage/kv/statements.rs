//! The SQL of the key-value store. `expires`: milliseconds since 1970, null for never.

use super::{
    SWEPT_AT_ONCE,
    page::{LOOKED_FOR, Page},
};
use crate::storage::{Error, LimitKind, sqlite::Connection};
use rusqlite::{OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet};

/// `tallies` came after the other two: the number of keys of each bucket, kept right by triggers, so that an older host
/// that writes to the file keeps it right too; and the time to live under which its values were written, milliseconds.
const TABLES: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS entries (bucket TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER, \
     value BLOB NOT NULL, UNIQUE (bucket, key)) STRICT",
    "CREATE INDEX IF NOT EXISTS entries_by_end ON entries (expires) WHERE expires IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS tallies (bucket TEXT PRIMARY KEY, keys INTEGER NOT NULL, ttl INTEGER) \
     STRICT, WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS entry_added AFTER INSERT ON entries BEGIN \
     UPDATE tallies SET keys = keys + 1 WHERE bucket = NEW.bucket; END",
    "CREATE TRIGGER IF NOT EXISTS entry_removed AFTER DELETE ON entries BEGIN \
     UPDATE tallies SET keys = keys - 1 WHERE bucket = OLD.bucket; END",
];

/// Buckets that an older host made are counted once.
const COUNT: &str = "INSERT INTO tallies SELECT name, (SELECT count(*) FROM entries WHERE bucket = name), NULL \
     FROM buckets WHERE name NOT IN (SELECT bucket FROM tallies)";

pub(super) fn create_tables(connection: &Connection) -> Result<(), Error> {
    for statement in TABLES.iter().chain([&COUNT]) {
        connection.control(statement)?;
    }
    Ok(())
}

/// Their names, and the time to live under which their values were written.
pub(super) fn buckets(connection: &Connection) -> Result<BTreeMap<String, Option<i64>>, Error> {
    connection.as_host(|raw| {
        raw.prepare("SELECT bucket, ttl FROM tallies")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    })
}

/// False: there are `most` already.
pub(super) fn make_bucket(
    connection: &Connection,
    name: &str,
    ttl: Option<i64>,
    most: u32,
) -> Result<bool, Error> {
    connection.as_host(|raw| {
        let made = raw
            .prepare_cached(
                "INSERT OR IGNORE INTO buckets SELECT ?1 WHERE (SELECT count(*) FROM buckets) < ?2",
            )?
            .execute(params![name, most])?;
        if made == 1 {
            raw.prepare_cached("INSERT INTO tallies VALUES (?1, 0, ?2)")?
                .execute(params![name, ttl])?;
            return Ok(true);
        }
        raw.prepare_cached("SELECT 1 FROM buckets WHERE name = ?1")?
            .exists([name])
    })
}

/// When the last of the values ends; `None` where none does.
pub(super) fn last_end(connection: &Connection) -> Result<Option<i64>, Error> {
    connection.as_host(|raw| {
        raw.query_row(
            "SELECT expires FROM entries WHERE expires IS NOT NULL ORDER BY expires DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()
    })
}

/// No value of the bucket ends after `latest`.
pub(super) fn shorten(connection: &Connection, bucket: &str, latest: i64) -> Result<usize, Error> {
    connection.as_host(|raw| {
        raw.prepare("UPDATE entries SET expires = ?2 WHERE bucket = ?1 AND (expires IS NULL OR expires > ?2)")?
            .execute(params![bucket, latest])
    })
}

pub(super) fn set_ttl(
    connection: &Connection,
    bucket: &str,
    ttl: Option<i64>,
) -> Result<(), Error> {
    connection.as_host(|raw| {
        raw.prepare("UPDATE tallies SET ttl = ?2 WHERE bucket = ?1")?
            .execute(params![bucket, ttl])
    })?;
    Ok(())
}

/// Whether the bucket has no more than `most` keys when these are in it. Values whose time is over count until they are
/// swept.
pub(super) fn has_room<'k>(
    connection: &Connection,
    bucket: &str,
    keys: impl ExactSizeIterator<Item = &'k str>,
    most: u32,
) -> Result<bool, Error> {
    let there: Option<i64> = connection.as_host(|raw| {
        raw.prepare_cached("SELECT keys FROM tallies WHERE bucket = ?1")?
            .query_row([bucket], |row| row.get(0))
            .optional()
    })?;
    let there = usize::try_from(there.unwrap_or(0)).unwrap_or(0);
    let most = most as usize;
    // Nearly always: then nobody looks at each.
    if there + keys.len() <= most {
        return Ok(true);
    }
    let mut new = 0;
    for key in keys.collect::<BTreeSet<_>>() {
        let stored = connection.as_host(|raw| {
            raw.prepare_cached("SELECT 1 FROM entries WHERE bucket = ?1 AND key = ?2")?
                .exists([bucket, key])
        })?;
        new += usize::from(!stored);
    }
    Ok(new == 0 || there + new <= most)
}

pub(super) fn get(
    connection: &Connection,
    bucket: &str,
    key: &str,
    now: i64,
) -> Result<Option<Vec<u8>>, Error> {
    connection.as_host(|raw| {
        raw.prepare_cached(
            "SELECT value FROM entries WHERE bucket = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)",
        )?
        .query_row(params![bucket, key, now], |row| row.get(0))
        .optional()
    })
}

pub(super) fn exists(
    connection: &Connection,
    bucket: &str,
    key: &str,
    now: i64,
) -> Result<bool, Error> {
    connection.as_host(|raw| {
        raw.prepare_cached("SELECT 1 FROM entries WHERE bucket = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)")?
            .exists(params![bucket, key, now])
    })
}

/// In one transaction, so that all values are of one moment.
pub(super) fn get_many(
    connection: &Connection,
    bucket: &str,
    keys: &[String],
    most_bytes: u64,
    now: i64,
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    connection.control("SAVEPOINT _greenroom_many")?;
    let mut bytes = 0;
    let read = |key: &String| {
        let value = get(connection, bucket, key, now)?;
        bytes += value.as_ref().map_or(0, Vec::len) as u64;
        if bytes > most_bytes {
            Err(Error::limit(LimitKind::ResultBytes, most_bytes))
        } else {
            Ok(value)
        }
    };
    let values = keys.iter().map(read).collect();
    connection.control("RELEASE _greenroom_many")?;
    values
}

/// A page of the keys behind `after`, in the order of their bytes.
pub(super) fn keys_by_name(
    connection: &Connection,
    bucket: &str,
    after: &str,
    now: i64,
) -> Result<Page, Error> {
    connection.as_host(|raw| {
        let mut statement = raw.prepare_cached(
            "SELECT key, 0 FROM entries WHERE bucket = ?1 AND key > ?2 AND (expires IS NULL OR expires > ?3) \
             ORDER BY key LIMIT ?4",
        )?;
        page(statement.query(params![bucket, after, now, LOOKED_FOR])?)
    })
}

/// A page of the keys made after the one of age `after`, as they were made. It goes along the table, other buckets'
/// entries included: all pages together look at each entry once, which no index of the bucket's would give.
pub(super) fn keys_by_age(
    connection: &Connection,
    bucket: &str,
    after: u64,
    now: i64,
) -> Result<Page, Error> {
    let Ok(after) = i64::try_from(after) else {
        return Ok(Page::default());
    };
    connection.as_host(|raw| {
        let mut statement = raw.prepare_cached(
            "SELECT key, rowid FROM entries NOT INDEXED WHERE rowid > ?2 AND bucket = ?1 \
             AND (expires IS NULL OR expires > ?3) ORDER BY rowid LIMIT ?4",
        )?;
        page(statement.query(params![bucket, after, now, LOOKED_FOR])?)
    })
}

fn page(mut rows: rusqlite::Rows<'_>) -> rusqlite::Result<Page> {
    let mut page = Page::default();
    while let Some(row) = rows.next()? {
        let age: i64 = row.get(1)?;
        let key: String = row.get(0)?;
        if !page.add(&key, u64::try_from(age).unwrap_or(0)) {
            break;
        }
    }
    Ok(page)
}

pub(super) fn set(
    connection: &Connection,
    bucket: &str,
    key: &str,
    value: &[u8],
    expires: Option<i64>,
) -> Result<(), Error> {
    connection.as_host(|raw| {
        raw.prepare_cached(
            "INSERT INTO entries VALUES (?1, ?2, ?3, ?4) ON CONFLICT (bucket, key) \
             DO UPDATE SET expires = excluded.expires, value = excluded.value",
        )?
        .execute(params![bucket, key, expires, value])
    })?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, bucket: &str, key: &str) -> Result<(), Error> {
    connection.as_host(|raw| {
        raw.prepare_cached("DELETE FROM entries WHERE bucket = ?1 AND key = ?2")?
            .execute(params![bucket, key])
    })?;
    Ok(())
}

/// Answers how many were removed, [`SWEPT_AT_ONCE`] at most.
pub(super) fn sweep(connection: &Connection, now: i64) -> Result<u32, Error> {
    connection.as_host(|raw| {
        let removed = raw
            .prepare_cached(
                "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries WHERE expires <= ?1 LIMIT ?2)",
            )?
            .execute(params![now, SWEPT_AT_ONCE])?;
        // At most the LIMIT.
        Ok(u32::try_from(removed).unwrap_or(SWEPT_AT_ONCE))
    })
}
