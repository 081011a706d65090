//! Where a [`crate::Disk`] sees what is done to it: a VFS of SQLite, and the C library's calls on files.

#![allow(
    unsafe_code,
    reason = "SQLite's VFS is a table of C functions, and so are the calls of the C library that std makes"
)]

mod calls;
mod file;
mod vfs;

use std::{cell::Cell, path::PathBuf, sync::Once};

thread_local! {
    /// Within SQLite's own VFS, whose calls on files are counted where SQLite asked for them.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Folders that it synced meanwhile.
    static SYNCED: Cell<Vec<PathBuf>> = const { Cell::new(Vec::new()) };
}

/// Makes the VFS the default of this process. Files outside of every disk go through unchanged.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        calls::link();
        vfs::register();
    });
}

/// Runs a function of SQLite's own VFS; answers the folders that it synced as well.
fn inside<T>(run: impl FnOnce() -> T) -> (T, Vec<PathBuf>) {
    let before = INSIDE.replace(true);
    let answer = run();
    INSIDE.set(before);
    (answer, SYNCED.take())
}
