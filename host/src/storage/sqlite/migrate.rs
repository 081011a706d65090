//! Running migrations: on a connection of their own, with foreign keys off, all in one transaction.

use super::{
    authorizer::Policy,
    authorizer::{HOST_TABLES, reserved},
    connection::{Connection, Role, Settings},
    words,
};
use crate::storage::{
    Error, MigrationError,
    migration::{Applied, Migration},
};
use rusqlite::{Batch, fallible_iterator::FallibleIterator, limits::Limit};
use std::time::{Duration, Instant};

/// Bytes of one migration's text.
const LONGEST_TEXT: i32 = 64 << 20;

/// Makes the table of what ran; always there, so that a plugin cannot make one of that name.
pub(super) fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.control(
        "CREATE TABLE IF NOT EXISTS _greenroom_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, \
         checksum TEXT NOT NULL, additive INTEGER NOT NULL, applied_at TEXT NOT NULL) STRICT",
    )
}

/// What ran, oldest first.
pub(super) fn applied(connection: &Connection) -> Result<Vec<Applied>, Error> {
    connection.as_host(|raw| {
        let mut list = raw.prepare(
            "SELECT version, name, checksum, additive FROM _greenroom_migrations ORDER BY version",
        )?;
        let rows = list.query_map([], |row| {
            Ok(Applied {
                version: row.get(0)?,
                name: row.get(1)?,
                checksum: row.get(2)?,
                additive: row.get(3)?,
            })
        })?;
        rows.collect()
    })
}

/// Runs all of them or none. On the writer's thread, between groups, so that other writes wait their turn.
pub(super) fn run(
    settings: &Settings,
    pending: &[Migration],
    timeout: Duration,
) -> Result<(), MigrationError> {
    let connection = Connection::open(settings, Role::Migrator)
        .map_err(|error| MigrationError::Storage(Error::Unavailable(error.to_string())))?;
    let _ = connection
        .raw
        .set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, LONGEST_TEXT);
    let until = Instant::now() + timeout;
    connection.begin_write().map_err(MigrationError::Storage)?;
    for migration in pending {
        run_one(&connection, migration, until).map_err(|(statement, error)| match error {
            Error::TimedOut => MigrationError::TimedOut {
                version: migration.version,
                name: migration.name.clone(),
                seconds: timeout.as_secs(),
            },
            error => failed(migration, statement, error.to_string()),
        })?;
    }
    let Some(last) = pending.last() else {
        return Ok(());
    };
    // Foreign keys are off here; what is broken now would stay broken.
    connection.watch.arm(until, None, None);
    if let Some(broken) =
        broken_foreign_key(&connection).map_err(|error| failed(last, None, error.to_string()))?
    {
        return Err(failed(last, None, broken));
    }
    connection.watch.disarm();
    connection
        .control("COMMIT")
        .map_err(|error| failed(last, None, error.to_string()))
}

/// Error: in which statement, from 1.
fn run_one(
    connection: &Connection,
    migration: &Migration,
    until: Instant,
) -> Result<(), (Option<u32>, Error)> {
    if words::renames_to(&migration.sql, HOST_TABLES) {
        return Err((None, reserved()));
    }
    connection.watch.arm(until, None, None);
    connection.watch.set_policy(Policy::Migration {
        additive: migration.additive,
    });
    let mut number = 0;
    let mut batch = Batch::new(&connection.raw, &migration.sql);
    loop {
        number += 1;
        let at =
            |fault: super::faults::Fault| (Some(number), fault.into_error(connection.limits.value));
        let prepared = batch.next().map_err(|error| {
            connection
                .surroundings
                .prepare_fault(error, &connection.watch)
        });
        let Some(mut statement) = prepared.map_err(at)? else {
            break;
        };
        if statement.parameter_count() > 0 {
            return Err((
                Some(number),
                Error::other("a migration has no values for placeholders; write the values out"),
            ));
        }
        let mut rows = statement.raw_query();
        while rows
            .next()
            .map_err(|error| at(connection.fault(error)))?
            .is_some()
        {}
    }
    connection.watch.disarm();
    let recorded = connection.as_host(|raw| {
        raw.execute(
            "INSERT INTO _greenroom_migrations VALUES ($1, $2, $3, $4, strftime('%Y-%m-%dT%H:%M:%fZ'))",
            (migration.version, &migration.name, migration.checksum(), migration.additive),
        )
    });
    recorded.map(drop).map_err(|error| (None, error))
}

fn broken_foreign_key(connection: &Connection) -> Result<Option<String>, Error> {
    connection.as_host(|raw| {
        let mut check = raw.prepare("PRAGMA foreign_key_check")?;
        let mut rows = check.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let which = rowid.map_or("a row".to_owned(), |rowid| format!("the row with rowid {rowid}"));
        Ok(Some(format!(
            "it would leave foreign keys broken: {which} of {table} refers to a row of {parent} that does not exist"
        )))
    })
}

fn failed(migration: &Migration, statement: Option<u32>, reason: String) -> MigrationError {
    MigrationError::Failed {
        version: migration.version,
        name: migration.name.clone(),
        statement,
        reason,
    }
}
