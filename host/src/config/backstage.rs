//! Keys of Backstage's app-config.yaml that are accepted and not used here. Any other unknown key is accepted as well,
//! unless it looks like a misspelling; being in these lists keeps a key from that suspicion.

pub(super) const TOP: &[&str] = &[
    "aiExtensions",
    "app",
    "auditor",
    "auth",
    "catalog",
    "costInsights",
    "customAuth",
    "devTools",
    "dynamicPlugins",
    "enabled",
    "events",
    "explore",
    "home",
    "integrations",
    "kubernetes",
    "lighthouse",
    "mcpActions",
    "notifications",
    "organization",
    "proxy",
    "scaffolder",
    "search",
    "signals",
    "sonarqube",
    "techdocs",
    "techRadar",
    "userSettings",
];

pub(super) const BACKEND: &[&str] = &[
    "actions",
    "baseUrl",
    "csp",
    "cspReportOnly",
    "healthCheck",
    "httpServer",
    "metrics",
    "packages",
    "reading",
    "referrerPolicy",
    "server",
    "workingDirectory",
];

/// Of `backend.auth`: keys of the old kind, and where Backstage keeps those of its plugins.
pub(super) const AUTH: &[&str] = &["keys", "pluginKeyStore"];

pub(super) const DATABASE: &[&str] = &[
    "additionalKnexConfig",
    "ensureExists",
    "ensureSchemaExists",
    "knexConfig",
    "pluginDivisionMode",
    "prefix",
    "role",
    "schema",
    "skipMigrations",
];

pub(super) const CORS: &[&str] = &["optionsSuccessStatus", "preflightContinue"];

pub(super) const CACHE: &[&str] = &[
    "client",
    "connection",
    "infinispan",
    "memcache",
    "redis",
    "useRedisSets",
    "valkey",
];

pub(super) const LIFECYCLE: &[&str] = &["serverShutdownDelay"];

pub(super) const RATE_LIMIT: &[&str] = &["passOnStoreError"];

pub(super) const RATE_LIMIT_STORE: &[&str] = &["connection"];

pub(super) const PERMISSION: &[&str] = &["permissionedPlugins", "rbac"];
