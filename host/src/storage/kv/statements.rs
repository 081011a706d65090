//! The SQL of the key-value store. `expires`: milliseconds since 1970, null for never.

use crate::storage::{Error, LimitKind, sqlite::Connection};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeSet;

/// Values that one write of the sweep removes.
pub(super) const SWEPT_AT_ONCE: u32 = 500;

pub(super) fn create_tables(connection: &Connection) -> Result<(), Error> {
    for statement in [
        "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS entries (bucket TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER, \
         value BLOB NOT NULL, UNIQUE (bucket, key)) STRICT",
        "CREATE INDEX IF NOT EXISTS entries_by_end ON entries (expires) WHERE expires IS NOT NULL",
    ] {
        connection.control(statement)?;
    }
    Ok(())
}

pub(super) fn buckets(connection: &Connection) -> Result<BTreeSet<String>, Error> {
    connection.as_host(|raw| {
        raw.prepare("SELECT name FROM buckets")?
            .query_map([], |row| row.get(0))?
            .collect()
    })
}

/// False: there are `most` already.
pub(super) fn make_bucket(connection: &Connection, name: &str, most: u32) -> Result<bool, Error> {
    connection.as_host(|raw| {
        raw.prepare_cached(
            "INSERT OR IGNORE INTO buckets SELECT ?1 WHERE (SELECT count(*) FROM buckets) < ?2",
        )?
        .execute(params![name, most])?;
        raw.prepare_cached("SELECT 1 FROM buckets WHERE name = ?1")?
            .exists([name])
    })
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

pub(super) fn keys(
    connection: &Connection,
    bucket: &str,
    after: &str,
    most: u32,
    now: i64,
) -> Result<Vec<String>, Error> {
    connection.as_host(|raw| {
        raw.prepare_cached(
            "SELECT key FROM entries WHERE bucket = ?1 AND key > ?2 AND (expires IS NULL OR expires > ?3) \
             ORDER BY key LIMIT ?4",
        )?
        .query_map(params![bucket, after, now, most], |row| row.get(0))?
        .collect()
    })
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
