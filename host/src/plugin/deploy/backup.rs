//! `greenroom backup`, in the host that runs: each plugin in its turn, so that its data and its build belong together.

use super::*;
use crate::plugin::backup::{Draft, Report, Sources, Wanted, chosen};

impl Deployer {
    /// Copies data and builds into a new folder, while they are used.
    pub async fn backup(&self, wanted: &Wanted) -> anyhow::Result<Report> {
        let shared = &self.0;
        let from = Sources {
            databases: &shared.databases,
            settings: &shared.settings,
            history: &shared.history,
        };
        let mut draft = block_in_place(|| Draft::begin(&wanted.folder))?;
        let mounts = shared.registry.all();
        let mut known = block_in_place(|| from.plugins());
        known.extend(mounts.iter().map(|mount| mount.id().clone()));
        for id in chosen(&wanted.plugins, known)? {
            // One that is not served has nobody who would migrate its data.
            let Some(mount) = shared.registry.find(id.as_str()) else {
                block_in_place(|| draft.add(&id, None, &from))?;
                let unchanged = shared.registry.find(id.as_str()).is_none();
                anyhow::ensure!(
                    unchanged,
                    "{id} was deployed meanwhile; take the backup again"
                );
                continue;
            };
            let _turn = mount.deploying.clone().lock_owned().await;
            let live = mount.live().map(|build| build.id);
            block_in_place(|| draft.add(&id, live, &from))?;
        }
        let report = block_in_place(|| draft.finish())?;
        tracing::info!(folder = %report.folder.display(), "backup");
        Ok(report)
    }
}
