//! Files that take the place of others, all of them or none: what is to be done is written down first, and done again
//! after a crash. Nobody has the files open meanwhile.

use super::{
    backup::{BackupError, at, duplicate, there},
    copy::{COPY, PARTIAL, beside, is_whole, remove_if_there, sync_folder},
};
use crate::storage::write_durably;
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};

/// What lies beside a database and belongs to it: to the file before, never to the one that comes.
const COMPANIONS: [&str; 5] = [COPY, PARTIAL, "-wal", "-shm", "-journal"];

/// One file. Absolute paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub place: PathBuf,
    /// What comes there, in the same folder; none: nothing does.
    pub staged: Option<PathBuf>,
}

/// The name under which a file waits beside its place. What an attempt before left under it is removed.
pub fn staging(place: &Path) -> Result<PathBuf, BackupError> {
    let staged = beside(place, ".restoring");
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let path = beside(&staged, suffix);
        remove_if_there(&path).map_err(at(&path, "remove it"))?;
    }
    Ok(staged)
}

/// Keeps what lies there, with its log, under a name of its own: `<place>.before-restore`, or with a number behind. What
/// is kept is what a start would have served.
pub fn set_aside(place: &Path, mode: u32) -> Result<Option<PathBuf>, BackupError> {
    let undone = beside(place, COPY);
    let (from, log) = if is_whole(&undone).map_err(at(&undone, "look for it"))? {
        (undone, None)
    } else if there(place)? {
        (place.to_owned(), Some(beside(place, "-wal")))
    } else {
        return Ok(None);
    };
    let mut aside = beside(place, ".before-restore");
    let mut number = 1;
    while there(&aside)? {
        number += 1;
        aside = beside(place, &format!(".before-restore.{number}"));
    }
    duplicate(&from, &aside, mode)?;
    if let Some(log) = log
        && there(&log)?
    {
        duplicate(&log, &beside(&aside, "-wal"), mode)?;
    }
    sync_folder(place).map_err(at(place, "sync its folder"))?;
    Ok(Some(aside))
}

/// Does all of `steps`. Once `journal` is written, a crash leaves them to [`finish`].
pub fn carry_out(journal: &Path, steps: &[Step]) -> Result<(), BackupError> {
    // What the journal names must be there after a power cut; the files themselves are on the disk.
    for staged in steps.iter().filter_map(|step| step.staged.as_deref()) {
        sync_folder(staged).map_err(at(staged, "sync its folder"))?;
    }
    let text = serde_json::to_vec(steps).map_err(|error| at(journal, "write it")(error.into()))?;
    write_durably(journal, &text, 0o600).map_err(at(journal, "write it"))?;
    finish(journal).map(drop)
}

/// Does what `journal` says, if there is one: what was cut off is done from the start again. False: there is none.
pub fn finish(journal: &Path) -> Result<bool, BackupError> {
    let text = match std::fs::read(journal) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(at(journal, "read it")(error)),
    };
    let steps: Vec<Step> = serde_json::from_slice(&text)
        .map_err(|error| at(journal, "understand it")(error.into()))?;
    for step in &steps {
        take(step).map_err(at(&step.place, "put the restored file there"))?;
    }
    remove_if_there(journal)
        .and_then(|()| sync_folder(journal))
        .map_err(at(journal, "remove it"))?;
    Ok(true)
}

fn take(step: &Step) -> io::Result<()> {
    if let Some(staged) = &step.staged
        && !staged.try_exists()?
    {
        // It is in its place already, or somebody took it away.
        return step.place.symlink_metadata().map(drop);
    }
    // Before the file comes: a log must not be applied to another file than its own.
    for suffix in COMPANIONS {
        remove_if_there(&beside(&step.place, suffix))?;
    }
    sync_folder(&step.place)?;
    match &step.staged {
        Some(staged) => std::fs::rename(staged, &step.place)?,
        None => remove_if_there(&step.place)?,
    }
    sync_folder(&step.place)
}
