//! Disks that are full, read-only, damaged, locked or taken away, as the operating system does it: a clear error, no harm
//! to other plugins, and as soon as the disk is in order again everything works, without a restart.

mod cached;
mod damaged;
mod full;
mod odd_files;
mod read_only;
mod taken;

use greenroom_tests::{
    Filler, Host, Setup, chameleon, in_namespace, in_namespace_with, inside, seen_by,
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A plugin `c` whose disk gets into trouble, and a plugin `w` beside it.
fn setup() -> Setup {
    let build = chameleon("version=one;migrations=base;");
    Setup::durable().plugin("c", &build).plugin("w", &build)
}

fn sql(host: &Host, plugin: &str, call: &Value) -> Value {
    let answer = host.post(&format!("/api/{plugin}/sql"), call);
    assert_eq!(answer.status, 200, "{call}: {}", answer.text());
    answer.json()
}

fn execute(host: &Host, plugin: &str, text: &str) -> Value {
    sql(host, plugin, &json!({"op": "execute", "sql": text}))
}

/// The plugin writes and reads, and so many rows are in its table before.
#[track_caller]
fn works(host: &Host, plugin: &str, rows: u64) {
    let counted = || {
        let answer = host.get(&format!("/api/{plugin}/rows"));
        assert_eq!(answer.status, 200, "{plugin}: {}", answer.text());
        answer.json()["parents"].as_u64().unwrap()
    };
    assert_eq!(counted(), rows, "{plugin}");
    let added = host.post(&format!("/api/{plugin}/rows"), &json!({}));
    assert_eq!(added.status, 201, "{plugin}: {}", added.text());
    assert_eq!(counted(), rows + 1, "{plugin}");
}

fn version(host: &Host, plugin: &str) -> String {
    let answer = host.get(&format!("/api/{plugin}/version"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// Takes a plugin's component out of the folder, changes what is on the disk, and puts it back: a restart of the plugin.
fn restart_plugin(host: &Host, plugin: &str, change: impl FnOnce()) {
    let file = host.folder().join(format!("plugins/{plugin}.wasm"));
    let aside = host.folder().join("aside");
    fs::rename(&file, &aside).unwrap();
    host.wait_until("the plugin is gone", |host| host.plugin(plugin).is_null());
    change();
    fs::rename(&aside, &file).unwrap();
    host.wait_until("the plugin is back", |host| {
        host.plugin(plugin)["state"] == "live"
    });
}
