//! Builds that come as files, and what serves when the file's build does not.

use super::*;
use std::path::Path;

impl Deployer {
    /// At start: the file's build, else the builds that were live before, the last one first.
    pub(in crate::plugin) async fn first(&self, id: &PluginId, path: &Path) {
        if self.bring_file(id, path, Origin::Folder).await.is_ok() {
            return;
        }
        let refused = self.mount(id).problem();
        for build in self.0.history.of(id) {
            let Ok(bytes) = self.0.history.bytes(build) else {
                continue;
            };
            if refused.as_ref().and_then(|p| p.build.as_deref()) == Some(build.to_string().as_str())
            {
                continue; // that is the one that was refused
            }
            if self.bring(id, bytes, Origin::Fallback).await.is_ok() {
                tracing::warn!(plugin = %id, build = %build.short(), "the file's build is refused: the last live build serves");
                break;
            }
        }
        // The refused file is what the operator needs to see, not how the fallback went.
        self.mount(id).set_problem(refused);
    }

    /// After a change of the file. What happened is in the log and in `greenroom plugins`.
    pub(in crate::plugin) async fn file_changed(&self, id: &PluginId, path: &Path, origin: Origin) {
        // Told where it happened.
        let _ = self.bring_file(id, path, origin).await;
    }

    async fn bring_file(
        &self,
        id: &PluginId,
        path: &Path,
        origin: Origin,
    ) -> Result<(), LoadError> {
        match component::read_file(path) {
            Ok(bytes) => self.bring(id, bytes, origin).await.map(|_| ()),
            Err(error) => {
                let mount = self.mount(id);
                tracing::error!(plugin = %id, outcome = "refused", stage = ?error.stage, "deploy: {error}");
                mount.set_problem(Some(Problem::new(None, &error)));
                mount.fail();
                Err(error)
            }
        }
    }

    /// The config names a plugin whose file is not there.
    pub(in crate::plugin) fn missing(&self, id: &PluginId) {
        let mount = self.mount(id);
        let error = LoadError::new(
            Stage::File,
            format!("there is no file {}", self.file(id).display()),
        );
        tracing::error!(plugin = %id, outcome = "refused", "deploy: {error}");
        mount.set_problem(Some(Problem::new(None, &error)));
        mount.fail();
    }
}
