//! Every key of `app-config.yaml` that the host reads, checked, with its default. How the files become this is in
//! `config/`.

mod app_config;
mod auditor;
mod auth;
mod backend;
mod backstage;
mod changed;
mod cors;
mod cursor;
mod database;
mod duration;
mod env;
mod environment;
mod error;
mod health;
mod keyvalue;
pub mod levels;
mod limits;
mod listen;
mod load;
mod logger;
mod mask;
mod merge;
mod node;
pub mod open;
mod permissions;
mod plugins;
mod proxies;
mod rate_limit;
mod scalar;
pub mod schema;
pub mod secrets;
mod settings;
mod sight;
mod size;
mod spelling;
#[cfg(test)]
mod tests;
mod transform;
mod yaml;

pub use auditor::{Auditor, Severity};
pub use auth::{Auth, Backstage, External, Jwks, Method, Restriction, Secret};
pub use changed::Keys;
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use health::HealthChecks;
pub use levels::Levels;
pub use listen::InvalidListen;
pub use load::Loader;
pub use logger::{LogFormat, Logger};
pub use rate_limit::{RateLimit, RateLimits};
pub use secrets::Secrets;
pub use settings::{Settings, Spot};
pub use spelling::{listed, nearest};

use crate::id::PluginId;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// All of the host's configuration. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Config {
    /// The files it was read from, in the order in which they were merged.
    pub files: Vec<PathBuf>,
    /// For the log and for `check`: keys of Backstage that are accepted but not used here, and choices worth a warning.
    pub notes: Vec<String>,
    /// What reads it again.
    pub loader: Loader,
    /// What tells which keys changed since.
    pub keys: Keys,
    /// What no log, no error and no output shows.
    pub secrets: Secrets,
    pub backend: Backend,
    pub engine: Engine,
    pub plugins: Plugins,
    pub permissions: Permissions,
}

/// The keys under `backend`.
#[derive(Debug, Clone)]
pub struct Backend {
    /// `backend.listen`: `:7007`, `127.0.0.1:7007` or `{host, port}`. Default `127.0.0.1:7007`; port 0 picks a free one.
    pub listen: Listen,
    pub database: Databases,
    /// `backend.cors`; absent or `false`: no CORS headers at all.
    pub cors: Option<Cors>,
    /// `backend.auth`: whose credentials are believed. Default nobody's.
    pub auth: Auth,
    /// `backend.cache.store`: where `wasi:keyvalue` keeps its data. Default `sqlite`.
    pub cache: CacheStore,
    /// `backend.cache.defaultTtl`: how long values live in buckets that have no ttl of their own. Default: they do not end.
    pub cache_ttl: Option<Duration>,
    /// `backend.admin.socket`: default `greenroom.sock` beside the first config file.
    pub admin_socket: PathBuf,
    /// `backend.trustProxy`: peers whose `Forwarded` and `X-Forwarded-*` are believed. Default none.
    pub trust_proxy: Vec<ipnet::IpNet>,
    /// `backend.bodies`: bytes of bodies that all clients together may make the host keep, of requests that come and
    /// answers that are read; 16 KiB of each do not count. Default 512 MiB.
    pub bodies: u64,
    /// `backend.lifecycle.startupRequestPauseTimeout`: how long a request waits for a plugin that still loads. Default 5 s.
    pub startup_pause: Duration,
    /// `backend.lifecycle.serverShutdownTimeout`: how long a stop waits for what runs. Default 10 s.
    pub shutdown_timeout: Duration,
    /// `backend.health.headers`: names and values that the answers of both health endpoints carry. Default none.
    pub health_headers: Vec<(String, String)>,
    /// `backend.rateLimit`; absent or `false`: requests are not counted.
    pub rate_limit: Option<RateLimits>,
    pub logger: Logger,
    pub auditor: Auditor,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// A host name or an IP address; IPv6 without brackets. `:7007` means `127.0.0.1`.
    pub host: String,
    pub port: u16,
}

/// `backend.database`, and `backend.database.plugin.<id>` where one differs.
#[derive(Debug, Clone)]
pub struct Databases {
    pub default: Connection,
    pub plugins: BTreeMap<PluginId, Connection>,
}

impl Databases {
    pub fn of(&self, id: &PluginId) -> &Connection {
        self.plugins.get(id).unwrap_or(&self.default)
    }
}

