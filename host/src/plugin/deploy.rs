//! Bringing a build to life: load, migrate, start, publish. Whatever fails, the build before it goes on serving.

mod asked;
mod audit;
mod backup;
mod file;
mod migrate;
mod permissions;
mod section;
mod step;

use super::{
    build::{Build, Ground},
    component, describe,
    descriptor::Descriptor,
    gate::{Gate, Hold},
    header,
    history::{History, MODE},
    hook::Places,
    link::Linkers,
    load_error::{LoadError, Stage},
    mount::{Data, Mount},
    pool::Slots,
    registry::Registry,
    state::Services,
    status::{Done, Outcome, Problem, Status, milliseconds},
};
use crate::{
    config,
    engine::{Engine, Lane, Watched},
    id::{BuildId, PluginId},
    permissions::Authority,
    service::{self, Speaker},
    storage::{
        self, Database, Durability,
        kv::{Keyvalue, Lifetimes},
    },
};
use arc_swap::ArcSwap;
use audit::By;
use bytes::Bytes;
use futures_util::future::join_all;
use section::Sections;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedMutexGuard, Semaphore},
    task::block_in_place,
};
use wasmtime::component::Component;

/// A file in the plugins folder whose writer was killed is removed at a start after so long: until then another host,
/// which shares the folder, may be writing it.
const UNFINISHED: Duration = Duration::from_secs(3600);

/// For `stop` of all builds of a plugin that is removed: the last one's takes up to 5 s, and may wait for its turn.
const STOPS: Duration = Duration::from_secs(15);

/// Deploys of different plugins that run at once; each takes two instances beyond the pool's.
const AT_ONCE: usize = 16;

/// Why a deploy starts, and with it what happens to the file in the plugins folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The file lay there when the host started; what serves when it is refused is still to be decided.
    Start,
    /// The file changed.
    Folder,
    /// `greenroom deploy`: the file is replaced when the build is ready.
    Upload,
    /// `greenroom rollback`: likewise.
    Rollback,
    /// The last live build, since the file's was refused at start: the file stays.
    Fallback,
}

impl Origin {
    /// Whether the file in the plugins folder is to be replaced by this build.
    fn is_upload(self) -> bool {
        matches!(self, Self::Upload | Self::Rollback)
    }
}

/// Where a build's bytes are.
pub(super) enum Source<'a> {
    Bytes(Bytes),
    File(&'a Path),
}

/// Cheap to clone; clones work on the same plugins.
#[derive(Clone)]
pub struct Deployer(Arc<Shared>);

struct Shared {
    registry: Registry,
    engine: Engine,
    linkers: Linkers,
    slots: Arc<Slots>,
    history: History,
    settings: config::Plugins,
    /// What the configuration says now; those in `settings` are what it said at the start.
    sections: ArcSwap<Sections>,
    databases: Databases,
    authority: Authority,
    at_once: Semaphore,
    places: Arc<Places>,
}

/// Where plugins' data lies.
pub struct Databases {
    pub settings: config::Databases,
    pub cache: config::CacheStore,
    /// How long values live in buckets that have no ttl of their own.
    pub cache_ttl: Option<Duration>,
    /// One for each connection that the settings name, locked.
    pub folders: Vec<(config::Connection, Arc<storage::Folder>)>,
}

/// In which uploads are kept: the plugins folder, and those of files that the config names.
fn component_folders(settings: &config::Plugins) -> BTreeSet<PathBuf> {
    let named = settings.entries.values().filter_map(|plugin| {
        let parent = plugin.component.as_ref()?.parent()?;
        Some(parent.to_owned())
    });
    named.chain([settings.directory.clone()]).collect()
}

