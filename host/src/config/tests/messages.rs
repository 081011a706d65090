//! The whole text of error messages, held in `../snapshots/`. `UPDATE_SNAPSHOTS=1` writes them anew.

use super::Setup;
use std::path::Path;

fn check(name: &str, setup: &Setup, files: &[&str]) {
    let error = setup.load(files).expect_err(name);
    let text = error.render();
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/config/snapshots")
        .join(name)
        .with_extension("txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        text,
        wanted,
        "{name}: got\n{text}\nbut {} has\n{wanted}",
        file.display()
    );
}

macro_rules! messages {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), &Setup::new(&[("app-config.yaml", $text)]), &[]);
        }
    )*};
}

messages! {
    unknown_plugin_key: "plugins:\n  todo:\n    required: true\n    limts:\n      memory: 64MiB\n";
    unknown_key_far_from_any: "plugins:\n  todo:\n    colour: green\n";
    misspelt_backend_key: "backend:\n  databse:\n    client: better-sqlite3\n";
    misspelt_top_level_key: "backend: {}\nplugin:\n  directory: ./plugins\n";
    wrong_type: "backend:\n  cors:\n    origin: http://localhost:3000\n    credentials: yes\n";
    wrong_type_of_collection: "plugins:\n  todo:\n    limits: [64MiB, 10s]\n";
    bad_size: "plugins:\n  todo:\n    limits:\n      memory: 128MB\n";
    size_out_of_range: "plugins:\n  todo:\n    limits:\n      memory: 64KiB\n";
    bad_duration: "plugins:\n  todo:\n    limits:\n      timeout: 10\n";
    duration_out_of_range: "plugins:\n  todo:\n    limits:\n      timeout: 25h\n";
    memory_above_the_engine: "engine:\n  maxMemory: 64MiB\nplugins:\n  todo:\n    limits:\n      memory: 128MiB\n";
    buffer_above_body: "plugins:\n  todo:\n    limits:\n      body: 128KiB\n      buffer: 256KiB\n";
    client_pg: "backend:\n  database:\n    client: pg\n    connection:\n      host: localhost\n";
    connection_file: "backend:\n  database:\n    client: better-sqlite3\n    connection: ./todo.sqlite\n";
    cache_redis: "backend:\n  cache:\n    store: redis\n    connection: redis://localhost\n";
    https: "backend:\n  https:\n    certificate:\n      cert: x\n";
    trust_any_proxy: "backend:\n  trustProxy: true\n";
    rate_limit_store: "backend:\n  rateLimit:\n    store:\n      type: redis\n      connection: redis://localhost\n";
    rate_limit_of_zero: "backend:\n  rateLimit:\n    incomingRequestLimit: 0\n";
    rate_limit_misspelt: "backend:\n  rateLimit:\n    skipSuccesfulRequests: true\n";
    header_of_the_hosts_own: "backend:\n  health:\n    headers:\n      Content-Length: '2'\n";
    health_misspelt: "plugins:\n  todo:\n    health: { intervall: 1m }\n";
    cors_without_origin: "backend:\n  cors:\n    credentials: true\n";
    unset_variable: "backend:\n  database:\n    connection:\n      directory: ${DATA}/db\n";
    bad_variable: "plugins:\n  todo:\n    config:\n      greeting: Hello ${user name}\n";
    dollar_env: "plugins:\n  todo:\n    component:\n      $env: TODO_COMPONENT\n";
    dollar_env_with_others: "plugins:\n  todo:\n    config:\n      token:\n        $env: TODO_TOKEN\n        default: none\n";
    dollar_file_missing: "plugins:\n  todo:\n    config:\n      token:\n        $file: ./secrets/token\n";
    include_missing: "backend:\n  $include: backend.yaml\n";
    include_of_a_text: "backend:\n  $include: backend.txt\n";
    include_of_itself: "backend:\n  $include: app-config.yaml\n";
    secrets_around: "plugins:\n  todo:\n    config:\n      greeting: hidden\n      token: hidden\n    limts: {}\n";
    duplicate_key: "plugins:\n  todo:\n    required: true\n    access: open\n    required: false\n";
    invalid_yaml: "backend:\n  listen: [7007\nplugins: {}\n";
    misplaced_colon: "backend:\n  listen: host: localhost\n";
    tab: "backend:\n\tlisten: 7007\n";
    two_documents: "backend: {}\n---\nplugins: {}\n";
    not_a_map: "- backend\n- plugins\n";
    bad_id: "plugins:\n  Todo_App: {}\n";
    fixed_key_misspelt: "plugins:\n  directry: ./plugins\n";
    id_of_a_fixed_key: "plugins:\n  cache:\n    required: true\n";
    bad_default_ttl: "backend:\n  cache:\n    store: memory\n    defaultTtl: 5 minutes\n";
    bad_ttl: "plugins:\n  todo:\n    keyvalue:\n      sessions: { ttl: forever }\n";
    bad_bucket: "plugins:\n  todo:\n    keyvalue:\n      Tokens: { ttl: 1h }\n";
    port_out_of_range: "backend:\n  listen:\n    host: 0.0.0.0\n    port: 70000\n";
    listen_without_port: "backend:\n  listen: localhost\n";
    logger_override: "backend:\n  logger:\n    overrides:\n      - matchers:\n          service: rootHttpRouter\n        level: debug\n";
    logger_level: "backend:\n  logger:\n    level: loud\n";
    policies_under_backstages_key: "permission:\n  enabled: true\n  policies: ./todo.cedar\n";
    policies_that_are_switched_off: "permission:\n  enabled: false\npermissions:\n  policies: ./todo.cedar\n";
    entities_without_policies: "permissions:\n  entities: ./owners.json\n";
    misspelt_policies: "permissions:\n  polices: ./todo.cedar\n";
    several_at_once: "backend:\n  https: true\nplugins:\n  todo:\n    acess: open\n    limits: { queue: many }\n";
}

#[test]
fn missing_file() {
    check(
        "missing_file",
        &Setup::new(&[]),
        &["app-config.production.yaml"],
    );
}

#[test]
fn no_file_at_all() {
    check("no_file_at_all", &Setup::new(&[]), &[]);
}

#[test]
fn variable_of_app_config() {
    let setup = Setup::new(&[("app-config.yaml", "")])
        .with("APP_CONFIG_backend_listen_port", "hidden")
        .with("APP_CONFIG_backend__x", "hidden");
    check("variable_of_app_config", &setup, &[]);
}

#[test]
fn value_of_a_variable() {
    let text = "backend:\n  listen:\n    port: ${PORT}\n";
    check(
        "value_of_a_variable",
        &Setup::new(&[("app-config.yaml", text)]).with("PORT", "tcp://10.0.0.1"),
        &[],
    );
}
