//! The host's storage at work: several writers, each in its manner, a key-value store, migrations and backups, until the
//! disk is cut or for some rounds. Beside them, where it is wanted, a second plugin.

mod migrator;
pub(crate) use migrator::ROWS;
pub(crate) mod witness;
pub(crate) mod writers;

use crate::{Dice, Disk, ledger::Ledger};
use greenroom::{
    config::{Connection, KeyvalueLimits, SqlLimits},
    storage::{Database, Durability, Folder, Migration, Plan, kv::Keyvalue},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::RwLock;

/// Writers of the database; as many of the key-value store.
pub const WRITERS: u32 = 3;

/// All of a life; what takes longer hangs.
const LONGEST: Duration = Duration::from_secs(120);

pub(crate) const TABLES: &str = "CREATE TABLE writes (writer INTEGER NOT NULL, number INTEGER NOT NULL, \
     part INTEGER NOT NULL, parts INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (writer, number, part)) WITHOUT ROWID; \
     CREATE INDEX bodies ON writes (body); \
     CREATE TABLE counters (writer INTEGER PRIMARY KEY, number INTEGER NOT NULL); \
     INSERT INTO counters VALUES (0, 0), (1, 0), (2, 0)";

/// How the storage is used.
#[derive(Clone, Copy, Debug)]
pub struct Habit {
    /// Ends when the disk is cut, and no error may come before; else each error is counted and the work goes on.
    pub until_cut: bool,
    /// Sessions, where it is not until a cut: each opens all files, works, and closes them.
    pub sessions: u32,
    /// Writes of each writer in a session, at most.
    pub rounds: u64,
    /// Migrations and backups as well.
    pub upkeep: bool,
    /// A second plugin in the same folder, none of whose calls may fail: for disks whose faults are aimed at [`FILES`].
    pub witness: bool,
}

impl Habit {
    pub const UNTIL_CUT: Self = Self {
        until_cut: true,
        sessions: u32::MAX,
        rounds: 400,
        upkeep: true,
        witness: false,
    };
}

/// What the writers of one session share.
struct Session {
    disk: Arc<Disk>,
    ledger: Arc<Ledger>,
    habit: Habit,
    database: Database,
    keyvalue: Keyvalue,
    /// Held for writing while a migration has the plugin to itself.
    gate: RwLock<()>,
    /// As the host stops a plugin whose copy could not be settled.
    stopped: AtomicBool,
}

/// The folder of the databases, below the disk's root.
pub const FOLDER: &str = "var/data";
/// How the paths of the plugin's own files begin: of its database, its key-value store, their logs and copies.
pub const FILES: &str = "var/data/plugin.";

pub(crate) fn connection(disk: &std::path::Path) -> Connection {
    Connection::Directory(disk.join(FOLDER))
}

pub(crate) fn id() -> greenroom::id::PluginId {
    "plugin".parse().expect("a plugin's name")
}

pub(crate) fn sql_limits() -> SqlLimits {
    SqlLimits {
        timeout: Duration::from_secs(60),
        transaction_idle: Duration::from_secs(60),
        transaction_time: Duration::from_secs(60),
        ..SqlLimits::default()
    }
}

pub(crate) async fn open_keyvalue(path: PathBuf) -> Result<Keyvalue, String> {
    let limits = KeyvalueLimits {
        key: 1 << 10,
        value: 2 << 20,
        buckets: 64,
        total: 1 << 30,
        ..KeyvalueLimits::default()
    };
    let opened = Keyvalue::open(Some(path), Durability::Durable, &limits, Default::default()).await;
    opened.map_err(|e| e.to_string())
}

/// Works on this disk. What should not have happened is in the ledger.
pub async fn live(disk: &Arc<Disk>, ledger: &Arc<Ledger>, habit: Habit, dice: &mut Dice) {
    let work = async {
        for _ in 0..habit.sessions {
            let outcome = session(disk, ledger, habit, dice).await;
            if disk.was_cut().is_some() {
                return;
            }
            if let Err(error) = outcome {
                ledger.note(true);
                if habit.until_cut {
                    ledger.problem(format!("before the cut: {error}"));
                    return;
                }
            }
        }
    };
    if tokio::time::timeout(LONGEST, work).await.is_err() {
        ledger.problem(format!("not at its end after {} s", LONGEST.as_secs()));
    }
}

async fn session(
    disk: &Arc<Disk>,
    ledger: &Arc<Ledger>,
    habit: Habit,
    dice: &mut Dice,
) -> Result<(), String> {
    let root = disk.root().to_owned();
    let folder = tokio::task::block_in_place(|| Folder::open(&connection(&root), &root));
    let folder = folder.map_err(|e| e.to_string())?;
    let stop = Arc::<AtomicBool>::default();
    let witness = habit.witness.then(|| {
        let file = folder.database(&witness::id());
        tokio::spawn(witness::work(file, ledger.clone(), stop.clone()))
    });
    let outcome = plugin(disk, ledger, habit, &folder, dice).await;
    stop.store(true, Ordering::SeqCst);
    if let Some(task) = witness
        && let Err(panic) = task.await
    {
        ledger.problem(panic.to_string());
    }
    drop(folder);
    outcome
}

/// From the opening of its files to their closing.
async fn plugin(
    disk: &Arc<Disk>,
    ledger: &Arc<Ledger>,
    habit: Habit,
    folder: &Folder,
    dice: &mut Dice,
) -> Result<(), String> {
    let opened = Database::open(folder.database(&id()), Durability::Durable, &sql_limits()).await;
    let database = opened.map_err(|e| e.to_string())?;
    let keyvalue = match open_keyvalue(folder.keyvalue(&id())).await {
        Ok(keyvalue) => keyvalue,
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    let prepared = prepare(&database).await;
    let session = Arc::new(Session {
        disk: disk.clone(),
        ledger: ledger.clone(),
        habit,
        database: database.clone(),
        keyvalue: keyvalue.clone(),
        gate: RwLock::default(),
        stopped: AtomicBool::new(false),
    });
    if prepared.is_ok() {
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(writers::write(
                session.clone(),
                writer,
                Dice::new(dice.roll()),
            ));
            tasks.spawn(writers::set(
                session.clone(),
                writer,
                Dice::new(dice.roll()),
            ));
        }
        if habit.upkeep {
            let dice = Dice::new(dice.roll());
            tasks.spawn(migrator::keep_up(
                session.clone(),
                folder.path().to_owned(),
                dice,
            ));
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(panic) = ended {
                ledger.problem(panic.to_string());
            }
        }
    }
    database.close().await;
    keyvalue.close().await;
    prepared
}

/// The first migration, as of every plugin.
async fn prepare(database: &Database) -> Result<(), String> {
    let first = Migration {
        version: 1,
        name: "tables".into(),
        sql: TABLES.into(),
        additive: true,
    };
    match database.plan(&[first]).await {
        Ok(Plan::Additive(pending)) => {
            let ran = database.migrate(&pending, Duration::from_secs(60)).await;
            ran.map_err(|e| e.to_string())
        }
        // Later ones that the list does not name are the business of `migrator`.
        Ok(_) | Err(greenroom::storage::MigrationError::Newer { .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

impl Session {
    /// Whether a task goes on after this answer.
    fn noted<T>(&self, what: &str, answer: &Result<T, String>) -> bool {
        if self.disk.was_cut().is_some() || self.stopped.load(Ordering::SeqCst) {
            // An answer of success that comes while the power goes was given before.
            self.ledger.note(answer.is_err());
            return false;
        }
        self.ledger.note(answer.is_err());
        if let Err(error) = answer
            && self.habit.until_cut
            && self.disk.was_cut().is_none()
        {
            self.ledger
                .problem(format!("before the cut: {what}: {error}"));
            return false;
        }
        true
    }
}
