//! Builds that come as files, and what serves when the file's build does not.

use super::*;
use std::path::Path;

/// How long a file may take to arrive; longer ones should be renamed into the folder.
const SLOW_COPY: Duration = Duration::from_secs(120);

impl Deployer {
    /// At start: the file's build, else the builds that were live before, the last one first. Requests wait meanwhile.
    pub(in crate::plugin) async fn first(&self, id: &PluginId, path: &Path) {
        // One turn for all of it: nobody's deploy comes between the refusal and what serves instead.
        let (mount, _turn) = self.turn(id).await;
        let file = self.bring_in_turn(&mount, Source::File(path), Origin::Start);
        let file = file.await;
        audit::tell("deploy", By::Start, Some(id), &file);
        let Err(refused) = file else {
            return;
        };
        if refused.stage == Stage::Storage {
            // No build is at fault. An older one could serve only because the data came back just now.
            mount.fail();
            return;
        }
        let problem = mount.problem();
        for build in self.0.history.of(id) {
            if refused.build == Some(build) {
                continue;
            }
            let Ok(bytes) = block_in_place(|| self.0.history.bytes(build)) else {
                continue;
            };
            let fallback = self.bring_in_turn(&mount, Source::Bytes(bytes), Origin::Fallback);
            let fallback = fallback.await;
            audit::tell("deploy", By::Start, Some(id), &fallback);
            if fallback.is_ok() {
                tracing::warn!(plugin = %id, build = %build.short(), "the file's build is refused: the last live build serves");
                break;
            }
        }
        // The refused file is what the operator needs to see, not how the fallback went.
        mount.set_problem(problem);
        mount.fail();
    }

    /// After a change of the file. What happened is in the log and in `greenroom plugins`.
    pub(in crate::plugin) async fn file_changed(&self, id: &PluginId, path: &Path) {
        let patience = Instant::now() + SLOW_COPY;
        while Instant::now() < patience && block_in_place(|| component::is_arriving(path)) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // The log has it already, from where it happened.
        let outcome = self.bring(id, Source::File(path), Origin::Folder).await;
        audit::tell("deploy", By::Folder, Some(id), &outcome);
    }

    /// The config names a plugin whose file is not there.
    pub(in crate::plugin) fn missing(&self, id: &PluginId) {
        let mount = self.mount(id);
        let error = LoadError::new(
            Stage::File,
            format!("there is no file {}", self.file(id).display()),
        );
        tracing::error!(plugin = %id, outcome = "refused", "deploy: {error}");
        mount.set_problem(Some(Problem::new(&error)));
        mount.fail();
    }
}
