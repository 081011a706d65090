//! Which plugin id has which mount: an immutable table that requests read without a lock, replaced when an id comes or
//! goes.

use super::mount::{Mount, Phase};
use crate::id::PluginId;
use arc_swap::ArcSwap;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

/// Cheap to clone; clones share the table.
#[derive(Clone, Default)]
pub struct Registry(Arc<Shared>);

#[derive(Default)]
struct Shared {
    mounts: ArcSwap<HashMap<PluginId, Arc<Mount>>>,
    /// The plugins folder has been looked at for the first time.
    scanned: watch::Sender<bool>,
}

impl Registry {
    pub fn find(&self, id: &str) -> Option<Arc<Mount>> {
        self.0.mounts.load().get(id).cloned()
    }

    /// All mounts, by id.
    pub fn all(&self) -> Vec<Arc<Mount>> {
        let mut all: Vec<_> = self.0.mounts.load().values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// `Err` with the reason while the host is not ready: a plugin whose first outcome is open, or a required one that
    /// does not serve.
    pub fn readiness(&self) -> Result<(), String> {
        if !*self.0.scanned.borrow() {
            return Err("the plugins are not loaded yet".into());
        }
        for mount in self.all() {
            match mount.phase() {
                Phase::Loading => return Err(format!("plugin {} is loading", mount.id())),
                Phase::Failed if mount.settings.required => {
                    return Err(format!(
                        "plugin {} is required and does not serve",
                        mount.id()
                    ));
                }
                Phase::Failed | Phase::Live => {}
            }
        }
        Ok(())
    }

    /// Returns when every plugin that was there at start has its first outcome: some seconds, or as long as the
    /// migrations take.
    pub async fn all_decided(&self) {
        // An error means that the sender is gone, and it is `self`.
        let _ = self
            .0
            .scanned
            .subscribe()
            .wait_for(|scanned| *scanned)
            .await;
        for mount in self.all() {
            mount.loaded().await;
        }
    }

    pub(super) fn scanned(&self) {
        self.0.scanned.send_replace(true);
    }

    /// The mount of this id; `make` makes one when there is none.
    pub(super) fn find_or_add(&self, id: &PluginId, make: impl Fn() -> Arc<Mount>) -> Arc<Mount> {
        if let Some(mount) = self.find(id.as_str()) {
            return mount;
        }
        let new = make();
        self.0.mounts.rcu(|mounts| {
            let mut mounts = HashMap::clone(mounts);
            mounts.entry(id.clone()).or_insert_with(|| new.clone());
            mounts
        });
        self.find(id.as_str()).unwrap_or(new)
    }

    pub(super) fn remove(&self, id: &PluginId) {
        self.0.mounts.rcu(|mounts| {
            let mut mounts = HashMap::clone(mounts);
            mounts.remove(id);
            mounts
        });
    }
}
