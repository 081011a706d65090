//! Compiled components on disk. Loading compiled code is trusting it with the whole process, so the folder must be ours
//! alone, each file's SHA-256 is checked, and it is the checked file itself (the open descriptor) that is mapped.
//! Anything that does not match is compiled again.

use super::{
    compile::{self, CompileError, compatibility},
    in_use::InUse,
};
use crate::id::{BuildId, PluginId};
use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{BufReader, Read, Write},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::task::block_in_place;
use wasmtime::component::Component;

/// Compiled components kept; past it the ones unused for longest go. One of a Rust plugin takes 1 to 2 MB.
const MAX_FILES: usize = 1024;

/// What the name of a file begins with until it is whole: tempfile's default.
const UNFINISHED: &str = ".tmp";
/// Such a file that nobody has written to for so long was left by a host that was killed. Hosts may share the folder.
const UNFINISHED_FOR: Duration = Duration::from_secs(3600);

/// Bytes that are hashed at once: a few reads for a file of some MiB.
const READ: usize = 128 << 10;

/// Why a cache folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error(
        "plugins.cache: {} must be a folder that belongs to the user who runs greenroom and is closed to everybody else: \
         {why}. Correct it (chmod 700) or name another folder",
        folder.display()
    )]
    NotPrivate { folder: PathBuf, why: String },
    #[error("plugins.cache: {}: {error}", folder.display())]
    Io {
        folder: PathBuf,
        error: std::io::Error,
    },
}

/// The folder `plugins.cache`, and what of it is mapped.
pub struct Cache {
    folder: PathBuf,
    compatibility: u64,
    in_use: InUse<Component>,
}

impl Cache {
    /// Creates the folder when it is missing (0700) and refuses one that others can write to or that is not ours.
    pub(super) fn open(folder: &Path, engine: &wasmtime::Engine) -> Result<Self, CacheError> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| CacheError::Io {
                folder: folder.into(),
                error,
            })?;
        let cache = Self {
            folder: folder.into(),
            compatibility: compatibility(engine),
            in_use: InUse::default(),
        };
        cache.check_private()?;
        if let Err(error) = cache.remove_unfinished() {
            tracing::warn!(folder = %folder.display(), %error, "unfinished files are not removed");
        }
        Ok(cache)
    }

    fn remove_unfinished(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                let meta = entry.metadata()?;
                let age = meta.modified()?.elapsed().unwrap_or_default();
                if meta.is_file() && age >= UNFINISHED_FOR {
                    // Another host may have been faster.
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
        Ok(())
    }

    /// The component ready to link: one that is in use already, or from the cache, or compiled in a child process (and
    /// then kept). Who holds the answer shares it with whoever loads the same bytes meanwhile.
    ///
    /// `plugin`: whose compile it is, for those who watch.
    pub async fn load(
        &self,
        engine: &wasmtime::Engine,
        id: BuildId,
        component: Bytes,
        plugin: Option<&PluginId>,
    ) -> Result<Arc<Component>, CompileError> {
        let load = async {
            // Reading, hashing and mapping megabytes is not for the workers that serve requests.
            if let Some(found) = block_in_place(|| self.find(engine, id)) {
                return Ok(found);
            }
            let turn = compile::turn().await?;
            let code = compile::compile(&turn, engine, component, plugin).await?;
            block_in_place(|| self.keep(engine, id, &code))
                .map_err(|e| CompileError::Invalid(format!("{e:#}")))
        };
        self.in_use.get_or(id, load).await
    }

    fn find(&self, engine: &wasmtime::Engine, id: BuildId) -> Option<Component> {
        // The reason is told when the fresh code is not kept either.
        self.check_private().ok()?;
        let found = match open_checked(&self.path(id)) {
            Ok(file) => map(engine, &file?).map_err(|e| format!("{e:#}")),
            Err(error) => Err(error),
        };
        found
            .inspect_err(|error| {
                tracing::warn!(build = %id.short(), error, "cached code is refused; compiling again");
            })
            .ok()
    }

    fn keep(
        &self,
        engine: &wasmtime::Engine,
        id: BuildId,
        code: &[u8],
    ) -> wasmtime::Result<Component> {
        let path = self.path(id);
        let stored = self
            .check_private()
            .map_err(|e| e.to_string())
            .and_then(|()| {
                self.store(&path, code).map_err(|e| e.to_string())?;
                open_checked(&path)?.ok_or_else(|| "the file just written is gone".to_owned())
            });
        match stored {
            Ok(file) => map(engine, &file),
            Err(error) => {
                tracing::warn!(build = %id.short(), error, "compiled code is not kept in the cache");
                from_memory(engine, code)
            }
        }
    }

    fn path(&self, id: BuildId) -> PathBuf {
        self.folder
            .join(format!("{id}-{:016x}.cwasm", self.compatibility))
    }

    /// Whoever can write here can run code in the host: looked at before each use.
    fn check_private(&self) -> Result<(), CacheError> {
        let folder = &self.folder;
        let meta = std::fs::symlink_metadata(folder).map_err(|error| CacheError::Io {
            folder: folder.clone(),
            error,
        })?;
        let not = |why: String| {
            Err(CacheError::NotPrivate {
                folder: folder.clone(),
                why,
            })
        };
        if !meta.is_dir() {
            return not("it is no folder".into());
        }
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return not(format!("it belongs to user {}", meta.uid()));
        }
        if meta.mode() & 0o077 != 0 {
            return not(format!("its mode is {:03o}", meta.mode() & 0o777));
        }
        Ok(())
    }

    /// Code first, its digest second, each renamed into place: a crash in between leaves a pair that does not match.
    fn store(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        self.make_room()?;
        let digest = hex::encode(Sha256::digest(code));
        for (target, bytes) in [
            (path.to_owned(), code),
            (digest_path(path), digest.as_bytes()),
        ] {
            let mut file = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .tempfile_in(&self.folder)?; // 0600
            file.write_all(bytes)?;
            file.persist(target).map_err(|e| e.error)?;
        }
        Ok(())
    }

    fn make_room(&self) -> std::io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "cwasm") {
                let used = std::fs::metadata(&path)
                    .and_then(|m| m.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used, path));
            }
        }
        files.sort();
        let excess = (files.len() + 1).saturating_sub(MAX_FILES);
        for (_, path) in files.into_iter().take(excess) {
            // A file that another host removed first is as good as removed.
            let _ = std::fs::remove_file(digest_path(&path));
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }
}

