//! Any text as `app-config.yaml`: a configuration within its own bounds, or an error that can be shown.
#![no_main]

use greenroom::config::{Config, Environment};
use libfuzzer_sys::fuzz_target;
use std::{fs, path::PathBuf, sync::LazyLock};

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));

/// Each holds its own name twice, and one is a configuration.
static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let names = ["A", "B", "HOME", "NAME", "PORT", "x"].map(|name| (name, name.repeat(2)));
    let above = ("APP_CONFIG_plugins_todo_config_a", "[1, {\"b\": null}]".to_owned());
    let all = names.into_iter().chain([above]);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
});

fuzz_target!(|text: &[u8]| {
    let folder = FOLDER.path();
    fs::write(folder.join("app-config.yaml"), text).expect("the file is written");
    let load = || Config::load(&[], folder, &ENVIRONMENT);
    match load() {
        Ok(config) => {
            bounded(&config);
            let again = load().expect("what was accepted once is accepted again");
            assert_eq!(format!("{config:?}"), format!("{again:?}"));
        }
        Err(error) => {
            assert!(!error.render().is_empty());
            assert!(!error.to_string().is_empty());
        }
    }
    let socket = Config::admin_socket(&[] as &[PathBuf], folder, &ENVIRONMENT);
    assert!(socket.is_err() || socket.is_ok_and(|path| path.is_absolute()));
});

fn bounded(config: &Config) {
    let plugins = &config.plugins;
    let all = plugins.entries.values().chain([&plugins.defaults]);
    for plugin in all {
        assert!(plugin.limits.memory <= config.engine.max_memory);
        assert!(!plugin.limits.timeout.is_zero());
        assert!(plugin.limits.concurrency > 0);
    }
    for path in [&plugins.directory, &plugins.state, &plugins.cache] {
        assert!(path.is_absolute(), "{}", path.display());
    }
}
