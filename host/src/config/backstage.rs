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
    "permission",
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
    "auditor",
    "auth",
    "baseUrl",
    "csp",
    "cspReportOnly",
    "health",
    "healthCheck",
    "httpServer",
    "logger",
    "metrics",
    "packages",
    "rateLimit",
    "reading",
    "referrerPolicy",
    "server",
    "workingDirectory",
];

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
    "defaultTtl",
    "infinispan",
    "memcache",
    "redis",
    "useRedisSets",
    "valkey",
];

pub(super) const LIFECYCLE: &[&str] = &["serverShutdownDelay"];