fn digest_path(path: &Path) -> PathBuf {
    path.with_extension("sha256")
}

/// The file, opened once, when its content has the recorded digest; `None` when nothing is cached.
fn open_checked(path: &Path) -> Result<Option<File>, String> {
    let open = |path: &Path| match rustix::fs::open(
        path,
        // A pipe would keep an open without NONBLOCK waiting for ever.
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        Ok(fd) => Ok(Some(File::from(fd))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    let (Some(file), Some(digest)) = (open(path)?, open(&digest_path(path))?) else {
        return Ok(None);
    };
    let meta = file.metadata().map_err(|e| e.to_string())?;
    let digest_meta = digest.metadata().map_err(|e| e.to_string())?;
    if !meta.is_file() || !digest_meta.is_file() {
        return Err(format!("{} or its digest is no plain file", path.display()));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
        return Err(format!("{} is writable by others", path.display()));
    }
    let mut expected = String::new();
    digest
        .take(64)
        .read_to_string(&mut expected)
        .map_err(|e| e.to_string())?;
    if hex::encode(digest_of(&file).map_err(|e| e.to_string())?) != expected {
        return Err(format!("{} is not what was written there", path.display()));
    }
    // Tells `make_room` that it is in use; a failure costs a recompile some day.
    let _ = file.set_modified(SystemTime::now());
    Ok(Some(file))
}

fn digest_of(file: &File) -> std::io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut BufReader::with_capacity(READ, file), &mut hasher)?;
    Ok(hasher.finalize().into())
}

#[expect(
    unsafe_code,
    reason = "loading code that this host compiled, from a private folder, digest checked"
)]
fn map(engine: &wasmtime::Engine, file: &File) -> wasmtime::Result<Component> {
    // Through the descriptor: the path could name another file by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the bytes are what `precompile_component` of this binary wrote: `open_checked` compared their digest and
    // that nobody else can write the file or its folder. wasmtime refuses code of other settings or versions itself.
    unsafe { Component::deserialize_file(engine, path) }
}

#[expect(
    unsafe_code,
    reason = "loading code that the child process of this host has just compiled"
)]
fn from_memory(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes came over a pipe from our own child, which is this binary.
    unsafe { Component::deserialize(engine, code) }
}
