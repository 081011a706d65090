//! The file of a store: opened with the first call, or at once where it is there already.

use super::statements;
use crate::storage::{
    OpenError,
    sqlite::{Core, Settings},
};
use std::{
    collections::BTreeSet,
    io::ErrorKind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

pub(super) struct File {
    settings: Settings,
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
    pub(super) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            opened: OnceCell::new(),
        })
    }

    /// Whether something lies in its place, of whatever kind. False in memory.
    pub(super) fn is_there(&self) -> bool {
        let found = self.settings.path.as_ref().map(|p| p.symlink_metadata());
        found.is_some_and(|found| !found.is_err_and(|e| e.kind() == ErrorKind::NotFound))
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
                let opened = file.opened.get_or_try_init(|| open(&file.settings));
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

async fn open(settings: &Settings) -> Result<Option<Opened>, OpenError> {
    let its = settings.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let mut buckets = BTreeSet::new();
        let core = Core::open(its, |connection| {
            statements::create_tables(connection)?;
            buckets = statements::buckets(connection)?;
            Ok(())
        })?;
        Ok(Some(Opened {
            core,
            buckets: Mutex::new(buckets),
        }))
    });
    opening.await.map_err(|error| unusable(settings, &error))?
}

fn unusable(settings: &Settings, error: &tokio::task::JoinError) -> OpenError {
    OpenError::Unusable {
        path: settings.path.clone().unwrap_or_else(|| ":memory:".into()),
        message: error.to_string(),
    }
}
