//! A plugin's section of the configuration, changed while it serves.

use super::{super::schema, *};
use crate::config::Settings;
use std::collections::BTreeMap;

/// The sections of all plugins that have one.
pub(in crate::plugin) type Sections = BTreeMap<PluginId, Arc<Settings>>;

impl Deployer {
    /// The section that a plugin's next build, and its next instances, are to have.
    pub(super) fn section(&self, id: &PluginId) -> Arc<Settings> {
        self.0.sections.load().get(id).cloned().unwrap_or_default()
    }

    /// The schema of a component's section, where it gives one. What takes long goes on where long requests do.
    pub(super) async fn schema(
        &self,
        component: &Arc<Component>,
        speaker: Speaker,
    ) -> Result<Option<Arc<str>>, LoadError> {
        let (shared, component) = (self.0.clone(), component.clone());
        let work = async move { schema::ask(&shared.linkers, &component, speaker).await };
        Watched::new(Lane::new(&self.0.engine), Box::pin(work)).await
    }

    /// Holds the section against the schema, where the build has one.
    pub(super) async fn judge(
        &self,
        id: &PluginId,
        schema: Option<&str>,
        section: &Settings,
    ) -> Result<(), LoadError> {
        match schema {
            Some(schema) => schema::judge(id, schema, section).await,
            None => Ok(()),
        }
    }

    /// The configuration has other sections now; returns the plugins whose own is not what it was. Each of them is to be
    /// told with [`Self::section_changed`].
    pub(in crate::plugin) fn change_sections(&self, sections: Sections) -> Vec<PluginId> {
        let before = self.0.sections.swap(Arc::new(sections));
        let now = self.0.sections.load();
        let ids = before.keys().chain(now.keys()).collect::<BTreeSet<_>>();
        let none = Arc::default();
        let of = |sections: &Sections, id: &PluginId| -> Arc<Settings> {
            sections.get(id).unwrap_or(&none).clone()
        };
        let changed = ids.into_iter().filter(|id| of(&before, id) != of(&now, id));
        changed.cloned().collect()
    }

    /// The build that serves gets the new section for its next instances, if that fits its schema. A build in the folder
    /// that was refused is tried again: it may have lacked just this.
    pub(in crate::plugin) async fn section_changed(&self, id: &PluginId) {
        let Some(mount) = self.0.registry.find(id.as_str()) else {
            return; // its first build will have it
        };
        let _turn = mount.deploying.clone().lock_owned().await;
        if !self.is_current(&mount) {
            return;
        }
        let problem = mount.problem();
        let live = mount.live();
        if let Some(live) = &live {
            self.change_section(&mount, live).await;
        }
        let may_help =
            |problem: Problem| matches!(problem.stage, Stage::Config | Stage::Start | Stage::Probe);
        let waits = live.map(|live| live.id) != mount.folder() && !self.is_gone(id);
        if waits && problem.is_some_and(may_help) {
            let file = self.file(id);
            let again = self.bring_in_turn(&mount, Source::File(&file), Origin::Folder);
            let again = again.await;
            audit::tell("deploy", By::Config, Some(id), &again);
        }
    }

    async fn change_section(&self, mount: &Mount, live: &Build) {
        let (id, build) = (mount.id(), live.id.short());
        let section = self.section(id);
        let judged = self.judge(id, live.schema.as_deref(), &section).await;
        audit::tell_section(id, live.id, &judged);
        if let Err(error) = judged {
            tracing::error!(
                plugin = %id, build = %build,
                "config: the new section is refused, and the one before it stays: {error}"
            );
            return mount.set_problem(Some(Problem::new(&error.of(live.id))));
        }
        live.change_section(section);
        tracing::info!(plugin = %id, build = %build, "config: new instances have the new section");
        let ended = |problem: &Problem| {
            let own = problem.build.as_deref() == Some(live.id.to_string().as_str());
            own && problem.stage == Stage::Config
        };
        if mount.problem().as_ref().is_some_and(ended) {
            mount.set_problem(None);
        }
    }
}