impl Deployer {
    pub fn new(
        registry: Registry,
        engine: Engine,
        max_instances: u32,
        settings: config::Plugins,
        databases: Databases,
        authority: Authority,
    ) -> anyhow::Result<Self> {
        use anyhow::Context;
        super::backup::finish_restore(&settings)?;
        let linkers = Linkers::new(engine.wasmtime()).map_err(|e| anyhow::anyhow!("{e:#}"))?;
        let history = History::open(&settings.state).with_context(|| {
            format!(
                "plugins.state: cannot use the folder {}",
                settings.state.display()
            )
        })?;
        for folder in component_folders(&settings) {
            match storage::remove_unfinished(&folder, UNFINISHED) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(folder = %folder.display(), %error, "unfinished files are not removed");
                }
                _ => {}
            }
        }
        let sections = settings.entries.iter();
        let sections: Sections = sections
            .map(|(id, plugin)| (id.clone(), plugin.config.clone()))
            .collect();
        Ok(Self(Arc::new(Shared {
            registry,
            engine,
            linkers,
            slots: Slots::new(max_instances),
            history,
            settings,
            sections: ArcSwap::from_pointee(sections),
            databases,
            authority,
            at_once: Semaphore::new(AT_ONCE),
            places: Places::new(),
        })))
    }

    pub fn settings(&self) -> &config::Plugins {
        &self.0.settings
    }

    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// All plugins, by id.
    pub fn status(&self) -> Vec<Status> {
        self.0
            .registry
            .all()
            .iter()
            .map(|mount| mount.status(self.0.history.of(mount.id())))
            .collect()
    }

    /// A mount for every plugin, before the first request can come: one that still loads is waited for, not unknown.
    pub fn announce(&self) {
        let files = super::watch::component_files(&self.0.settings);
        for id in files.keys().chain(self.0.settings.expected()) {
            self.0
                .registry
                .find_or_add(id, || Mount::new(id.clone(), self.0.settings.of(id), true));
        }
    }

    /// The mount of an id that is to have builds.
    pub(super) fn mount(&self, id: &PluginId) -> Arc<Mount> {
        let new = || Mount::new(id.clone(), self.0.settings.of(id), false);
        self.0.registry.find_or_add(id, new)
    }

    /// The file that holds a plugin's component.
    pub(super) fn file(&self, id: &PluginId) -> PathBuf {
        self.0.settings.component_file(id)
    }

    /// `named`: the id, or else the descriptor's; set once it is known.
    async fn upload(
        &self,
        named: &mut Option<PluginId>,
        bytes: Bytes,
    ) -> Result<Outcome, LoadError> {
        header::check(&bytes)?;
        let id = match named.clone() {
            Some(id) => id,
            None => self.describe(&bytes).await?.ok_or_else(|| {
                LoadError::new(Stage::Request, "the component does not say its id (it has no lifecycle): name one with --as")
            })?.id,
        };
        *named = Some(id.clone());
        self.own_file(&id)?;
        let known = self.0.registry.find(id.as_str()).is_some();
        let outcome = self.bring(&id, Source::Bytes(bytes), Origin::Upload).await;
        if outcome.is_err() && !known {
            // A first deploy that was refused leaves no trace.
            self.forget(&id).await;
        }
        outcome
    }

    /// To the build that was live before this one.
    async fn go_back(&self, id: &PluginId) -> Result<Outcome, LoadError> {
        self.known(id)?;
        self.own_file(id)?;
        let (mount, _turn) = self.turn(id).await;
        let live = mount.live().map(|b| b.id);
        let mut history = self.0.history.of(id).into_iter();
        let Some(previous) = history.find(|b| Some(*b) != live) else {
            mount.fail();
            return Err(LoadError::new(
                Stage::Request,
                format!("plugin {id} has no earlier build to go back to"),
            ));
        };
        let bytes = block_in_place(|| self.0.history.bytes(previous));
        let source = Source::Bytes(bytes.map_err(LoadError::at(Stage::Record))?);
        self.bring_in_turn(&mount, source, Origin::Rollback).await
    }

    /// Deletes the file, ends the plugin, keeps its data.
    async fn take_out(&self, id: &PluginId) -> Result<Outcome, LoadError> {
        let begun = Instant::now();
        let mount = self.known(id)?;
        self.own_file(id)?;
        let _turn = mount.deploying.clone().lock_owned().await;
        if !self.is_current(&mount) {
            return self.known(id).and(Err(LoadError::new(
                Stage::Request,
                format!("plugin {id} was just replaced; look at `greenroom plugins`"),
            )));
        }
        match std::fs::remove_file(self.file(id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let file = self.file(id);
                return Err(LoadError::new(
                    Stage::File,
                    format!("{}: {error}", file.display()),
                ));
            }
            _ => {}
        }
        Ok(self.end(&mount, begun).await)
    }

    /// The file is gone from the plugins folder.
    pub(super) async fn file_gone(&self, id: &PluginId) {
        let Some(mount) = self.0.registry.find(id.as_str()) else {
            return;
        };
        let _turn = mount.deploying.clone().lock_owned().await;
        if self.is_current(&mount) && self.is_gone(id) {
            let outcome = Ok(self.end(&mount, Instant::now()).await);
            audit::tell("remove", By::Folder, Some(id), &outcome);
        }
    }

    /// Lets what runs finish, then ends the plugin. Its id is unknown only once its data is closed, so that the next
    /// build of the same id finds the files free.
    async fn end(&self, mount: &Arc<Mount>, begun: Instant) -> Outcome {
        let id = mount.id();
        let previous = mount.live().map(|b| b.id.to_string());
        let held = mount.gate.hold().await;
        mount.unpublish();
        mount.gate.close();
        drop(held);
        mount.ending.finish(STOPS).await;
        mount.close_data().await;
        self.0.registry.remove(id);
        if self.0.settings.expected().any(|expected| expected == id) {
            // As after a start without its file: listed, and the host is not ready when it is required.
            self.missing(id);
        }
        let milliseconds = milliseconds(begun.elapsed());
        let build = previous.as_deref().map_or("none", |build| &build[..12]);
        tracing::info!(plugin = %id, build, outcome = Done::Removed.as_str(), milliseconds, "deploy");
        Outcome {
            plugin: id.clone(),
            build: None,
            version: None,
            outcome: Done::Removed,
            previous,
            milliseconds,
            warnings: Vec::new(),
        }
    }

    async fn forget(&self, id: &PluginId) {
        let Some(mount) = self.0.registry.find(id.as_str()) else {
            return;
        };
        let _turn = mount.deploying.clone().lock_owned().await;
        if self.is_current(&mount) && mount.live().is_none() && self.is_gone(id) {
            mount.gate.close();
            mount.close_data().await;
            self.0.registry.remove(id);
        }
    }

    /// Whether no file is there, or what is no file; one that cannot be looked at is no reason to end a plugin.
    fn is_gone(&self, id: &PluginId) -> bool {
        match std::fs::metadata(self.file(id)) {
            Ok(there) => !there.is_file(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// Whether this mount still is the one of its id.
    fn is_current(&self, mount: &Arc<Mount>) -> bool {
        let found = self.0.registry.find(mount.id().as_str());
        found.is_some_and(|found| Arc::ptr_eq(&found, mount))
    }

    /// Ends everything: called once, when no request runs any more. `within`: for what all plugins do at their end, together.
    pub async fn close(&self, within: Duration) {
        let mounts = self.0.registry.all();
        mounts.iter().for_each(|mount| mount.unpublish());
        join_all(mounts.iter().map(|mount| mount.ending.finish(within))).await;
        for mount in mounts {
            mount.close_data().await;
        }
    }

    /// Ends instances that idle for too long and drops expired keys. Called every few seconds.
    pub async fn sweep(&self) {
        for mount in self.0.registry.all() {
            mount.sweep().await;
        }
    }

    fn known(&self, id: &PluginId) -> Result<Arc<Mount>, LoadError> {
        self.0.registry.find(id.as_str()).ok_or_else(|| {
            LoadError::new(
                Stage::Request,
                format!("there is no plugin {id}; `greenroom plugins` lists them"),
            )
        })
    }

    async fn describe(&self, bytes: &Bytes) -> Result<Option<Descriptor>, LoadError> {
        let build = BuildId::of(bytes);
        let component = component::load(&self.0.engine, build, bytes.clone(), None).await?;
        self.described(&component, Speaker::nobody()).await
    }

    /// What takes long goes on where long requests do.
    async fn described(
        &self,
        component: &Arc<Component>,
        speaker: Speaker,
    ) -> Result<Option<Descriptor>, LoadError> {
        let (shared, component) = (self.0.clone(), component.clone());
        let work = async move { describe::describe(&shared.linkers, &component, speaker).await };
        Watched::new(Lane::new(&self.0.engine), Box::pin(work)).await
    }
}
