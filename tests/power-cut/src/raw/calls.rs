//! The C library's calls, as std makes them. What an executable defines goes before what a shared library does, so these
//! are called instead; what is of no disk goes on to the system unchanged.

use super::{INSIDE, SYNCED};
use crate::disk::{Change, Disk, Found, Kind, Refusal, holding, is_passing};
use libc::{c_char, c_int, c_long, c_uint, c_void, mode_t, off64_t, size_t, ssize_t};
use std::{
    collections::HashMap,
    ffi::{CStr, OsStr},
    hint::black_box,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    slice,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Open files and folders of disks.
static OPEN: LazyLock<Mutex<HashMap<c_int, Watched>>> = LazyLock::new(Mutex::default);
/// Which those are, for all the others to go by quickly.
static IS_OPEN: [AtomicBool; 1 << 16] = [const { AtomicBool::new(false) }; 1 << 16];

#[derive(Clone)]
struct Watched {
    disk: Arc<Disk>,
    node: Found,
    name: PathBuf,
}

/// Nobody calls these by name; this makes the linker take them.
pub(super) fn link() {
    black_box([
        open as *const () as usize,
        open64 as *const () as usize,
        close as *const () as usize,
        write as *const () as usize,
        ftruncate64 as *const () as usize,
        fsync as *const () as usize,
        fdatasync as *const () as usize,
        rename as *const () as usize,
        unlink as *const () as usize,
        mkdir as *const () as usize,
    ]);
}

fn table() -> MutexGuard<'static, HashMap<c_int, Watched>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn flag(fd: c_int) -> Option<&'static AtomicBool> {
    IS_OPEN.get(usize::try_from(fd).ok()?)
}

fn watched(fd: c_int) -> Option<Watched> {
    if !flag(fd)?.load(Ordering::Acquire) {
        return None;
    }
    table().get(&fd).cloned()
}

/// # Safety
///
/// `path` ends with a zero.
unsafe fn on_disk(path: *const c_char) -> Option<(Arc<Disk>, PathBuf)> {
    // SAFETY: as the caller promises.
    let path = unsafe { CStr::from_ptr(path) };
    holding(Path::new(OsStr::from_bytes(path.to_bytes()))).filter(|(_, name)| !is_passing(name))
}

fn refuse(refusal: Refusal) -> c_int {
    // SAFETY: the place of this thread's errno.
    unsafe { *libc::__errno_location() = refusal.errno() };
    -1
}

fn number(answer: c_long) -> c_int {
    c_int::try_from(answer).unwrap_or(-1)
}

/// # Safety
///
/// `path` ends with a zero.
unsafe fn system_open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the system's own call with what its caller gave.
    number(unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the same call.
    unsafe { open64(path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: whoever calls gives a path.
    unsafe {
        let Some((disk, name)) = on_disk(path) else {
            return system_open(path, flags, mode);
        };
        let mut state = disk.state_unless_inside(INSIDE.get());
        let Some(state) = state.as_mut() else {
            // SQLite's own: of its calls only syncs of folders are not asked for through the VFS.
            let fd = system_open(path, flags, mode);
            if flags & libc::O_ACCMODE == libc::O_RDONLY && (disk.root().join(&name)).is_dir() {
                watch(fd, disk.clone(), Found::Folder, name);
            }
            return fd;
        };
        let there = state.find(&name);
        let creates = there.is_none() && flags & libc::O_CREAT != 0;
        let kind = if creates { Kind::Create } else { Kind::Open };
        if let Err(refusal) = state.admit(kind, &name) {
            return refuse(refusal);
        }
        let fd = system_open(path, flags, mode);
        if fd < 0 {
            return fd;
        }
        let node = match there {
            Some(node) => node,
            None if creates => Found::File(state.create(&name)),
            None => return fd,
        };
        if let Found::File(file) = node
            && flags & libc::O_TRUNC != 0
        {
            state.truncate(file, 0);
        }
        watch(fd, disk.clone(), node, name);
        fd
    }
}

fn watch(fd: c_int, disk: Arc<Disk>, node: Found, name: PathBuf) {
    if let Some(flag) = flag(fd) {
        table().insert(fd, Watched { disk, node, name });
        flag.store(true, Ordering::Release);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn close(fd: c_int) -> c_int {
    if let Some(flag) = flag(fd)
        && flag.swap(false, Ordering::AcqRel)
    {
        table().remove(&fd);
    }
    // SAFETY: the system's own call.
    number(unsafe { libc::syscall(libc::SYS_close, fd) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, from: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: the system's own call with what its caller gave.
    let system = |count: size_t| unsafe {
        let written = libc::syscall(libc::SYS_write, fd, from, count);
        ssize_t::try_from(written).unwrap_or(-1)
    };
    let Some(Watched {
        disk,
        node: Found::File(node),
        name,
    }) = watched(fd)
    else {
        return system(count);
    };
    let mut state = disk.state();
    // SAFETY: an open file.
    let at = unsafe { libc::lseek64(fd, 0, libc::SEEK_CUR) };
    let at = u64::try_from(at).expect("a plain file");
    // SAFETY: the caller gives `count` bytes.
    let bytes = unsafe { slice::from_raw_parts(from.cast::<u8>(), count) };
    if let Err(refusal) = state.admit(Kind::Write, &name) {
        if refusal == Refusal::Cut {
            state.write(node, at, bytes);
        }
        return refuse(refusal) as ssize_t;
    }
    let written = system(count);
    if let Ok(length) = usize::try_from(written) {
        state.write(node, at, &bytes[..length]);
    }
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: c_int, length: off64_t) -> c_int {
    // SAFETY: the system's own call.
    let system = || number(unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) });
    let Some(Watched {
        disk,
        node: Found::File(node),
        name,
    }) = watched(fd)
    else {
        return system();
    };
    let mut state = disk.state();
    let wanted = u64::try_from(length).unwrap_or(0);
    if let Err(refusal) = state.admit(Kind::Truncate, &name) {
        if refusal == Refusal::Cut {
            state.truncate(node, wanted);
        }
        return refuse(refusal);
    }
    let answer = system();
    if answer == 0 {
        state.truncate(node, wanted);
    }
    answer
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

fn sync(fd: c_int, call: c_long) -> c_int {
    if INSIDE.get() {
        if let Some(watched) = watched(fd) {
            let mut synced = SYNCED.take();
            synced.push(watched.disk.root().join(watched.name));
            SYNCED.set(synced);
        }
        // What the disk keeps is not decided by the real one below: nothing waits for that.
        return 0;
    }
    let Some(Watched { disk, node, name }) = watched(fd) else {
        // SAFETY: the system's own call.
        return number(unsafe { libc::syscall(call, fd) });
    };
    let mut state = disk.state();
    match node {
        Found::File(node) => match state.admit(Kind::Sync, &name) {
            Ok(()) => state.sync(node),
            Err(refusal) => {
                if refusal != Refusal::Cut {
                    state.sync_failed(node);
                }
                return refuse(refusal);
            }
        },
        Found::Folder => match state.admit(Kind::FolderSync, &name) {
            Ok(()) => state.sync_folder(&name),
            Err(refusal) => {
                if refusal != Refusal::Cut {
                    state.folder_sync_failed(&name);
                }
                return refuse(refusal);
            }
        },
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the system's own call with what its caller gave.
    let system = || unsafe {
        let at = libc::AT_FDCWD;
        number(libc::syscall(
            libc::SYS_renameat2,
            at,
            from,
            at,
            to,
            0 as c_uint,
        ))
    };
    // SAFETY: whoever calls gives two paths.
    let found = unsafe { on_disk(from).zip(on_disk(to)) };
    let Some(((disk, old), (_, new))) = found else {
        return system();
    };
    let mut state = disk.state();
    let Some(node) = state.find(&old) else {
        return system();
    };
    let admitted = state.admit(Kind::Rename, &new);
    let answer = match admitted {
        Ok(()) => system(),
        Err(refusal) => refuse(refusal),
    };
    if answer == 0 || admitted == Err(Refusal::Cut) {
        state.enter(Change::rename(&old, &new, node));
    }
    answer
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the system's own call with what its caller gave.
    let system = || unsafe { number(libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0)) };
    if INSIDE.get() {
        return system();
    }
    // SAFETY: whoever calls gives a path.
    let Some((disk, name)) = (unsafe { on_disk(path) }) else {
        return system();
    };
    let mut state = disk.state();
    if state.find(&name).is_none() {
        return system();
    }
    let admitted = state.admit(Kind::Delete, &name);
    let answer = match admitted {
        Ok(()) => system(),
        Err(refusal) => refuse(refusal),
    };
    if answer == 0 || admitted == Err(Refusal::Cut) {
        state.enter(Change::remove(&name));
    }
    answer
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the system's own call with what its caller gave.
    let system = || unsafe { number(libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode)) };
    // SAFETY: whoever calls gives a path.
    let Some((disk, name)) = (unsafe { on_disk(path) }) else {
        return system();
    };
    let mut state = disk.state();
    if state.find(&name).is_some() {
        return system();
    }
    if let Err(refusal) = state.admit(Kind::Create, &name) {
        return refuse(refusal);
    }
    let answer = system();
    if answer == 0 {
        state.enter(Change::put(&name, Found::Folder));
    }
    answer
}
