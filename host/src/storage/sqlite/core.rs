//! What the plugins' databases and the key-value stores share: one file, its writer and its readers.

use super::{
    call::Call,
    connection::{Connection, Role, Settings},
    copy,
    faults::Fault,
    readers::{Audience, Readers},
    writer::Writer,
};
use crate::storage::{Error, LimitExceeded, LimitKind, OpenError};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// For threads to end on close.
const CLOSING: Duration = Duration::from_secs(10);

/// An open database file. Dropped, its threads end after the work they have.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) writer: Writer,
    readers: Arc<Readers>,
    closed: AtomicBool,
    /// Ends when all threads have ended.
    threads: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Core {
    /// Opens or creates the file; `prepare` sets up the host's own tables. Blocks.
    pub(crate) fn open(
        settings: Settings,
        prepare: impl FnOnce(&Connection) -> Result<(), Error>,
    ) -> Result<Self, OpenError> {
        let path = settings.path.clone();
        let unusable = |message: String| OpenError::Unusable {
            path: path.clone(),
            message,
        };
        check_plain(&path)?;
        copy::recover(&path).map_err(|(action, source)| OpenError::Io {
            path: path.clone(),
            action,
            source,
        })?;
        create_private(&path)?;
        let connection = Connection::open(&settings, Role::Writer)
            .map_err(|error| unusable(error.to_string()))?;
        prepare(&connection).map_err(|error| unusable(error.to_string()))?;
        let settings = Settings {
            file: connection.file(),
            ..settings
        };
        let (alive, threads) = mpsc::channel(1);
        let readers = Readers::new(settings.clone(), alive.clone());
        let audience = Audience(Arc::downgrade(&readers));
        let writer =
            Writer::start(connection, audience, alive).map_err(|source| OpenError::Io {
                path: path.clone(),
                action: "start its thread",
                source,
            })?;
        Ok(Self {
            settings,
            writer,
            readers,
            closed: AtomicBool::new(false),
            threads: Mutex::new(Some(threads)),
        })
    }

    pub(crate) fn ensure_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            Err(Error::closed())
        } else {
            Ok(())
        }
    }

    /// Runs a read at once on a connection of the stack. `now`: when it was begun. [`Fault::Slow`]: it must run on a
    /// thread.
    pub(super) fn read_inline<T>(
        &self,
        now: Instant,
        until: Instant,
        run: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(connection) = self.readers.lease_looking(now)? else {
            return Err(Fault::Slow);
        };
        connection.set_inline(true);
        connection
            .watch
            .arm(until, Some(Readers::inline_end(now)), None);
        run(&connection)
    }

    /// Runs a read on one of the database's reader threads.
    pub(super) async fn read_on_thread<T: Send + 'static>(
        &self,
        until: Instant,
        run: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let read =
            self.readers
                .on_thread(until, move |connection: &Connection, call: &Arc<Call>| {
                    connection.set_inline(false);
                    connection.watch.arm(until, None, Some(call.clone()));
                    // A fault is an answer here; an error is a failure to run it at all.
                    Ok(run(connection))
                });
        read.await?
    }

    /// As [`Self::read_inline`], for the host's own reads. None: it must run on a thread.
    pub(crate) fn read_now<T>(
        &self,
        until: Instant,
        run: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        let run = |connection: &Connection| run(connection).map_err(Fault::from);
        match self.read_inline(Instant::now(), until, run) {
            // So a fault of size or time shows here, and the limits on a thread are wider.
            Err(
                Fault::Slow
                | Fault::Failed(Error::LimitExceeded(LimitExceeded {
                    kind: LimitKind::ValueSize,
                    ..
                })),
            ) => None,
            outcome => Some(outcome.map_err(|fault| fault.into_error(self.settings.limits.value))),
        }
    }

    /// As [`Self::read_on_thread`], for the host's own reads.
    pub(crate) async fn read_later<T: Send + 'static>(
        &self,
        until: Instant,
        mut run: impl FnMut(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let read = self
            .read_on_thread(until, move |connection| {
                run(connection).map_err(Fault::from)
            })
            .await;
        read.map_err(|fault| fault.into_error(self.settings.limits.value))
    }

    pub(super) fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    /// Bytes of the file and its write-ahead log.
    pub(crate) fn size(&self) -> u64 {
        let path = &self.settings.path;
        let length = |path: &Path| path.metadata().map_or(0, |file| file.len());
        length(path) + length(&copy::beside(path, "-wal"))
    }

    /// See [`crate::storage::Database::close`].
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.readers.close();
        self.writer.close();
        let threads = self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut threads) = threads
            && tokio::time::timeout(CLOSING, threads.recv()).await.is_err()
        {
            tracing::warn!(path = ?self.settings.path, "a statement of the database still runs; its file stays open");
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.readers.close();
    }
}

/// A pipe would keep its opener waiting for ever, a device is no database, and a link leads out of the locked folder.
fn check_plain(path: &Path) -> Result<(), OpenError> {
    let beside = ["-wal", "-shm", "-journal"].map(|suffix| copy::beside(path, suffix));
    for path in std::iter::once(path.to_owned())
        .chain(beside)
        .chain(copy::places(path))
    {
        let kind = match path.symlink_metadata() {
            Ok(meta) if meta.is_file() => continue,
            Ok(meta) if meta.is_dir() => "a folder",
            Ok(meta) if meta.is_symlink() => "a symbolic link",
            Ok(_) => "a pipe, a socket or a device",
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(OpenError::Io {
                    path,
                    action: "look at it",
                    source,
                });
            }
        };
        return Err(OpenError::Unusable {
            path,
            message: format!("it is {kind}"),
        });
    }
    Ok(())
}

/// Creates the file, if it is missing, for the host's user alone. SQLite gives -wal and -shm the same mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path);
    file.map(drop).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        action: "open or create it",
        source,
    })
}
