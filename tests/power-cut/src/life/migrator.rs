//! Migrations with and without a copy, and backups, as a deploy and an operator make them.

use super::{Session, id};
use crate::{Dice, ledger::Fate};
use greenroom::storage::{Migration, backup};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// That a migration makes.
pub(crate) const ROWS: u32 = 40;
const LONGEST: Duration = Duration::from_secs(60);

pub(super) async fn keep_up(session: Arc<Session>, folder: PathBuf, mut dice: Dice) {
    for _ in 0..session.habit.rounds {
        tokio::time::sleep(dice.up_to(Duration::from_millis(8))).await;
        let (what, answer) = match dice.below(4) {
            0 => ("a migration that adds", add(&session).await),
            1 => ("a backup", save(&session, &folder).await),
            kind => ("an exclusive migration", replace(&session, kind == 2).await),
        };
        if !session.noted(what, &answer) {
            return;
        }
    }
}

fn migration(session: &Session, additive: bool) -> Migration {
    // The first one is of the tables.
    let version = session.ledger.next() + 1;
    Migration {
        version,
        name: format!("step{version}"),
        sql: format!(
            "CREATE TABLE step{version} (n INTEGER PRIMARY KEY, body TEXT); \
             INSERT INTO step{version} WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) \
             SELECT n, hex(zeroblob(400)) FROM c"
        ),
        additive,
    }
}

async fn run(session: &Session, migration: &Migration) -> Result<(), String> {
    let one = std::slice::from_ref(migration);
    let ran = session.database.migrate(one, LONGEST).await;
    ran.map_err(|error| error.to_string())
}

async fn add(session: &Session) -> Result<(), String> {
    let _gate = session.gate.read().await;
    let migration = migration(session, true);
    session.ledger.fate(migration.version, Fate::Unknown);
    run(session, &migration).await?;
    session
        .ledger
        .fate(migration.version, Fate::Ran(Instant::now()));
    Ok(())
}

/// As a deploy does it: with a copy, which comes back when the build fails afterwards. What cannot be settled stops the
/// plugin until the next start.
async fn replace(session: &Session, succeeds: bool) -> Result<(), String> {
    let _gate = session.gate.write().await;
    let database = &session.database;
    let migration = migration(session, false);
    session.ledger.fate(migration.version, Fate::Unknown);
    let saved = database
        .save_copy()
        .await
        .map_err(|error| error.to_string());
    let migrated = match saved {
        Ok(()) => run(session, &migration).await,
        failed => failed,
    };
    if let Err(error) = migrated {
        return match database.discard_copy().await {
            Ok(()) => Err(error),
            Err(failure) => stop(session, &format!("{error}; {failure}")).await,
        };
    }
    if succeeds {
        match database.discard_copy().await {
            Ok(()) => {
                session
                    .ledger
                    .fate(migration.version, Fate::Ran(Instant::now()));
                return Ok(());
            }
            Err(error) => {
                // The host refuses the build then, and goes back.
                undo(session, migration.version).await?;
                return Err(error.to_string());
            }
        }
    }
    undo(session, migration.version).await
}

async fn undo(session: &Session, version: u32) -> Result<(), String> {
    match session.database.restore_copy().await {
        Ok(()) => {
            session.ledger.fate(version, Fate::Undone(Instant::now()));
            Ok(())
        }
        Err(error) => stop(session, &error.to_string()).await,
    }
}

async fn stop(session: &Session, error: &str) -> Result<(), String> {
    session.stopped.store(true, Ordering::SeqCst);
    session.database.clone().close().await;
    Err(format!("{error}: the plugin is stopped"))
}

async fn save(session: &Session, folder: &Path) -> Result<(), String> {
    let before = session.ledger.acknowledged_writes();
    let name = PathBuf::from(format!("backup{}", session.ledger.next()));
    let target = session.disk.root().join(&name);
    let source = folder.join(format!("{}.sqlite", id()));
    // Of a second connection to the same file: no migration meanwhile.
    let _gate = session.gate.read().await;
    let saved = tokio::task::block_in_place(|| {
        backup::save(&source, &target).map_err(|error| error.to_string())?;
        File::open(session.disk.root())
            .and_then(|folder| folder.sync_all())
            .map_err(|error| error.to_string())
    });
    saved?;
    session.ledger.entries().backups.push((name, before));
    Ok(())
}
