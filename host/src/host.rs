//! The composition root: builds the rooms in order, lets them run, and ends them. The only file that sees all rooms.

use crate::{
    auth::Auth,
    config::{Config, Connection},
    engine::{self, Engine},
    http::{self, admin},
    id::PluginId,
    permissions::{self, Authority},
    plugin::{
        Databases, Deployer, Inspection, LoadError, Registry, Status,
        backup::{self, Report},
        inspect_file, reload, watch,
    },
    storage::Folder,
};
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

pub use crate::plugin::backup::{Restoring, Wanted};

/// How often idle instances and expired keys are looked for.
const SWEEP: Duration = Duration::from_secs(10);
/// What a stop may take beyond the requests' own time: closing databases and folders.
const CLOSING: Duration = Duration::from_secs(15);
/// What plugins have for their `stop` where requests have taken all of `serverShutdownTimeout`.
const LEAST_FOR_STOPS: Duration = Duration::from_secs(1);

/// A host that listens. Nothing is loaded yet: [`Host::run`] does that.
pub struct Host {
    config: Config,
    listener: http::Listener,
    admin: admin::Socket,
    deployer: Deployer,
    policies: watch::PolicyFiles,
    registry: Registry,
    auth: Auth,
    stop: CancellationToken,
}

impl Host {
    /// Opens the port, the admin socket and the folders; what cannot be had is an error with the key to change.
    ///
    /// `runtime`: where the private folder for `:memory:` databases is made.
    pub async fn build(config: Config, runtime: &Path) -> Result<Self> {
        raise_file_limit();
        engine::give_back_soon();
        let engine = Engine::new(&config.engine, &config.plugins.cache)?;
        let folder = &config.plugins.directory;
        std::fs::create_dir_all(folder).with_context(|| {
            format!(
                "plugins.directory: cannot make the folder {}",
                folder.display()
            )
        })?;
        let auth = Auth::new(&config.backend.auth).context("backend.auth.externalAccess")?;
        let policies = watch::PolicyFiles::of(&config.permissions);
        let authority = Authority::open(&config.permissions);
        let authority = authority.context("permissions: the policies cannot be used")?;
        let databases = databases(&config, runtime)?;
        let listener = http::Listener::bind(&config.backend.listen).await?;
        let admin = admin::Socket::bind(&config.backend.admin_socket).await?;
        let registry = Registry::default();
        let deployer = Deployer::new(
            registry.clone(),
            engine,
            config.engine.max_instances,
            config.plugins.clone(),
            databases,
            authority,
        )?;
        deployer.announce();
        Ok(Self {
            config,
            listener,
            admin,
            deployer,
            policies,
            registry,
            auth,
            stop: CancellationToken::new(),
        })
    }

    /// Where clients reach it; the real port when the configured one was 0.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Cancelled, it makes [`Host::run`] stop: accept nothing new, finish what runs, return.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Once the plugins have their first outcome: where each can be tried, or why it does not serve.
    pub fn outcomes(&self) -> impl Fn() -> Vec<(PluginId, Result<String, String>)> + Send + use<> {
        let deployer = self.deployer.clone();
        move || {
            let outcome = |status: Status| {
                let probe = deployer.settings().of(&status.id).probe;
                let path = format!("/api/{}{}", status.id, probe.as_deref().unwrap_or("/"));
                let problem = status.problem.map(|p| p.message).unwrap_or_default();
                let outcome = if status.build.is_some() {
                    Ok(path)
                } else {
                    Err(problem)
                };
                (status.id, outcome)
            };
            deployer.status().into_iter().map(outcome).collect()
        }
    }

    /// Serves until it is stopped. Bounded by `serverShutdownTimeout` from then on.
    pub async fn run(self) {
        let shutdown = self.config.backend.shutdown_timeout;
        let patience = shutdown + CLOSING;
        let shared = Arc::new(http::Shared::new(
            self.registry.clone(),
            self.auth,
            &self.config.backend,
        ));
        let mut tasks = JoinSet::new();
        tasks.spawn(http::serve(self.listener, shared, self.stop.clone()));
        tasks.spawn(admin::serve(
            self.admin,
            Arc::new(self.deployer.clone()),
            self.stop.clone(),
            shutdown,
        ));
        tasks.spawn(watch::run(
            self.deployer.clone(),
            self.policies,
            self.stop.clone(),
        ));
        tasks.spawn(reload::run(
            self.deployer.clone(),
            self.config,
            self.stop.clone(),
        ));
        tasks.spawn(sweep(self.deployer.clone(), self.stop.clone()));
        self.stop.cancelled().await;
        let by = Instant::now() + shutdown;
        let ended = async {
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a part of the host failed");
                }
            }
            let left = by.saturating_duration_since(Instant::now());
            self.deployer.close(left.max(LEAST_FOR_STOPS)).await;
        };
        if timeout(patience, ended).await.is_err() {
            tracing::error!("the host did not end in time; what was acknowledged is on the disk");
        }
    }
}

