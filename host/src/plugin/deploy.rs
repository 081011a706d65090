//! Bringing a build to life: load, migrate, start, publish. Whatever fails, the build before it goes on serving.

mod file;
mod migrate;
mod step;

use super::{
    build::{Build, Ground},
    component,
    describe::{self, Descriptor},
    gate::{Gate, Hold},
    history::{History, write_durably},
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
    engine::Engine,
    id::{BuildId, PluginId},
    service::{self, Speaker},
    storage::{self, Database, Durability, kv::Keyvalue},
};
use bytes::Bytes;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Deploys of different plugins that run at once.
const AT_ONCE: usize = 4;

/// Why a deploy starts, and with it what happens to the file in the plugins folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The file changed.
    Folder,
    /// `greenroom deploy`: the file is replaced when the build is ready.
    Upload,
    /// `greenroom rollback`: likewise.
    Rollback,
    /// The last live build, since the file's was refused at start: the file stays.
    Fallback,
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

impl Deployer {
    pub fn new(
        registry: Registry,
        engine: Engine,
        max_instances: u32,
        settings: config::Plugins,
        databases: Databases,
    ) -> anyhow::Result<Self> {
        use anyhow::Context;
        let linkers = Linkers::new(engine.wasmtime()).map_err(|e| anyhow::anyhow!("{e:#}"))?;
        let history = History::open(&settings.state).with_context(|| {
            format!(
                "plugins.state: cannot use the folder {}",
                settings.state.display()
            )
        })?;
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

    /// The mount of an id that is to have builds.
    pub(super) fn mount(&self, id: &PluginId) -> Arc<Mount> {
        self.0
            .registry
            .find_or_add(id, || Mount::new(id.clone(), self.0.settings.of(id)))
    }

    /// The file that holds a plugin's component.
    pub(super) fn file(&self, id: &PluginId) -> PathBuf {
        let named = self
            .0
            .settings
            .entries
            .get(id)
            .and_then(|p| p.component.clone());
        named.unwrap_or_else(|| self.0.settings.directory.join(format!("{id}.wasm")))
    }

    /// `greenroom deploy`: `id` or else the descriptor's.
    pub async fn deploy(&self, id: Option<PluginId>, bytes: Bytes) -> Result<Outcome, LoadError> {
        component::check_header(&bytes)?;
        let id = match id {
            Some(id) => id,
            None => self.describe(&bytes).await?.ok_or_else(|| {
                LoadError::new(Stage::Request, "the component does not say its id (it has no lifecycle): name one with --as")
            })?.id,
        };
        self.own_file(&id)?;
        let known = self.0.registry.find(id.as_str()).is_some();
        let outcome = self.bring(&id, bytes, Origin::Upload).await;
        if outcome.is_err() && !known {
            // A first deploy that was refused leaves no trace.
            self.forget(&id).await;
        }
        outcome
    }

    /// `greenroom rollback`: the build that was live before this one.
    pub async fn rollback(&self, id: &PluginId) -> Result<Outcome, LoadError> {
        let mount = self.known(id)?;
        self.own_file(id)?;
        let live = mount.live().map(|b| b.id);
        let Some(previous) = self.0.history.of(id).into_iter().find(|b| Some(*b) != live) else {
            return Err(LoadError::new(
                Stage::Request,
                format!("plugin {id} has no earlier build to go back to"),
            ));
        };
        let bytes = self
            .0
            .history
            .bytes(previous)
            .map_err(LoadError::at(Stage::Record))?;
        self.bring(id, bytes, Origin::Rollback).await
    }

    /// `greenroom remove`: deletes the file, ends the plugin, keeps its data.
    pub async fn remove(&self, id: &PluginId) -> Result<Outcome, LoadError> {
        let begun = Instant::now();
        let mount = self.known(id)?;
        self.own_file(id)?;
        let _turn = mount.deploying.lock().await;
        match std::fs::remove_file(self.file(id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LoadError::new(
                    Stage::File,
                    format!("{}: {error}", self.file(id).display()),
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
        let _turn = mount.deploying.lock().await;
        if !self.file(id).exists() {
            self.end(&mount, Instant::now()).await;
        }
    }

    async fn end(&self, mount: &Arc<Mount>, begun: Instant) -> Outcome {
        let id = mount.id();
        let previous = mount.live().map(|b| b.id.to_string());
        self.0.registry.remove(id);
        // What runs may finish; then nobody can enter, and the data can be closed.
        let held = mount.gate.hold().await;
        mount.unpublish();
        mount.gate.close();
        drop(held);
        mount.close_data().await;
        let milliseconds = milliseconds(begun.elapsed());
        tracing::info!(plugin = %id, outcome = "removed", milliseconds, "deploy");
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
        let _turn = mount.deploying.lock().await;
        if mount.live().is_none() && !self.file(id).exists() {
            self.0.registry.remove(id);
            mount.gate.close();
            mount.close_data().await;
        }
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
        let component = component::load(&self.0.engine, BuildId::of(bytes), bytes.clone()).await?;
        describe::describe(&self.0.linkers, &component).await
    }
}
