//! What people ask for over the admin socket. Each is an audit event, whatever it comes to.

use super::*;

impl Deployer {
    /// `greenroom deploy`: `id` or else the descriptor's. `user`: the id of who asks, for the audit log.
    pub async fn deploy(
        &self,
        id: Option<PluginId>,
        bytes: Bytes,
        user: u32,
    ) -> Result<Outcome, LoadError> {
        let mut id = id;
        let outcome = self.upload(&mut id, bytes.clone()).await;
        let outcome = outcome.map_err(|error| error.of(block_in_place(|| BuildId::of(&bytes))));
        audit::tell("deploy", By::User(user), id.as_ref(), &outcome);
        outcome
    }

    /// `greenroom rollback`: the build that was live before this one. `user`: as for [`Self::deploy`].
    pub async fn rollback(&self, id: &PluginId, user: u32) -> Result<Outcome, LoadError> {
        let outcome = self.go_back(id).await;
        audit::tell("rollback", By::User(user), Some(id), &outcome);
        outcome
    }

    /// `greenroom remove`: deletes the file, ends the plugin, keeps its data. `user`: as for [`Self::deploy`].
    pub async fn remove(&self, id: &PluginId, user: u32) -> Result<Outcome, LoadError> {
        let outcome = self.take_out(id).await;
        audit::tell("remove", By::User(user), Some(id), &outcome);
        outcome
    }

    /// A file that config gives to several plugins is not replaced for one of them.
    pub(super) fn own_file(&self, id: &PluginId) -> Result<(), LoadError> {
        let file = self.file(id);
        let others: Vec<String> = (self.0.settings.entries.keys())
            .filter(|other| *other != id && self.file(other) == file)
            .map(ToString::to_string)
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(LoadError::new(
            Stage::Request,
            format!(
                "the file {} serves {} as well: replace the file itself",
                file.display(),
                others.join(", ")
            ),
        ))
    }

    /// After a change of levels in the log: instances that were told of other ones end. `None`: those of all plugins.
    pub fn levels_changed(&self, of: Option<&PluginId>) {
        for mount in self.0.registry.all() {
            if of.is_none_or(|id| id == mount.id()) {
                mount.forget_levels();
            }
        }
    }
}
