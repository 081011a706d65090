//! Folders and files that outlast a power cut.

use rustix::io::Errno;
use std::{
    fs::{DirBuilder, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// What the name of a file begins with until the file is whole.
const UNFINISHED: &str = ".greenroom-";

/// Creates a folder and what is missing above it; a power cut takes none of them back. Each is on the disk before the next
/// one is made: of those that are there, only the last can come from a start that did not get so far.
pub fn create_durably(path: &Path, mode: u32) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = Some(path.to_owned());
    while let Some(folder) = at.take_if(|folder| !folder.exists()) {
        at = above(&folder);
        missing.push(folder);
    }
    if let Some(parent) = at.as_deref().and_then(above) {
        match sync(&parent) {
            Err(error) if is_of_the_disk(&error) => return Err(error),
            // Somebody else's, or on a file system that cannot: as it was found.
            Ok(()) | Err(_) => {}
        }
    }
    for folder in missing.iter().rev() {
        match DirBuilder::new().mode(mode).create(folder) {
            // Another one's start was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        if let Some(parent) = above(folder)
            && let Err(error) = sync(&parent)
        {
            // Left there, the next start would take it for one that lasts, and no later sync counts for its name.
            let _ = std::fs::remove_dir(folder);
            return Err(error);
        }
    }
    Ok(())
}

fn above(path: &Path) -> Option<PathBuf> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
        parent => parent.map(Path::to_owned),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn is_of_the_disk(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::IO | Errno::NOSPC | Errno::DQUOT))
}

/// Replaces `path` in one step: readers and a crash see the old content or the new, never a part. `mode`: as with open(2).
pub fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::other("a path without a folder"))?;
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let unfinished = file.into_temp_path();
    std::fs::rename(&unfinished, path)?;
    // Nothing to remove has that name any more.
    let _ = unfinished.keep();
    sync(folder)
}

/// Removes what [`write_durably`] left in a folder when its process was killed: files that nobody has written to for
/// `untouched`. Who holds the folder's lock waits for nobody, and gives none.
pub fn remove_unfinished(folder: &Path, untouched: Duration) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
        {
            continue;
        }
        let meta = entry.metadata()?;
        // A time to come is a clock that was set back: not old.
        let age = meta.modified()?.elapsed().unwrap_or_default();
        if meta.is_file() && age >= untouched {
            std::fs::remove_file(entry.path())?;
            tracing::info!(path = %entry.path().display(), "removed a file that a killed host had not finished");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn what_was_not_finished_goes_once_nobody_can_be_at_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        write_durably(&path("whole"), b"1", 0o600).unwrap();
        std::fs::write(path(".greenroom-new"), b"2").unwrap();
        let old = File::create(path(".greenroom-old")).unwrap();
        let hours = Duration::from_secs(7200);
        old.set_modified(SystemTime::now() - hours).unwrap();
        std::fs::create_dir(path(".greenroom-folder")).unwrap();
        std::os::unix::fs::symlink(path("whole"), path(".greenroom-link")).unwrap();

        remove_unfinished(folder.path(), hours / 2).unwrap();
        let others = [".greenroom-folder", ".greenroom-link"];
        assert_eq!(
            names(),
            [&others[..], &[".greenroom-new", "whole"]].concat()
        );
        remove_unfinished(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(names(), [&others[..], &["whole"]].concat());
        assert_eq!(std::fs::read(path("whole")).unwrap(), b"1");
    }
}
