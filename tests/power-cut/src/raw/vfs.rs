//! The VFS itself: files opened, removed and looked for by name.

use super::{file, file::File, inside};
use crate::disk::{Change, Disk, Found, Kind, Refusal, holding, is_passing};
use rusqlite::ffi;
use std::{
    ffi::{CStr, OsStr, c_char, c_int},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr,
    sync::{Arc, OnceLock},
};

/// SQLite's own, which lives as long as the process.
struct Unix(*mut ffi::sqlite3_vfs);

// SAFETY: SQLite itself uses it from all threads, and nobody writes to it.
unsafe impl Send for Unix {}
// SAFETY: as above.
unsafe impl Sync for Unix {}

static UNIX: OnceLock<Unix> = OnceLock::new();

fn unix() -> *mut ffi::sqlite3_vfs {
    UNIX.get().expect("set before it is registered").0
}

pub(super) fn register() {
    // SAFETY: the table that is found is valid for ever, as is ours, which is leaked; the functions in it that are not
    // ours do not look at the table they are called with.
    unsafe {
        let unix = ffi::sqlite3_vfs_find(c"unix".as_ptr());
        assert!(!unix.is_null(), "SQLite has its unix VFS");
        let own = ffi::sqlite3_vfs {
            szOsFile: file::size((*unix).szOsFile),
            pNext: ptr::null_mut(),
            zName: c"power-cut".as_ptr(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            ..*unix
        };
        UNIX.get_or_init(|| Unix(unix));
        let code = ffi::sqlite3_vfs_register(Box::leak(Box::new(own)), 1);
        assert_eq!(code, ffi::SQLITE_OK, "the VFS is registered");
    }
}

/// The disk that holds a file of this name.
///
/// # Safety
///
/// `name` is null or ends with a zero.
unsafe fn on_disk(name: *const c_char) -> Option<(Arc<Disk>, PathBuf)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let name = unsafe { CStr::from_ptr(name) };
    holding(Path::new(OsStr::from_bytes(name.to_bytes()))).filter(|(_, name)| !is_passing(name))
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    given: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives a name or none, and `szOsFile` bytes for the file; the unix VFS gets its share of them.
    unsafe {
        (*given).pMethods = ptr::null();
        let real = file::real(given);
        let forward = || {
            let open = (*unix()).xOpen.expect("every VFS has it");
            open(unix(), name, real, flags, out)
        };
        let Some((disk, name)) = on_disk(name) else {
            let code = forward();
            if !(*real).pMethods.is_null() {
                File::put(given, None);
            }
            return code;
        };
        let mut state = disk.state();
        let there = state.find(&name);
        let creates = there.is_none() && flags & ffi::SQLITE_OPEN_CREATE != 0;
        let kind = if creates { Kind::Create } else { Kind::Open };
        if let Err(refusal) = state.admit(kind, &name) {
            return match refusal {
                Refusal::Full => ffi::SQLITE_FULL,
                _ => ffi::SQLITE_CANTOPEN,
            };
        }
        let code = inside(forward).0;
        if (*real).pMethods.is_null() {
            return code;
        }
        let node = match there {
            Some(Found::File(node)) => node,
            _ => state.create(&name),
        };
        drop(state);
        File::put(given, Some((disk, node, name)));
        code
    }
}

unsafe extern "C" fn delete(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's, and go on to its own VFS.
    unsafe {
        let forward = || {
            let delete = (*unix()).xDelete.expect("every VFS has it");
            delete(unix(), path, sync_folder)
        };
        let Some((disk, name)) = on_disk(path) else {
            return forward();
        };
        let mut state = disk.state();
        let admitted = state.admit(Kind::Delete, &name);
        if admitted == Err(Refusal::Cut) && state.find(&name).is_some() {
            state.enter(Change::remove(&name));
        }
        if admitted.is_err() {
            return ffi::SQLITE_IOERR_DELETE;
        }
        let (code, synced) = inside(forward);
        if code == ffi::SQLITE_OK {
            state.enter(Change::remove(&name));
        }
        for folder in synced {
            let folder = folder.strip_prefix(disk.root()).unwrap_or(&folder);
            match state.admit(Kind::FolderSync, folder) {
                Ok(()) => state.sync_folder(folder),
                Err(_) => {
                    state.folder_sync_failed(folder);
                    return ffi::SQLITE_IOERR_DIR_FSYNC;
                }
            }
        }
        code
    }
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's, and go on to its own VFS.
    unsafe {
        if on_disk(path).is_some_and(|(disk, _)| disk.was_cut().is_some()) {
            return ffi::SQLITE_IOERR_ACCESS;
        }
        let access = (*unix()).xAccess.expect("every VFS has it");
        access(unix(), path, flags, out)
    }
}
