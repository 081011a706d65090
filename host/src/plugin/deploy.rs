//! Bringing a build to life: load, migrate, start, publish. Whatever fails, the build before it goes on serving.

mod backup;
mod file;
mod migrate;
mod step;

use super::{
    build::{Build, Ground},
    component, describe,
    descriptor::Descriptor,
    gate::{Gate, Hold},
    header,
    history::{History, MODE},
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
    service::{self, Speaker},
    storage::{self, Database, Durability, kv::Keyvalue},
};
use bytes::Bytes;
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
    databases: Databases,
    at_once: Semaphore,
}

/// Where plugins' data lies.
pub struct Databases {
    pub settings: config::Databases,
    pub cache: config::CacheStore,
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
        Ok(Self(Arc::new(Shared {
            registry,
            engine,
            linkers,
            slots: Slots::new(max_instances),
            history,
            settings,
            databases,
            at_once: Semaphore::new(AT_ONCE),
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

    /// `greenroom deploy`: `id` or else the descriptor's.
    pub async fn deploy(&self, id: Option<PluginId>, bytes: Bytes) -> Result<Outcome, LoadError> {
        header::check(&bytes)?;
        let id = match id {
            Some(id) => id,
            None => self.describe(&bytes).await?.ok_or_else(|| {
                LoadError::new(Stage::Request, "the component does not say its id (it has no lifecycle): name one with --as")
            })?.id,
        };
        self.own_file(&id)?;
        let known = self.0.registry.find(id.as_str()).is_some();
        let outcome = self.bring(&id, Source::Bytes(bytes), Origin::Upload).await;
        if outcome.is_err() && !known {
            // A first deploy that was refused leaves no trace.
            self.forget(&id).await;
        }
        outcome
    }

    /// `greenroom rollback`: the build that was live before this one.
    pub async fn rollback(&self, id: &PluginId) -> Result<Outcome, LoadError> {
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

    /// `greenroom remove`: deletes the file, ends the plugin, keeps its data.
    pub async fn remove(&self, id: &PluginId) -> Result<Outcome, LoadError> {
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
            self.end(&mount, Instant::now()).await;
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

    /// Ends everything: called once, when no request runs any more.
    pub async fn close(&self) {
        for mount in self.0.registry.all() {
            mount.unpublish();
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

    /// A file that config gives to several plugins is not replaced for one of them.
    fn own_file(&self, id: &PluginId) -> Result<(), LoadError> {
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
