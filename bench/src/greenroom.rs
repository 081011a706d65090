//! A Greenroom host to be measured: its folder, its configuration, its start.

use crate::{
    places,
    server::{Launch, Server, free_address},
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A host's folder: `app-config.yaml`, `plugins/<id>.wasm`, and `db/<id>.sqlite` once it has run.
pub(crate) struct Site {
    folder: PathBuf,
    program: PathBuf,
    /// Compiled components. Shared by all sites unless [`Site::own_cache`].
    cache: PathBuf,
    ready: Vec<String>,
    /// Of app-config.yaml, below the part that the driver writes.
    more: String,
}

impl Site {
    /// A site in an existing empty folder, with durable databases and no plugin.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        places::require(&places::greenroom())?;
        let plugins = folder.join("plugins");
        fs::create_dir(&plugins).with_context(|| format!("cannot create {}", plugins.display()))?;
        Ok(Self {
            folder: folder.into(),
            program: places::greenroom(),
            cache: places::scratch().join("cache"),
            ready: Vec::new(),
            more: String::new(),
        })
    }

    /// Runs another host than the one that is measured everywhere else.
    pub(crate) fn program(mut self, program: &Path) -> Result<Self> {
        places::require(program)?;
        program.clone_into(&mut self.program);
        Ok(self)
    }

    /// Adds a component under an id. The host is ready when `GET /api/<id><ready>` answers 200.
    pub(crate) fn plugin(mut self, id: &str, component: &Path, ready: &str) -> Result<Self> {
        places::require(component)?;
        let place = self.folder.join(format!("plugins/{id}.wasm"));
        fs::copy(component, &place).with_context(|| format!("cannot write {}", place.display()))?;
        self.ready.push(format!("/api/{id}{ready}"));
        Ok(self)
    }

    /// A cache of compiled components of its own, empty at first: in `cache/` of the folder.
    pub(crate) fn own_cache(mut self) -> Self {
        self.cache = self.folder.join("cache");
        self
    }

    /// A second configuration file: YAML whose keys are merged over the driver's own.
    pub(crate) fn config(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.more);
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Of a plugin: there once the host has run.
    pub(crate) fn database(&self, id: &str) -> PathBuf {
        self.folder.join(format!("db/{id}.sqlite"))
    }

    /// Starts the host on a free port and waits until every plugin answers. It may be started again once it has ended.
    pub(crate) fn start(&self) -> Result<Server> {
        let address = free_address()?;
        let base = format!(
            "backend:\n  listen: {address}\n  database: {{client: better-sqlite3, connection: {{directory: ./db}}}}\n\
             plugins:\n  directory: ./plugins\n"
        );
        self.write("app-config.yaml", &base)?;
        let mut command = Command::new(&self.program);
        command.args(["serve", "--config", "app-config.yaml"]);
        if !self.more.is_empty() {
            self.write("more.yaml", &self.more)?;
            command.args(["--config", "more.yaml"]);
        }
        // No server is to write a line for every todo.
        command
            .current_dir(&self.folder)
            .env("GREENROOM_LOG", "warn")
            .env("XDG_CACHE_HOME", &self.cache);
        let launch = Launch {
            name: "greenroom".into(),
            command,
            address,
            log: self.folder.join("log.txt"),
            ready: self.ready.clone(),
        };
        launch.start()
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