async fn sweep(deployer: Deployer, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => deployer.sweep().await,
        }
    }
}

/// Locks every folder that holds databases, before any is opened.
fn databases(config: &Config, runtime: &Path) -> Result<Databases> {
    locked(config, runtime, |_| true)
}

/// The folders of those connections that are wanted.
fn locked(
    config: &Config,
    runtime: &Path,
    wanted: impl Fn(&Connection) -> bool,
) -> Result<Databases> {
    let settings = config.backend.database.clone();
    let mut folders: Vec<(Connection, Arc<Folder>)> = Vec::new();
    for connection in std::iter::once(&settings.default).chain(settings.plugins.values()) {
        if wanted(connection) && !folders.iter().any(|(known, _)| known == connection) {
            let folder = Folder::open(connection, runtime)?;
            folders.push((connection.clone(), Arc::new(folder)));
        }
    }
    Ok(Databases {
        settings,
        cache: config.backend.cache,
        cache_ttl: config.backend.cache_ttl,
        folders,
    })
}

/// Each connection is a file to the kernel, and the soft limit is often 1,024.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
}

/// `greenroom backup` where no host runs. Blocks.
pub fn backup(config: &Config, wanted: &Wanted) -> Result<Report> {
    let databases = without_a_host(config)?;
    backup::finish_restore(&config.plugins)?;
    backup::offline(wanted, &config.plugins, &databases)
}

/// `greenroom restore`; refused while a host runs. Blocks.
pub fn restore(config: &Config, wanted: &Restoring) -> Result<Report> {
    backup::restore(wanted, &config.plugins, &without_a_host(config)?)
}

/// The folders that outlive a host, locked. One that a host has is an error.
fn without_a_host(config: &Config) -> Result<Databases> {
    // No runtime folder: private ones are for `:memory:` alone.
    let databases = locked(config, Path::new(""), |connection| {
        matches!(connection, Connection::Directory(_))
    })?;
    if databases.folders.is_empty() {
        bail!(
            "no host runs, and backend.database.connection is ':memory:', which ends with its host: set \
             connection.directory, or name the running host's --socket"
        );
    }
    Ok(databases)
}

/// What `greenroom check` finds.
pub struct Checked {
    pub plugins: BTreeMap<PluginId, Result<Inspection, LoadError>>,
    /// `None` without policies.
    pub permissions: Option<permissions::Report>,
}

/// `greenroom check`: every plugin that would be served, without opening a port or a database, and the policies.
pub async fn check(config: &Config) -> Result<Checked> {
    let engine = Engine::new(&config.engine, &config.plugins.cache)?;
    let mut files = watch::component_files(&config.plugins);
    for id in config.plugins.expected() {
        // One that is not there is refused as it is read.
        files
            .entry(id.clone())
            .or_insert_with(|| config.plugins.component_file(id));
    }
    let mut found = BTreeMap::new();
    for (id, path) in files {
        let section = config.plugins.of(&id).config;
        let inspected = inspect_file(&engine, &path, Some((&id, &section))).await;
        found.insert(id, inspected);
    }
    let inspections = found.values().flatten();
    let descriptors = inspections.filter_map(|inspection| inspection.descriptor.as_ref());
    let declared = descriptors
        .flat_map(|descriptor| &descriptor.permissions)
        .map(|permission| permission.name.clone())
        .collect();
    let files = &config.permissions;
    let permissions = (!files.policies.is_empty()).then(|| permissions::check(files, &declared));
    Ok(Checked {
        plugins: found,
        permissions,
    })
}

/// `greenroom inspect`: one component, compiled without the host's cache.
pub async fn inspect_component(path: &Path) -> Result<Result<Inspection, LoadError>> {
    let settings = crate::config::Engine {
        max_instances: 1,
        max_memory: 128 << 20,
    };
    let private = std::fs::Permissions::from_mode(0o700);
    let cache = tempfile::Builder::new().permissions(private).tempdir();
    let cache = cache.context("no temporary folder for the compiled component")?;
    let engine = Engine::new(&settings, cache.path())?;
    Ok(inspect_file(&engine, path, None).await)
}
