//! One open file of the VFS.

use super::inside;
use crate::disk::{Disk, Kind, Refusal};
use rusqlite::ffi;
use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::PathBuf,
    ptr, slice,
    sync::Arc,
};

/// Before the unix VFS's own file, in the memory that SQLite gives.
#[repr(C)]
pub(super) struct File {
    base: ffi::sqlite3_file,
    /// None: of no disk.
    watched: *mut Watched,
}

struct Watched {
    disk: Arc<Disk>,
    node: u64,
    name: PathBuf,
}

pub(super) fn size(real: c_int) -> c_int {
    real + c_int::try_from(size_of::<File>()).expect("two pointers")
}

/// # Safety
///
/// `file` is memory of [`size`] bytes.
pub(super) unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: as the caller promises.
    unsafe { file.cast::<File>().add(1).cast() }
}

impl File {
    /// # Safety
    ///
    /// `file` is memory of [`size`] bytes, and the unix VFS's file in it is open.
    pub(super) unsafe fn put(file: *mut ffi::sqlite3_file, on: Option<(Arc<Disk>, u64, PathBuf)>) {
        let watched = on.map_or(ptr::null_mut(), |(disk, node, name)| {
            Box::into_raw(Box::new(Watched { disk, node, name }))
        });
        let base = ffi::sqlite3_file { pMethods: &METHODS };
        // SAFETY: as the caller promises.
        unsafe { file.cast::<File>().write(File { base, watched }) }
    }
}

/// # Safety
///
/// `file` was made by [`File::put`] and is not closed.
unsafe fn watched<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a Watched> {
    // SAFETY: as the caller promises; the box lives until the file is closed.
    unsafe { (*file.cast::<File>()).watched.as_ref() }
}

/// Calls the unix VFS's method for its own file.
macro_rules! forward {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        // SAFETY: SQLite calls methods of open files only, with arguments that are meant for them.
        unsafe {
            let real = real($file);
            let method = (*(*real).pMethods).$method.expect("the unix VFS has it");
            let run = || method(real $(, $argument)*);
            match watched($file) {
                Some(_) => inside(run),
                None => (run(), Vec::new()),
            }
        }
    }};
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // No memory maps of databases.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = forward!(file, xClose).0;
    // SAFETY: SQLite closes a file once, and does not use it any more.
    unsafe {
        let own = file.cast::<File>();
        if !(*own).watched.is_null() {
            drop(Box::from_raw((*own).watched));
        }
        (*own).base.pMethods = ptr::null();
    }
    code
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    to: *mut c_void,
    count: c_int,
    at: i64,
) -> c_int {
    // SAFETY: the file is open.
    if let Some(on) = unsafe { watched(file) }
        && on.disk.state().admit(Kind::Read, &on.name).is_err()
    {
        return ffi::SQLITE_IOERR_READ;
    }
    forward!(file, xRead, to, count, at).0
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    count: c_int,
    at: i64,
) -> c_int {
    // SAFETY: the file is open.
    let Some(on) = (unsafe { watched(file) }) else {
        return forward!(file, xWrite, from, count, at).0;
    };
    let length = usize::try_from(count).expect("a length");
    let offset = u64::try_from(at).expect("an offset");
    // SAFETY: SQLite gives `count` bytes.
    let bytes = unsafe { slice::from_raw_parts(from.cast::<u8>(), length) };
    let mut state = on.disk.state();
    match state.admit(Kind::Write, &on.name) {
        Ok(()) => {
            let code = forward!(file, xWrite, from, count, at).0;
            if code == ffi::SQLITE_OK {
                state.write(on.node, offset, bytes);
            }
            code
        }
        Err(Refusal::Cut) => {
            // It was on its way.
            state.write(on.node, offset, bytes);
            ffi::SQLITE_IOERR_WRITE
        }
        Err(refusal) => {
            // A part arrives.
            let part = count / 2;
            if forward!(file, xWrite, from, part, at).0 == ffi::SQLITE_OK {
                state.write(on.node, offset, &bytes[..length / 2]);
            }
            match refusal {
                Refusal::Full => ffi::SQLITE_FULL,
                _ => ffi::SQLITE_IOERR_WRITE,
            }
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: the file is open.
    let Some(on) = (unsafe { watched(file) }) else {
        return forward!(file, xTruncate, length).0;
    };
    let mut state = on.disk.state();
    let admitted = state.admit(Kind::Truncate, &on.name);
    let code = match admitted {
        Ok(()) => forward!(file, xTruncate, length).0,
        Err(_) => ffi::SQLITE_IOERR_TRUNCATE,
    };
    if code == ffi::SQLITE_OK || admitted == Err(Refusal::Cut) {
        state.truncate(on.node, u64::try_from(length).expect("a length"));
    }
    code
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let Some(on) = (unsafe { watched(file) }) else {
        return forward!(file, xSync, flags).0;
    };
    let mut state = on.disk.state();
    match state.admit(Kind::Sync, &on.name) {
        Ok(()) => {}
        Err(Refusal::Cut) => return ffi::SQLITE_IOERR_FSYNC,
        Err(_) => {
            state.sync_failed(on.node);
            return ffi::SQLITE_IOERR_FSYNC;
        }
    }
    let (code, folders) = forward!(file, xSync, flags);
    if code == ffi::SQLITE_OK {
        state.sync(on.node);
    }
    // After the first sync of a journal or a log SQLite syncs the folder, and does not look at what comes of it.
    for folder in folders {
        let folder = folder.strip_prefix(on.disk.root()).unwrap_or(&folder);
        match state.admit(Kind::FolderSync, folder) {
            Ok(()) => state.sync_folder(folder),
            Err(Refusal::Cut) => return ffi::SQLITE_IOERR_FSYNC,
            Err(_) => state.folder_sync_failed(folder),
        }
    }
    code
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: the file is open.
    if unsafe { watched(file) }.is_some_and(|on| on.disk.was_cut().is_some()) {
        return ffi::SQLITE_IOERR_FSTAT;
    }
    forward!(file, xFileSize, size).0
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(file, xLock, level).0
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(file, xUnlock, level).0
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    forward!(file, xCheckReservedLock, out).0
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    op: c_int,
    argument: *mut c_void,
) -> c_int {
    if op == ffi::SQLITE_FCNTL_PRAGMA {
        // SAFETY: the file is open; for this op the argument is three texts: an answer, a name, a value or none.
        unsafe {
            let texts = argument.cast::<*mut c_char>();
            let (name, value) = (*texts.add(1), *texts.add(2));
            if watched(file).is_some_and(|on| on.disk.state().wants_normal())
                && CStr::from_ptr(name) == c"synchronous"
                && !value.is_null()
                && CStr::from_ptr(value) == c"FULL"
            {
                // 1 is NORMAL, in SQLite's own memory, which it reads afterwards.
                value.cast::<u8>().write(b'1');
                value.cast::<u8>().add(1).write(0);
            }
        }
    }
    forward!(file, xFileControl, op, argument).0
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    forward!(file, xSectorSize).0
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    forward!(file, xDeviceCharacteristics).0
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    forward!(file, xShmMap, page, size, extend, out).0
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    forward!(file, xShmLock, offset, count, flags).0
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    forward!(file, xShmBarrier);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    forward!(file, xShmUnmap, delete).0
}
