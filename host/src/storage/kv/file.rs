//! The file of a store: opened with the first call, or at once where it is there already.

use super::{
    bucket::Lifetimes,
    clock::{Clock, milliseconds},
    statements,
};
use crate::storage::{
    Error, OpenError,
    sqlite::{Connection, Core, Settings},
};
use std::{
    collections::BTreeSet,
    io::ErrorKind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

pub(super) struct File {
    settings: Settings,
    lifetimes: Arc<Lifetimes>,
    clock: Clock,
    /// Within: none when it was closed before anybody opened it.
    opened: OnceCell<Option<Opened>>,
}

pub(super) struct Opened {
    pub(super) core: Core,
    /// The buckets that exist.
    buckets: Mutex<BTreeSet<String>>,
}

impl Opened {
    pub(super) fn buckets(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    pub(super) fn new(settings: Settings, lifetimes: Arc<Lifetimes>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            settings,
            lifetimes,
            clock,
            opened: OnceCell::new(),
        })
    }

    /// Whether something lies in its place, of whatever kind.
    pub(super) fn is_there(&self) -> bool {
        let found = self.settings.path.symlink_metadata();
        !found.is_err_and(|e| e.kind() == ErrorKind::NotFound)
    }

    /// None: not opened yet, or closed before it was.
    pub(super) fn get(&self) -> Option<&Opened> {
        self.opened.get()?.as_ref()
    }

    /// Opens it, if nobody did. None: it was closed before.
    pub(super) async fn open(self: &Arc<Self>) -> Result<Option<&Opened>, OpenError> {
        if self.opened.get().is_none() {
            let file = self.clone();
            // A task of its own: where the caller goes away meanwhile, the file is opened all the same, and only once.
            let opening = tokio::spawn(async move {
                let opened = file.opened.get_or_try_init(|| open(&file));
                opened.await.map(drop)
            });
            opening
                .await
                .map_err(|error| unusable(&self.settings, &error))??;
        }
        Ok(self.get())
    }

    /// Runs the writes that are queued, then closes the file; at most 10 s. One that is not open stays so.
    pub(super) async fn close(&self) {
        // Waits for an opening that is under way.
        if let Some(opened) = self.opened.get_or_init(|| async { None }).await {
            opened.core.close().await;
        }
    }
}

async fn open(file: &File) -> Result<Option<Opened>, OpenError> {
    let (settings, lifetimes) = (file.settings.clone(), file.lifetimes.clone());
    let (path, now) = (file.settings.path.clone(), file.clock.now());
    let opening = tokio::task::spawn_blocking(move || {
        let mut buckets = BTreeSet::new();
        let core = Core::open(settings, |connection| {
            in_transaction(connection, || statements::create_tables(connection))?;
            buckets = statements::buckets(connection)?.into_keys().collect();
            let adapted = in_transaction(connection, || adapt(connection, &lifetimes, now));
            if let Err(error) = adapted {
                tracing::warn!(
                    file = %path.display(), %error,
                    "values in a key-value store keep their old time to live"
                );
            }
            Ok(())
        })?;
        Ok(Some(Opened {
            core,
            buckets: Mutex::new(buckets),
        }))
    });
    opening
        .await
        .map_err(|error| unusable(&file.settings, &error))?
}

fn in_transaction(
    connection: &Connection,
    run: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    connection.control("BEGIN IMMEDIATE")?;
    let done = run().and_then(|()| connection.control("COMMIT"));
    if done.is_err() {
        // Where the failure ended the transaction, there is none any more.
        let _ = connection.control("ROLLBACK");
    }
    done
}

/// A time to live that is new, or shorter than it was, holds for what is there as well, from now on. So it does where a
/// value would live longer than any can: it was written while the system's clock was ahead.
fn adapt(connection: &Connection, lifetimes: &Lifetimes, now: i64) -> Result<(), Error> {
    let longest = lifetimes.longest();
    let latest = longest.map_or(i64::MAX, |ttl| now.saturating_add(milliseconds(ttl)));
    let ahead = statements::last_end(connection)?.is_some_and(|end| end > latest);
    for (bucket, before) in statements::buckets(connection)? {
        let ttl = lifetimes.of(&bucket).map(milliseconds);
        if let Some(ttl) = ttl.filter(|_| ahead || ttl != before) {
            statements::shorten(connection, &bucket, now.saturating_add(ttl))?;
        }
        if ttl != before {
            statements::set_ttl(connection, &bucket, ttl)?;
        }
    }
    Ok(())
}

fn unusable(settings: &Settings, error: &tokio::task::JoinError) -> OpenError {
    OpenError::Unusable {
        path: settings.path.clone(),
        message: error.to_string(),
    }
}
