//! Builds that come, take over from each other, are refused, go back and go away, while the host runs.

mod cache;
mod commands;
mod drain;
mod fallback;
mod folder;
mod hostile;
mod inspect;
mod leftovers;
mod lifetime;
mod load;
mod overlap;
mod rollback;
mod start;

use greenroom_tests::{Host, binary, chameleon};
use serde_json::Value;
use sha2::Digest;
use std::{
    path::Path,
    process::{Command, Output},
};

/// A build's id, as the host names it.
fn id_of(component: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(component))
}

/// A build that answers this at `GET /version`.
fn versioned(version: &str) -> Vec<u8> {
    chameleon(&format!("version={version};"))
}

/// What `GET /version` answers.
fn version(host: &Host, id: &str) -> String {
    let answer = host.get(&format!("/api/{id}/version"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// Waits until this build of the plugin serves.
fn wait_for_version(host: &Host, id: &str, version: &str) {
    host.wait_until(&format!("{id} answers {version}"), |host| {
        let answer = host.get(&format!("/api/{id}/version"));
        answer.status == 200 && answer.text() == version
    });
}

/// Waits until `greenroom plugins` tells that this component was refused, and returns the problem.
fn wait_for_refusal(host: &Host, id: &str, component: &[u8]) -> Value {
    let mut problem = Value::Null;
    let build = id_of(component);
    host.wait_until(&format!("{id} refuses {build}"), |host| {
        problem = host.plugin(id)["problem"].clone();
        problem["build"] == *build
    });
    problem
}

/// The lines about deploys of this plugin, in their order.
fn deploys(host: &Host, id: &str) -> Vec<Value> {
    let log = host.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["plugin"] == id && line["outcome"].is_string())
        .collect()
}

/// Whether a file holds just this: a component's bytes would drown the message of an `assert_eq`.
fn holds(file: &Path, component: &[u8]) -> bool {
    std::fs::read(file).is_ok_and(|bytes| bytes == component)
}

/// `greenroom ARGS` in a folder.
fn greenroom(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(args).current_dir(folder);
    command.output().expect("greenroom runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