/// `connection`: where a plugin's SQLite file lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// `':memory:'` (the default): gone when the host stops.
    Memory,
    /// `{directory: DIR}`: `DIR/<id>.sqlite`.
    Directory(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStore {
    /// Gone when the host stops.
    Memory,
    /// As durable as the plugin's database, in `<id>.kv.sqlite` beside it.
    Sqlite,
}

/// `backend.cors`, as Backstage reads it.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Exact origins or patterns with `*` for a run of characters; `*` alone is any origin.
    pub origin: Vec<String>,
    /// Default `GET, HEAD, PUT, PATCH, POST, DELETE`.
    pub methods: Vec<String>,
    /// Empty: what the preflight asks for.
    pub allowed_headers: Vec<String>,
    pub exposed_headers: Vec<String>,
    pub credentials: bool,
    /// Seconds a browser may keep a preflight's answer.
    pub max_age: Option<u64>,
}

/// `engine`: what the pooling allocator is sized for at start.
#[derive(Debug, Clone)]
pub struct Engine {
    /// `engine.maxInstances`: warm instances of all plugins together. Default 1,000.
    pub max_instances: u32,
    /// `engine.maxMemory`: ceiling of any `limits.memory`, bytes. Default 128 MiB (or the largest `limits.memory`).
    pub max_memory: u64,
}

/// The keys under `plugins`.
#[derive(Debug, Clone)]
pub struct Plugins {
    /// `plugins.directory`: each `<id>.wasm` in it is a plugin; watched. Default `plugins` beside the first config file.
    pub directory: PathBuf,
    /// `plugins.state`: the last live builds. Default `plugins.state` beside the databases (for `:memory:`, beside the
    /// first config file as `.greenroom/plugins.state`).
    pub state: PathBuf,
    /// `plugins.cache`: compiled components. Default `$XDG_CACHE_HOME/greenroom`, else `~/.cache/greenroom`.
    pub cache: PathBuf,
    /// `plugins.<id>`: ids that have keys of their own here.
    pub entries: BTreeMap<PluginId, Plugin>,
    /// The settings of every other plugin: the defaults, with `limits.memory` no larger than `engine.maxMemory`.
    pub defaults: Plugin,
}

impl Plugins {
    /// The file that holds a plugin's component: the one its `component` names, else `<id>.wasm` in the folder.
    pub fn component_file(&self, id: &PluginId) -> PathBuf {
        let named = self.entries.get(id).and_then(|p| p.component.clone());
        named.unwrap_or_else(|| self.directory.join(format!("{id}.wasm")))
    }

    /// The ids that are to serve by what the config says, whether their file is there or not.
    pub fn expected(&self) -> impl Iterator<Item = &PluginId> {
        let expected = |p: &Plugin| p.required || p.component.is_some();
        (self.entries.iter()).filter_map(move |(id, p)| expected(p).then_some(id))
    }

    /// Every path of every plugin needs no credentials.
    fn open(&mut self) {
        self.defaults.open = true;
        for plugin in self.entries.values_mut() {
            plugin.open = true;
        }
    }

    /// The settings of a plugin; defaults where the config does not name it.
    pub fn of(&self, id: &PluginId) -> Plugin {
        self.entries.get(id).unwrap_or(&self.defaults).clone()
    }
}

/// The keys under `permissions`. The files are watched; which they are is read at the start alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// `permissions.policies`: files of policies in Cedar, one or a list. Default none: everything is allowed.
    pub policies: Vec<PathBuf>,
    /// `permissions.entities`: files of Cedar's entities in JSON, one or a list: what policies know of owners and groups.
    pub entities: Vec<PathBuf>,
}

/// `plugins.<id>`.
#[derive(Debug, Clone, Default)]
pub struct Plugin {
    /// `component`: the file that holds it, when it is not `<plugins.directory>/<id>.wasm`.
    pub component: Option<PathBuf>,
    /// `config`: the plugin's own section, for `wasi:config`.
    pub config: Arc<Settings>,
    pub limits: Limits,
    /// `required`: the host is not ready without this plugin. Default false.
    pub required: bool,
    /// `access: open`: every path is open to requests without credentials. Default: as the plugin's policies say.
    pub open: bool,
    /// `keyvalue.<bucket>.ttl`: how long a value lives after it was written; `None` for `never`.
    pub keyvalue_ttl: BTreeMap<String, Option<Duration>>,
    /// `probe`: a path that must answer below 500 before a new build is published.
    pub probe: Option<String>,
    /// `health`: how often one that says how it is gets asked.
    pub health: HealthChecks,
}

