//! The new plugin's folder: whether it is free, and filling it in one step.

use super::{Error, files::File};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How many of the things in a taken folder are named.
const NAMED: usize = 3;

/// What lies at the path already, in words; none when nothing does, or an empty folder.
pub(super) fn holds(path: &Path) -> io::Result<Option<String>> {
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !kind.is_dir() {
        let what = if kind.is_symlink() {
            "a symbolic link"
        } else {
            "a file"
        };
        return Ok(Some(format!("it is {what}")));
    }
    let mut names = fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    if names.is_empty() {
        return Ok(None);
    }
    names.sort();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    names.truncate(NAMED);
    Ok(Some(format!("it holds {}{more}", names.join(", "))))
}

/// Writes all files into a temporary folder beside the wanted one, then renames: the plugin is there as a whole or
/// not at all, and whatever appeared at its place meanwhile is not touched.
pub(super) fn write(folder: &Path, files: &[File]) -> Result<(), Error> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    let failed = |path: PathBuf| move |source| Error::Write { path, source };
    // A temporary folder is private. What is made inside of it has the usual permissions.
    let temporary = tempfile::Builder::new()
        .prefix(".greenroom-new-")
        .tempdir_in(parent)
        .map_err(failed(folder.to_path_buf()))?;
    let whole = temporary.path().join("plugin");
    for file in files {
        let place = whole.join(&file.path);
        place
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&place, &file.content))
            .map_err(failed(folder.join(&file.path)))?;
    }
    fs::rename(&whole, folder).map_err(failed(folder.to_path_buf()))
}
