//! Any text as `app-config.yaml`: a configuration within its own bounds, or an error that can be shown.
#![no_main]

use greenroom::config::Config;
use libfuzzer_sys::fuzz_target;
use std::{fs, path::PathBuf, sync::LazyLock};

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));

fuzz_target!(|text: &[u8]| {
    let folder = FOLDER.path();
    fs::write(folder.join("app-config.yaml"), text).expect("the file is written");
    let variable = |name: &str| (name.len() < 5).then(|| name.repeat(2));
    let load = || Config::load(&[], folder, &variable);
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
    let socket = Config::admin_socket(&[] as &[PathBuf], folder, &variable);
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
