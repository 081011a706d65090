//! Files under a temporary name: a host that is killed leaves some, the next one removes them.

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Of what lies in a folder that no host has to itself, a host removes only what nobody has written to for an hour.
const LONG_AGO: Duration = Duration::from_secs(2 * 3600);

/// All that lie in the host's folder and in those below it.
pub(super) fn found(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    look(folder, &mut found);
    found
}

fn look(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = match fs::read_dir(folder) {
        // Removed meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        entries => entries.unwrap_or_else(|e| panic!("{}: {e}", folder.display())),
    };
    for entry in entries {
        let entry = entry.expect("an entry of a folder");
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            look(&path, found);
        }
        if is_temporary(&entry.file_name()) {
            found.push(path);
        }
    }
}

/// A file that is written before it gets its name, a database to be put in place by a restore, one that is copied before
/// a migration, or its log.
fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    is_cut_off(&name) || name.contains(".restoring") || name.contains(".before-migration")
}

/// What was written when the kill came.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| is_cut_off(&name.to_string_lossy()))
}

fn is_cut_off(name: &str) -> bool {
    [".greenroom-", ".tmp"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Makes those in the plugins folder old enough to be removed. While no host runs.
pub(super) fn make_old(folder: &Path, left: &[PathBuf]) {
    let plugins = folder.join("plugins");
    let files = left
        .iter()
        .filter(|path| path.starts_with(&plugins) && path.is_file());
    for path in files {
        fs::File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(SystemTime::now() - LONG_AGO))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}