/// `plugins.<id>.limits`. Sizes in bytes (config: `128MiB`, `256KiB` or a number), times (config: `10s`, `500ms`, `5m`).
#[derive(Debug, Clone)]
pub struct Limits {
    /// `memory`: linear memory of one instance. Default 128 MiB.
    pub memory: u64,
    /// `timeout`: from the start of the call to the response head. Default 10 s.
    pub timeout: Duration,
    /// `chunkTimeout`: idle time between two chunks of a streamed body. Default 10 s.
    pub chunk_timeout: Duration,
    /// `streamTimeout`: the whole of a streamed answer. Default 5 min.
    pub stream_timeout: Duration,
    /// `body`: largest request body, after inflating. Default 1 MiB.
    pub body: u64,
    /// `buffer`: bodies up to this are collected before and after the call. Default 256 KiB.
    pub buffer: usize,
    /// `concurrency`: requests that run at once. Default 64.
    pub concurrency: u32,
    /// `queue`: requests that wait for one of those places. Default 4,096.
    pub queue: u32,
    /// `queueTimeout`: how long one waits. Default 5 s.
    pub queue_timeout: Duration,
    /// `holdTimeout`: how long requests wait while an exclusive migration runs. Default 10 s.
    pub hold_timeout: Duration,
    /// `streams`: larger bodies in flight at once. Default 64.
    pub streams: u32,
    /// `maxRequestsPerInstance`: 1 gives each request a fresh instance. Default 1,000.
    pub max_requests_per_instance: u32,
    /// `instanceIdle`: an instance that waited this long is ended. Default 60 s.
    pub instance_idle: Duration,
    /// `migrationTimeout`: Default 5 min.
    pub migration_timeout: Duration,
    /// `log`: bytes of the plugin's lines in the log, a second; 16 s of it at once. Default 256 KiB.
    pub log: u64,
    pub sql: SqlLimits,
    pub keyvalue: KeyvalueLimits,
}

/// `plugins.<id>.limits.sql`.
#[derive(Debug, Clone)]
pub struct SqlLimits {
    /// `timeout`: one statement, its wait for the writer included. Default 5 s.
    pub timeout: Duration,
    /// `rows`: of one result. Default 10,001.
    pub rows: u64,
    /// `result`: bytes of one result. Default 16 MiB.
    pub result: u64,
    /// `value`: bytes of one value. Default 2 MiB.
    pub value: u64,
    /// `statement`: bytes of one SQL text. Default 1 MiB.
    pub statement: u64,
    /// `parameters`: of one statement. Default 32,766.
    pub parameters: u32,
    /// `batch`: statements of one `batch`, or parameter sets of one `execute-many`. Default 10,000.
    pub batch: u32,
    /// `database`: bytes of the database file. Default 1 GiB.
    pub database: u64,
    /// `transactionIdle`: between two calls of an open transaction. Default 1 s.
    pub transaction_idle: Duration,
    /// `transactionTime`: an open transaction from begin to commit. Default 5 s.
    pub transaction_time: Duration,
}

/// `plugins.<id>.limits.keyvalue`.
#[derive(Debug, Clone)]
pub struct KeyvalueLimits {
    /// `key`: bytes of one key. Default 1 KiB.
    pub key: u64,
    /// `value`: bytes of one value. Default 2 MiB.
    pub value: u64,
    /// `buckets`: of one plugin. Default 64.
    pub buckets: u32,
    /// `keys`: of one bucket. Default 1,000,000.
    pub keys: u32,
    /// `total`: bytes of the file. Default 1 GiB.
    pub total: u64,
    /// `memory`: bytes of keys and values, 256 more a key, where `backend.cache.store` is `memory`. Default 64 MiB.
    pub memory: u64,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 128 * MIB,
            timeout: Duration::from_secs(10),
            chunk_timeout: Duration::from_secs(10),
            stream_timeout: Duration::from_secs(300),
            body: MIB,
            buffer: 256 << 10,
            concurrency: 64,
            queue: 4096,
            queue_timeout: Duration::from_secs(5),
            hold_timeout: Duration::from_secs(10),
            streams: 64,
            max_requests_per_instance: 1000,
            instance_idle: Duration::from_secs(60),
            migration_timeout: Duration::from_secs(300),
            log: 256 * KIB,
            sql: SqlLimits::default(),
            keyvalue: KeyvalueLimits::default(),
        }
    }
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            rows: 10_001,
            result: 16 * MIB,
            value: 2 * MIB,
            statement: MIB,
            parameters: 32_766,
            batch: 10_000,
            database: GIB,
            transaction_idle: Duration::from_secs(1),
            transaction_time: Duration::from_secs(5),
        }
    }
}

impl Default for KeyvalueLimits {
    fn default() -> Self {
        Self {
            key: KIB,
            value: 2 * MIB,
            buckets: 64,
            keys: 1_000_000,
            total: GIB,
            memory: 64 * MIB,
        }
    }
}
