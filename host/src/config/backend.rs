//! `backend`, but for its larger keys, which have files of their own.

use super::{
    Backend, CacheStore, auditor, auth, backstage, cors,
    cursor::{Section, shown},
    database, health, keyvalue, listen, logger,
    node::Value,
    proxies, rate_limit,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Bytes of the path of a Unix socket that the system takes.
const MAX_SOCKET_PATH: usize = 107;

/// `backend.bodies`, bytes.
const BODIES: u64 = 512 << 20;
const LEAST_BODIES: u64 = 1 << 20;
const MOST_BODIES: u64 = 1 << 40;

/// `folder` is that of the first file.
pub(super) fn backend(section: &Section<'_>, folder: &Path) -> Backend {
    let lifecycle = section.section("lifecycle");
    let pause = Duration::ZERO..=Duration::from_secs(600);
    let stop = Duration::ZERO..=Duration::from_secs(3600);
    let (cache, cache_ttl) = cache(&section.section("cache"));
    let backend = Backend {
        listen: listen::listen(section),
        database: database::databases(&section.section("database")),
        cors: cors::cors(section),
        auth: auth::auth(section),
        cache,
        cache_ttl,
        admin_socket: admin_socket(section, folder),
        trust_proxy: proxies::trusted(section),
        bodies: section.size("bodies", LEAST_BODIES..=MOST_BODIES, BODIES),
        startup_pause: lifecycle.time("startupRequestPauseTimeout", pause, Duration::from_secs(5)),
        shutdown_timeout: lifecycle.time("serverShutdownTimeout", stop, Duration::from_secs(10)),
        health_headers: health::headers(section),
        rate_limit: rate_limit::limits(section),
        logger: logger::logger(&section.section("logger")),
        auditor: auditor::auditor(&section.section("auditor")),
    };
    lifecycle.judge_others(backstage::LIFECYCLE);
    rate_limit::remark(section.reader, &backend);
    refuse_https(section);
    section.judge_others(backstage::BACKEND);
    backend
}

fn refuse_https(section: &Section<'_>) {
    if let Some(field) = section
        .get("https")
        .filter(|field| !matches!(field.node.value, Value::Boolean(false)))
    {
        field.refuse(
            "`backend.https`: Greenroom does not serve TLS yet",
            "would be served without TLS",
            "remove the key, let a proxy in front end TLS, and name that proxy in `backend.trustProxy`",
        );
    }
}

/// The store, and how long values live by default.
fn cache(section: &Section<'_>) -> (CacheStore, Option<Duration>) {
    const TAKES: &str = "`memory` or `sqlite`";
    let store = section.get("store").and_then(|field| {
        let (text, secret) = field.text(TAKES)?;
        match text.as_str() {
            "memory" => Some(CacheStore::Memory),
            "sqlite" => Some(CacheStore::Sqlite),
            "redis" | "valkey" | "memcache" | "infinispan" => {
                field.refuse(
                    format!("`{}`: Greenroom cannot use {text} yet", shown(&field.path)),
                    "not available",
                    "set `store: sqlite`, which keeps its data in files beside the databases, or `store: memory`",
                );
                None
            }
            _ => field.out_of(TAKES, "no such store", secret),
        }
    });
    let ttl = keyvalue::default_ttl(section);
    section.judge_others(backstage::CACHE);
    if store == Some(CacheStore::Memory) {
        section.reader.note(
            "backend.cache.store is memory: what plugins keep in wasi:keyvalue, and with it Idempotency-Key, lasts \
             until the host stops; `sqlite` keeps it",
        );
    }
    (store.unwrap_or(CacheStore::Sqlite), ttl)
}

pub(super) fn admin_socket(section: &Section<'_>, folder: &Path) -> PathBuf {
    const HELP: &str = "set `backend.admin.socket` to a shorter path, such as /run/greenroom.sock";
    let too_long = |path: &Path| path.as_os_str().len() > MAX_SOCKET_PATH;
    let message = |path: &Path| {
        let length = path.as_os_str().len();
        format!(
            "`backend.admin.socket`: the path of a Unix socket takes at most {MAX_SOCKET_PATH} bytes, this one has {length}"
        )
    };
    let admin = section.section("admin");
    let field = admin.get("socket");
    admin.refuse_others();
    let Some(field) = field else {
        let path = folder.join("greenroom.sock");
        if too_long(&path) {
            let problem = super::error::Problem::new(message(&path))
                .help(format!("{HELP}; the default is beside the file"));
            section.reader.refuse(problem);
        }
        return path;
    };
    let path = field.path("a path").unwrap_or_default();
    if too_long(&path) {
        field.refuse(message(&path), "too long", HELP);
    }
    path
}
