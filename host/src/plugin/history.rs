//! `plugins.state`: the builds that were live, so that one can come back. `<id>.json` holds their order, `builds/` their
//! bytes, named by hash and shared between plugins.

use crate::{
    id::{BuildId, PluginId},
    storage,
};
use bytes::Bytes;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Builds kept a plugin, the live one included.
const KEPT: usize = 5;

const LOCK: &str = "plugins.lock";

/// Of components and their order: what is in them is no secret.
pub(super) const MODE: u32 = 0o644;

pub(super) struct History {
    folder: PathBuf,
    /// Of two hosts, one would remove what the other is just recording. The lock goes when this is closed.
    _lock: Option<File>,
    /// Held while files change: the clean-up must not take a build that another plugin is just recording.
    writing: Mutex<()>,
}

#[derive(Serialize, Deserialize)]
struct Order {
    /// 64 hex digits each, the one that was live last first.
    builds: Vec<String>,
}

impl History {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let builds = folder.join("builds");
        storage::create_durably(&builds, 0o777)?;
        let lock = lock(&folder.join(LOCK))?;
        if lock.is_some() {
            for folder in [folder, &builds] {
                if let Err(error) = storage::remove_unfinished(folder, Duration::ZERO) {
                    tracing::warn!(folder = %folder.display(), %error, "unfinished files are not removed");
                }
            }
        }
        Ok(Self {
            folder: folder.into(),
            _lock: lock,
            writing: Mutex::default(),
        })
    }

    /// The builds that were live, the last one first. A file that cannot be read counts as none, and is told in the log.
    pub(super) fn of(&self, id: &PluginId) -> Vec<BuildId> {
        self.read(id).unwrap_or_else(|error| {
            let path = self.order_path(id);
            tracing::warn!(path = %path.display(), %error, "the history of builds cannot be read");
            Vec::new()
        })
    }

    /// Damaged content counts as none; a file that cannot be read now is an error.
    fn read(&self, id: &PluginId) -> io::Result<Vec<BuildId>> {
        let path = self.order_path(id);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice::<Order>(&text) {
            Ok(order) => Ok(order.builds.iter().filter_map(|b| b.parse().ok()).collect()),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the history of builds is damaged");
                Ok(Vec::new())
            }
        }
    }

    /// The bytes of a recorded build. Damaged ones are an error.
    pub(super) fn bytes(&self, build: BuildId) -> io::Result<Bytes> {
        let path = self.build_path(build);
        let bytes = Bytes::from(std::fs::read(&path)?);
        if BuildId::of(&bytes) != build {
            return Err(io::Error::other(format!(
                "{} is not what was recorded",
                path.display()
            )));
        }
        Ok(bytes)
    }

    /// Whether `build` is recorded as the one that is live, on disk: then [`Self::record`] writes nothing.
    pub(super) fn is_last(&self, id: &PluginId, build: BuildId) -> bool {
        let last = |builds: Vec<BuildId>| builds.first() == Some(&build);
        self.read(id).is_ok_and(last) && self.build_path(build).exists() && self.sync().is_ok()
    }

    /// Both folders: who finds a name there may have been told before that it could not be synced.
    fn sync(&self) -> io::Result<()> {
        File::open(self.folder.join("builds"))?.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }

    /// Records that `build` is live from now on. On disk when it returns.
    pub(super) fn record(&self, id: &PluginId, build: BuildId, bytes: &[u8]) -> io::Result<()> {
        if self.is_last(id, build) {
            return Ok(());
        }
        let mut builds = self.read(id)?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.build_path(build).exists() {
            self.sync()?;
        } else {
            storage::write_durably(&self.build_path(build), bytes, MODE)?;
        }
        builds.retain(|b| *b != build);
        builds.insert(0, build);
        builds.truncate(KEPT);
        let order = Order {
            builds: builds.iter().map(ToString::to_string).collect(),
        };
        let order = serde_json::to_vec(&order)?;
        storage::write_durably(&self.order_path(id), &order, MODE)?;
        if let Err(error) = self.clean_up() {
            tracing::warn!(folder = %self.folder.display(), %error, "builds that no plugin names are not removed");
        }
        Ok(())
    }

    /// Removes builds that no plugin's order names.
    fn clean_up(&self) -> io::Result<()> {
        let mut named = HashSet::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "json") {
                let Ok(order) = serde_json::from_slice::<Order>(&std::fs::read(&path)?) else {
                    return Ok(());
                };
                named.extend(order.builds);
            }
        }
        for entry in std::fs::read_dir(self.folder.join("builds"))? {
            let path = entry?.path();
            let stem = path
                .file_stem()
                .and_then(|s| s.to_str())
                .unwrap_or_default();
            if stem.parse::<BuildId>().is_ok() && !named.contains(stem) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn order_path(&self, id: &PluginId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn build_path(&self, build: BuildId) -> PathBuf {
        self.folder.join("builds").join(format!("{build}.wasm"))
    }
}

/// None where nobody can write: what is recorded there still serves.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    // A pipe in its place is an error, not a wait.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits();
    options
        .mode(0o600)
        .custom_flags(i32::try_from(nonblock).unwrap_or(0));
    let lock = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => return Ok(None),
        lock => lock?,
    };
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another greenroom host uses it; stop it first, or give this one a folder of its own",
        )),
        locked => Ok(locked.map(|()| Some(lock))?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_five_builds_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        let id: PluginId = "todo".parse().unwrap();
        let bytes: Vec<Vec<u8>> = (0..7u8).map(|n| vec![n; 10]).collect();
        for b in &bytes {
            history.record(&id, BuildId::of(b), b).unwrap();
        }
        let newest_first: Vec<_> = bytes.iter().rev().take(5).map(|b| BuildId::of(b)).collect();
        assert_eq!(history.of(&id), newest_first);
        assert_eq!(
            std::fs::read_dir(folder.path().join("builds"))
                .unwrap()
                .count(),
            5
        );
        // An older one that is live again moves to the front.
        history
            .record(&id, BuildId::of(&bytes[3]), &bytes[3])
            .unwrap();
        assert_eq!(history.of(&id)[0], BuildId::of(&bytes[3]));
        assert_eq!(history.of(&id).len(), 5);
        assert_eq!(history.bytes(BuildId::of(&bytes[5])).unwrap(), bytes[5]);
    }

    #[test]
    fn a_build_that_another_plugin_names_stays() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        let (a, b): (PluginId, PluginId) = ("a".parse().unwrap(), "b".parse().unwrap());
        history
            .record(&a, BuildId::of(b"shared"), b"shared")
            .unwrap();
        for n in 0..6u8 {
            history.record(&b, BuildId::of(&[n]), &[n]).unwrap();
        }
        history.bytes(BuildId::of(b"shared")).unwrap();
    }

    #[test]
    fn damaged_files_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        let id: PluginId = "todo".parse().unwrap();
        history.record(&id, BuildId::of(b"x"), b"x").unwrap();
        assert!(history.is_last(&id, BuildId::of(b"x")));
        assert!(!history.is_last(&id, BuildId::of(b"y")));
        std::fs::write(history.build_path(BuildId::of(b"x")), b"y").unwrap();
        assert!(history.bytes(BuildId::of(b"x")).is_err());
        std::fs::write(history.order_path(&id), b"{").unwrap();
        assert_eq!(history.of(&id), []);
        assert!(!history.is_last(&id, BuildId::of(b"x")));
    }
}
