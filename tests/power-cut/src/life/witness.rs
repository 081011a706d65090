//! A second plugin's database in the same folder, written and read while disk errors hit the files of the first: none of
//! its calls may fail.

use super::{prepare, sql_limits};
use crate::ledger::Ledger;
use greenroom::{
    id::PluginId,
    storage::{Database, Durability, Folder, Reach, Statement, Value},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Of one call.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two rounds, so that the first plugin has the machine.
const PAUSE: Duration = Duration::from_millis(1);
const INSERT: &str =
    "INSERT INTO writes (writer, number, part, parts, body) VALUES (0, $1, 0, 1, $2)";
const COUNT: &str = "SELECT count(*) FROM writes";

pub(crate) fn id() -> PluginId {
    "witness".parse().expect("a plugin's name")
}

/// Until it is told to stop, and one round at least.
pub(super) async fn work(file: PathBuf, ledger: Arc<Ledger>, stop: Arc<AtomicBool>) {
    let database = match open(file).await {
        Ok(database) => database,
        Err(error) => {
            ledger.note_witness(Err(error));
            return;
        }
    };
    loop {
        let written = write(&database, &ledger).await;
        ledger.note_witness(written);
        let seen = read(&database, &ledger).await;
        ledger.note_witness(seen);
        if stop.load(Ordering::SeqCst) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    database.close().await;
}

/// How many rows are there, in what a cut left.
pub(crate) async fn rows(folder: &Folder) -> Result<u32, String> {
    let database = open(folder.database(&id())).await?;
    let counted = count(&database).await;
    database.close().await;
    counted
}

async fn open(file: PathBuf) -> Result<Database, String> {
    let opened = Database::open(file, Durability::Durable, &sql_limits()).await;
    let database = opened.map_err(|error| error.to_string())?;
    match prepare(&database).await {
        Ok(()) => Ok(database),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

async fn write(database: &Database, ledger: &Ledger) -> Result<(), String> {
    let number = {
        let mut entries = ledger.entries();
        entries.witness.asked += 1;
        entries.witness.asked
    };
    let values = [Value::Integer(number.into()), Value::Text("w".repeat(500))];
    let insert = Statement::new(INSERT, values);
    let done = database.execute(insert, Instant::now() + LONGEST).await;
    done.map_err(|error| error.to_string())?;
    let mut entries = ledger.entries();
    entries.witness.acknowledged += 1;
    entries.witness.when = Some(Instant::now());
    Ok(())
}

/// Whether all that was acknowledged can be read.
async fn read(database: &Database, ledger: &Ledger) -> Result<(), String> {
    let there = count(database).await?;
    let written = ledger.entries().witness.acknowledged;
    if there < written {
        return Err(format!("{there} rows are read, {written} were written"));
    }
    Ok(())
}

async fn count(database: &Database) -> Result<u32, String> {
    let count = Statement::new(COUNT, Vec::<Value>::new());
    let by = Instant::now() + LONGEST;
    let row = database.query_row(count, Reach::Readers, by).await;
    let row = row.map_err(|error| error.to_string())?;
    match row.as_deref() {
        Some([Value::Integer(rows)]) => u32::try_from(*rows).map_err(|error| error.to_string()),
        other => Err(format!("a count is {other:?}")),
    }
}
