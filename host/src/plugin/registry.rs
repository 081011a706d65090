//! Which plugin id has which mount: an immutable table that requests read without a lock, replaced when an id comes or
//! goes.

use super::mount::{Mount, Phase};
use crate::id::PluginId;
use arc_swap::ArcSwap;
use std::{collections::HashMap, sync::Arc};

/// Cheap to clone; clones share the table.
#[derive(Clone, Default)]
pub struct Registry(Arc<ArcSwap<HashMap<PluginId, Arc<Mount>>>>);

impl Registry {
    pub fn find(&self, id: &str) -> Option<Arc<Mount>> {
        self.0.load().get(id).cloned()
    }

    /// All mounts, by id.
    pub fn all(&self) -> Vec<Arc<Mount>> {
        let mut all: Vec<_> = self.0.load().values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// `Err` with the reason while the host is not ready: a plugin of its start without a first outcome, or a required
    /// one that does not serve or says that it is not well. The reason says nothing of the inside.
    pub fn readiness(&self) -> Result<(), String> {
        for mount in self.all() {
            let required = mount.settings.required;
            match mount.phase() {
                Phase::Loading if required || mount.from_start => {
                    return Err(format!("plugin {} is loading", mount.id()));
                }
                Phase::Failed if required => {
                    return Err(format!(
                        "plugin {} is required and does not serve",
                        mount.id()
                    ));
                }
                Phase::Live if required => {
                    if let Some(problem) = mount.health.problem() {
                        return Err(format!("plugin {} is required and {problem}", mount.id()));
                    }
                }
                Phase::Loading | Phase::Failed | Phase::Live => {}
            }
        }
        Ok(())
    }

    /// Returns when every plugin that was there at start has its first outcome: some seconds, or as long as the
    /// migrations take.
    pub async fn all_decided(&self) {
        for mount in self.all().into_iter().filter(|mount| mount.from_start) {
            mount.loaded().await;
            // Until its line is in the log.
            drop(mount.deploying.lock().await);
        }
    }

    /// The mount of this id; `make` makes one when there is none.
    pub(super) fn find_or_add(&self, id: &PluginId, make: impl Fn() -> Arc<Mount>) -> Arc<Mount> {
        if let Some(mount) = self.find(id.as_str()) {
            return mount;
        }
        let new = make();
        self.0.rcu(|mounts| {
            let mut mounts = HashMap::clone(mounts);
            mounts.entry(id.clone()).or_insert_with(|| new.clone());
            mounts
        });
        self.find(id.as_str()).unwrap_or(new)
    }

    pub(super) fn remove(&self, id: &PluginId) {
        self.0.rcu(|mounts| {
            let mut mounts = HashMap::clone(mounts);
            mounts.remove(id);
            mounts
        });
    }
}

#[cfg(test)]
mod tests;
