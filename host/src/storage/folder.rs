//! The folder of the databases: one host at a time, and for `:memory:` gone with its host.

use super::create_durably;
use crate::{config, id::PluginId};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const LOCK: &str = "greenroom.lock";

/// A killed host's lock goes a moment after its process: a child that it was about to start may hold it as well, until it
/// is another program. Whoever starts a new host at once waits for so long.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Private folders of hosts; whoever holds the lock inside is alive.
const PRIVATE: &str = "greenroom-memory-";

/// A private folder before it has its lock.
const UNFINISHED: &str = "greenroom-starting-";

/// An unfinished folder older than this was left behind by a crash.
const UNFINISHED_SECONDS: i64 = 600;

/// A locked folder. Keep it for as long as a database in it is open; open one per directory and process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Remove all of it on drop.
    private: bool,
    /// The lock goes when this is closed, a crash included.
    _lock: File,
}

/// Why the folder cannot be used. The messages are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error(
        "{}: another greenroom host{} uses this folder; stop it first, or give this one another \
         backend.database.connection.directory",
        .path.display(), pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    InUse { path: PathBuf, pid: Option<u32> },
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        source: io::Error,
    },
}

impl Folder {
    /// Creates the folder, where it is missing, and locks it. `runtime_dir`: where the private folders of `:memory:` go
    /// (`$XDG_RUNTIME_DIR`, else the folder for temporary files); those of hosts that died are removed.
    pub fn open(connection: &config::Connection, runtime_dir: &Path) -> Result<Self, FolderError> {
        match connection {
            config::Connection::Directory(path) => Self::open_directory(path),
            config::Connection::Memory => {
                remove_leftovers(runtime_dir);
                Self::open_private(runtime_dir)
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a plugin's database.
    pub fn database(&self, id: &PluginId) -> PathBuf {
        self.path.join(format!("{id}.sqlite"))
    }

    /// The file of a plugin's key-value store.
    pub fn keyvalue(&self, id: &PluginId) -> PathBuf {
        self.path.join(format!("{id}.kv.sqlite"))
    }

    fn open_directory(path: &Path) -> Result<Self, FolderError> {
        let io = |action, source| FolderError::Io {
            path: path.to_owned(),
            action,
            source,
        };
        create_durably(path, 0o700).map_err(|error| io("create it", error))?;
        // SQLite is told to follow no link, and means those on the way as well.
        let path = &path.canonicalize().map_err(|error| io("find it", error))?;
        let lock =
            open_lock(&path.join(LOCK)).map_err(|error| io("open greenroom.lock in it", error))?;
        match wait_for_lock(&lock) {
            Ok(true) => {}
            Ok(false) => {
                return Err(FolderError::InUse {
                    path: path.to_owned(),
                    pid: read_pid(&lock),
                });
            }
            Err(error) => return Err(io("lock greenroom.lock in it", error)),
        }
        match write_pid(&lock) {
            // The lock holds without it; what is to be read from a full disk should not wait for room.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                tracing::warn!(path = %path.display(), %error, "the pid could not be written to greenroom.lock");
            }
            written => written.map_err(|error| io("write greenroom.lock in it", error))?,
        }
        Ok(Self {
            path: path.clone(),
            private: false,
            _lock: lock,
        })
    }

    fn open_private(runtime_dir: &Path) -> Result<Self, FolderError> {
        let io = |action, source| FolderError::Io {
            path: runtime_dir.to_owned(),
            action,
            source,
        };
        // No link on the way, as above.
        let runtime_dir = &runtime_dir
            .canonicalize()
            .map_err(|error| io("find it", error))?;
        // The folder gets its name only with the lock held, so that no other host takes it for a leftover.
        let (lock, unfinished) = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir_in(runtime_dir)
            .and_then(|folder| {
                let lock = open_lock(&folder.path().join(LOCK))?;
                write_pid(&lock)?;
                if !try_lock(&lock)? {
                    return Err(io::Error::other("its new lock is held by someone else"));
                }
                Ok((lock, folder))
            })
            .map_err(|error| io("create a private folder in it", error))?;
        let name = unfinished
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .replace(UNFINISHED, PRIVATE);
        let path = runtime_dir.join(name);
        std::fs::rename(unfinished.path(), &path)
            .map_err(|error| io("name the private folder in it", error))?;
        // It has moved; nothing is left to remove under the old name.
        let _ = unfinished.keep();
        Ok(Self {
            path,
            private: true,
            _lock: lock,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.private
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the databases in memory could not be removed");
        }
    }
}

/// Removes private folders whose hosts are dead. What cannot be removed is left to the next start.
fn remove_leftovers(runtime_dir: &Path) {
    let user = rustix::process::getuid().as_raw();
    for entry in std::fs::read_dir(runtime_dir)
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // In a shared folder, a link or another user's folder is none of ours. `metadata` does not follow links here.
        let ours = entry
            .metadata()
            .is_ok_and(|data| data.is_dir() && data.uid() == user);
        let dead = ours
            && if name.starts_with(PRIVATE) {
                open_lock(&path.join(LOCK))
                    .and_then(|lock| try_lock(&lock))
                    .unwrap_or(false)
            } else {
                name.starts_with(UNFINISHED) && is_old(&path)
            };
        if dead {
            match std::fs::remove_dir_all(&path) {
                Ok(()) => {
                    tracing::info!(path = %path.display(), "removed the databases of a host that died")
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "could not remove a dead host's databases")
                }
            }
        }
    }
}

fn is_old(path: &Path) -> bool {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    path.symlink_metadata()
        .is_ok_and(|data| now.saturating_sub(data.mtime()) > UNFINISHED_SECONDS)
}

fn open_lock(path: &Path) -> io::Result<File> {
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits();
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options
        .custom_flags(i32::try_from(nofollow).unwrap_or(0))
        .open(path)
}

/// False: another process holds it, and did so for a second. Blocks.
fn wait_for_lock(lock: &File) -> io::Result<bool> {
    let until = Instant::now() + LOCK_WAIT;
    loop {
        let locked = try_lock(lock)?;
        if locked || Instant::now() >= until {
            return Ok(locked);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// False: another process holds it.
fn try_lock(lock: &File) -> io::Result<bool> {
    match flock(lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn read_pid(mut lock: &File) -> Option<u32> {
    let mut text = String::new();
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(mut lock: &File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.write_all(format!("{}\n", std::process::id()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Connection;

    #[test]
    fn a_second_holder_is_told_the_pid_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::Directory(dir.path().join("a/b"));
        let first = Folder::open(&connection, dir.path()).unwrap();
        let refused = Folder::open(&connection, dir.path()).unwrap_err();
        assert!(
            matches!(&refused, FolderError::InUse { pid: Some(pid), .. } if *pid == std::process::id()),
            "{refused}"
        );
        assert!(
            refused
                .to_string()
                .contains(&format!("(pid {})", std::process::id())),
            "{refused}"
        );
        let id = "todo".parse().unwrap();
        assert_eq!(first.database(&id), dir.path().join("a/b/todo.sqlite"));
        assert_eq!(first.keyvalue(&id), dir.path().join("a/b/todo.kv.sqlite"));
        drop(first);
        Folder::open(&connection, dir.path()).unwrap();
    }

    #[test]
    fn a_lock_that_goes_within_a_second_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::Directory(dir.path().into());
        let dying = Folder::open(&connection, dir.path()).unwrap();
        let gone = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(dying);
        });
        Folder::open(&connection, dir.path()).unwrap();
        gone.join().unwrap();
    }

    #[test]
    fn a_link_leads_to_the_folder_itself() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("real", &link).unwrap();
        let real = dir.path().join("real").canonicalize().unwrap();
        let folder = Folder::open(&Connection::Directory(link.clone()), dir.path()).unwrap();
        assert_eq!(folder.path(), real);
        let private = Folder::open(&Connection::Memory, &link).unwrap();
        assert!(private.path().starts_with(&real), "{private:?}");
    }

    #[test]
    fn a_dead_owners_lock_file_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(LOCK), "999999999\n").unwrap();
        let folder = Folder::open(&Connection::Directory(dir.path().into()), dir.path()).unwrap();
        assert_eq!(
            std::fs::read_to_string(folder.path().join(LOCK))
                .unwrap()
                .trim(),
            std::process::id().to_string()
        );
    }

    #[test]
    fn private_folders_go_with_their_hosts() {
        let runtime = tempfile::tempdir().unwrap();
        let alive = Folder::open(&Connection::Memory, runtime.path()).unwrap();
        assert_eq!(alive.path().metadata().unwrap().mode() & 0o777, 0o700);
        std::fs::write(alive.path().join("todo.sqlite"), "x").unwrap();
        // A host that died: its lock file is there, and nobody holds it.
        let dead = runtime.path().join(format!("{PRIVATE}dead"));
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(LOCK), "1\n").unwrap();
        std::fs::write(dead.join("todo.sqlite"), "x").unwrap();
        // Neither a link nor a folder that is just being made is a leftover.
        let elsewhere = runtime.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, runtime.path().join(format!("{PRIVATE}link")))
            .unwrap();
        let starting = runtime.path().join(format!("{UNFINISHED}x"));
        std::fs::create_dir(&starting).unwrap();

        let second = Folder::open(&Connection::Memory, runtime.path()).unwrap();
        assert!(!dead.exists());
        assert!(alive.path().join("todo.sqlite").exists());
        assert!(elsewhere.exists() && starting.exists());
        let (first, second_path) = (alive.path().to_owned(), second.path().to_owned());
        assert_ne!(first, second_path);
        drop((alive, second));
        assert!(!first.exists() && !second_path.exists());
    }
}
