//! The copy of a database that a migration may need: made beside it, put back, removed. At every moment a crash leaves
//! either no copy or a complete one.

use super::connection::Connection;
use crate::storage::Error;
use rusqlite::{
    Connection as Raw, OpenFlags,
    backup::{Backup, StepResult},
};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

pub(super) const COPY: &str = ".before-migration";
pub(super) const PARTIAL: &str = ".before-migration.partial";

/// `name` with something after it, in the same folder.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Where a copy may lie.
pub(super) fn places(path: &Path) -> [PathBuf; 2] {
    [COPY, PARTIAL].map(|suffix| beside(path, suffix))
}

/// Before the database is opened: a copy that is still there replaces it.
pub(super) fn recover(path: &Path) -> Result<(), (&'static str, io::Error)> {
    let remove = |suffix: &str| remove_if_there(&beside(path, suffix));
    for suffix in ["", "-journal", "-wal", "-shm"] {
        remove(&format!("{PARTIAL}{suffix}"))
            .map_err(|error| ("remove an unfinished copy", error))?;
    }
    let copy = beside(path, COPY);
    if !is_whole(&copy).map_err(|error| ("look for the copy made before a migration", error))? {
        return forget(path).map_err(|error| ("remove an empty copy", error));
    }
    tracing::warn!(path = %path.display(), "a migration was cut off; the database goes back to the copy made before it");
    // The log goes first: it must not be applied to the copy. Until the rename this can be done again.
    remove("-wal")
        .and_then(|()| remove("-shm"))
        .and_then(|()| sync_folder(path))
        .and_then(|()| std::fs::rename(&copy, path))
        .and_then(|()| sync_folder(path))
        .map_err(|error| ("put back the copy made before a migration", error))
}

/// Copies what is committed. On the writer's thread, with no transaction open.
pub(super) fn save(connection: &Connection, path: &Path) -> Result<(), Error> {
    let partial = beside(path, PARTIAL);
    remove_if_there(&partial).map_err(|error| io_error("remove an unfinished copy", &error))?;
    create_private(&partial).map_err(|error| io_error("create a copy", &error))?;
    let copied = connection.as_host(|raw| {
        let mut copy = Raw::open(&partial)?;
        run(&Backup::new(raw, &mut copy)?)?;
        // A file of its own, without a log.
        copy.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
        copy.close().map_err(|(_, error)| error)
    });
    let kept = copied.and_then(|()| {
        File::open(&partial)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&partial, beside(path, COPY)))
            .and_then(|()| sync_folder(path))
            .map_err(|error| io_error("keep the copy", &error))
    });
    if kept.is_err() {
        // The caller asks for the same again, and is told when it cannot be done.
        let _ = remove_if_there(&partial);
        let _ = forget(path);
    }
    kept
}

/// Writes the copy over the database in one transaction, which other connections see as any other, and removes it.
pub(super) fn restore(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let copy = beside(path, COPY);
    if !is_whole(&copy).map_err(|error| io_error("look for the copy", &error))? {
        return Err(Error::other("there is no copy of the database to put back"));
    }
    let restored = Raw::open_with_flags(&copy, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|from| {
        connection.raw.flush_prepared_statement_cache();
        let backup = Backup::new(&from, &mut connection.raw)?;
        run(&backup)
    });
    restored.map_err(|error| connection.fault(error).into_error(connection.limits.value))?;
    discard(path)
}

pub(super) fn discard(path: &Path) -> Result<(), Error> {
    forget(path).map_err(|error| io_error("remove the copy", &error))
}

/// Whether there is a copy: an empty one has a name that came back, or could not be removed.
pub(super) fn is_whole(copy: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(copy) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        looked => Ok(looked?.len() > 0),
    }
}

/// Empties the copy before its name goes: until its folder is synced a power cut brings the name back, and what it names
/// would undo every write since. Empty it is no copy, whatever becomes of the name.
fn forget(path: &Path) -> io::Result<()> {
    let copy = beside(path, COPY);
    match std::fs::OpenOptions::new().write(true).open(&copy) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) => {
            file.set_len(0)?;
            file.sync_all()?;
        }
    }
    if let Err(error) = remove_if_there(&copy).and_then(|()| sync_folder(path)) {
        tracing::warn!(path = %copy.display(), %error, "an empty copy of the database could not be removed");
    }
    Ok(())
}

pub(super) fn run(backup: &Backup<'_, '_>) -> rusqlite::Result<()> {
    // A connection that opens or closes holds the file for a moment; 10 s are more than that.
    for _ in 0..5_000 {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
        Some("another connection holds the database".into()),
    ))
}

pub(super) fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes renames and removals in the folder of `path` survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn io_error(what: &str, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::StorageFull {
        return Error::StorageFull;
    }
    Error::other(format!(
        "the host could not {what} of the database: {error}"
    ))
}
