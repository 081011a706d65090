//! Folders that outlast a power cut.

use rustix::io::Errno;
use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

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
