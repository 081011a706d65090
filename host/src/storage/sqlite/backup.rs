//! A database as a file of its own: copied while others read and write it, and looked over before it counts.

use super::copy::{self, COPY, beside};
use rusqlite::{Connection as Raw, OpenFlags, backup::Backup, config::DbConfig};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A check that takes longer is given up.
const LONGEST_CHECK: Duration = Duration::from_secs(600);
/// Ops between two looks at the clock.
const PROGRESS_OPS: i32 = 100_000;
/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// Why a file cannot be copied, or is not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        source: io::Error,
    },
    #[error("{}: {message}", .path.display())]
    Database { path: PathBuf, message: String },
}

/// What a database holds that was found whole.
#[derive(Debug, Default)]
pub struct Whole {
    /// The versions of the migrations that ran; none in a key-value store.
    pub migrations: Vec<i64>,
    /// A row whose foreign key leads nowhere. The database it was copied from has it as well.
    pub broken_key: Option<String>,
}

/// Copies what is committed to `target`, a new file, and looks the copy over. The writer of the database goes on
/// meanwhile. A copy that a cut-off migration left is what the next start would serve, so it is what is taken.
///
/// Blocks.
pub fn save(database: &Path, target: &Path) -> Result<Whole, BackupError> {
    let undone = beside(database, COPY);
    let undone_is_there = copy::is_whole(&undone).map_err(at(&undone, "look for it"))?;
    let source = if undone_is_there { &undone } else { database };
    copy::create_private(target).map_err(at(target, "create it"))?;
    transfer(source, target).map_err(|error| broken(source, &error))?;
    let whole = look(target)?;
    File::open(target)
        .and_then(|file| file.sync_all())
        .map_err(at(target, "write it to the disk"))?;
    Ok(whole)
}

fn transfer(source: &Path, target: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    // A second connection of this process: no other way to read the file would leave the first one its locks.
    let from = Raw::open_with_flags(
        source,
        // One that may only read would leave a log behind where it is the last to close.
        flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW,
    )?;
    from.execute_batch("PRAGMA query_only=ON; PRAGMA mmap_size=0")?;
    from.busy_timeout(Duration::from_secs(5))?;
    let mut to = Raw::open_with_flags(target, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // It is synced once, as a whole.
    to.execute_batch("PRAGMA synchronous=OFF")?;
    copy::run(&Backup::new(&from, &mut to)?)?;
    // A file of its own, without a log.
    to.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
    to.close().map_err(|(_, error)| error)
}

/// Checks a database that nobody else has open: every page, index and constraint.
pub fn look(path: &Path) -> Result<Whole, BackupError> {
    let looked = look_through(path).map_err(|error| broken(path, &error))?;
    looked.map_err(|damage| BackupError::Database {
        path: path.to_owned(),
        message: format!("the database is damaged: {damage}"),
    })
}

fn look_through(path: &Path) -> rusqlite::Result<Result<Whole, String>> {
    let mut raw = Raw::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )?;
    // The schema is a plugin's.
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    raw.execute_batch("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY")?;
    let until = Instant::now() + LONGEST_CHECK;
    raw.progress_handler(PROGRESS_OPS, Some(move || Instant::now() > until))?;
    let found: String = raw.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Ok(Err(found));
    }
    let mut whole = Whole::default();
    // A schema with a key that fits no parent makes it an error: also the plugin's own affair.
    let key = raw.query_row("PRAGMA foreign_key_check", [], |row| {
        Ok(format!(
            "a row of {} refers to a row of {} that does not exist",
            row.get::<_, String>(0)?,
            row.get::<_, String>(2)?
        ))
    });
    whole.broken_key = match key {
        Ok(broken) => Some(broken),
        Err(rusqlite::Error::QueryReturnedNoRows) => None,
        Err(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
        {
            return Err(error);
        }
        Err(error) => Some(error.to_string()),
    };
    let table =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_greenroom_migrations'";
    if raw.prepare(table)?.exists([])? {
        let mut list = raw.prepare("SELECT version FROM _greenroom_migrations ORDER BY version")?;
        let versions = list.query_map([], |row| row.get(0))?;
        whole.migrations = versions.collect::<rusqlite::Result<_>>()?;
    }
    Ok(Ok(whole))
}

/// Copies a plain file to `target`, a new one of this mode, on the disk when it returns; answers its bytes and their
/// SHA-256. A link is no plain file.
pub fn duplicate(source: &Path, target: &Path, mode: u32) -> Result<(u64, String), BackupError> {
    let mut from = open_plain(source)?;
    let mut options = std::fs::OpenOptions::new();
    let mut to = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(target)
        .map_err(at(target, "create it"))?;
    let sum = read_through(&mut from, source, |part| {
        to.write_all(part).map_err(at(target, "write it"))
    })?;
    to.sync_all().map_err(at(target, "write it to the disk"))?;
    Ok(sum)
}

/// Bytes of a plain file, and their SHA-256.
pub fn digest(path: &Path) -> Result<(u64, String), BackupError> {
    read_through(&mut open_plain(path)?, path, |_| Ok(()))
}

fn open_plain(path: &Path) -> Result<File, BackupError> {
    // Not to wait for the other end of a pipe either.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags).unwrap_or(0))
        .open(path)
        .map_err(at(path, "read it"))?;
    let plain = file.metadata().is_ok_and(|data| data.is_file());
    plain.then_some(file).ok_or_else(|| BackupError::Io {
        path: path.to_owned(),
        action: "read it",
        source: io::Error::other("it is no plain file"),
    })
}

fn read_through(
    file: &mut File,
    path: &Path,
    mut part: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(u64, String), BackupError> {
    let (mut bytes, mut hash, mut buffer) = (0, Sha256::new(), vec![0; CHUNK]);
    loop {
        let read = file.read(&mut buffer).map_err(at(path, "read it"))?;
        if read == 0 {
            return Ok((bytes, hex::encode(hash.finalize())));
        }
        bytes += read as u64;
        hash.update(&buffer[..read]);
        part(&buffer[..read])?;
    }
}

/// Whether something of this name lies there, a link that leads nowhere included.
pub fn there(path: &Path) -> Result<bool, BackupError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at(path, "look for it")(error)),
    }
}

pub(super) fn at(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> BackupError {
    move |source| BackupError::Io {
        path: path.to_owned(),
        action,
        source,
    }
}

fn broken(path: &Path, error: &rusqlite::Error) -> BackupError {
    BackupError::Database {
        path: path.to_owned(),
        message: match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => "the disk is full".to_owned(),
            Some(rusqlite::ErrorCode::OperationInterrupted) => {
                format!("checking it took longer than {} s", LONGEST_CHECK.as_secs())
            }
            _ => error.to_string(),
        },
    }
}
