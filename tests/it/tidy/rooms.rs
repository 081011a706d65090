//! Which room of `host/src` may know which, and which crates are known where.

use super::{assert_none, source::Source, sources};
use std::collections::BTreeSet;

/// What a room may import: another room, or one path in it. ARCHITECTURE.md has the same table, with its reasons.
fn may_import(room: &str) -> &'static [&'static str] {
    match room {
        "main" => &[
            "cli",
            "config",
            "host",
            "telemetry",
            "scaffold",
            "engine::run_compile_child",
            "engine::THREAD_STACK",
        ],
        "host" => &[
            "auth",
            "audit",
            "config",
            "engine",
            "http",
            "id",
            "permissions",
            "plugin",
            "service",
            "storage",
            "telemetry",
        ],
        "cli" => &["config", "id", "http::client"],
        "http" => &["audit", "auth", "plugin", "telemetry", "config", "id"],
        "plugin" => &[
            "audit",
            "auth",
            "engine",
            "permissions",
            "service",
            "config",
            "id",
            "storage",
            "telemetry",
        ],
        "service" => &[
            "audit",
            "auth",
            "engine::on_own_stack",
            "permissions",
            "storage",
            "telemetry",
            "config",
            "id",
        ],
        "audit" => &["auth", "telemetry", "config", "id"],
        "permissions" => &["auth", "config", "id"],
        "auth" | "storage" | "engine" | "telemetry" => &["config", "id"],
        "config" | "scaffold" => &["id"],
        "id" | "lib" => &[],
        unknown => panic!("host/src/{unknown}: a room that the import table does not have"),
    }
}

const HOST: &str = "host/src/";

/// `host/src/plugin/gate.rs` is module `plugin::gate`.
fn module(path: &str) -> Vec<&str> {
    let inner = path.strip_prefix(HOST).unwrap_or(path);
    inner
        .strip_suffix(".rs")
        .unwrap_or(inner)
        .split('/')
        .collect()
}

fn room(path: &str) -> &str {
    module(path)[0]
}

/// Paths from the crate's root, without `crate`; those through `super` included.
fn from_the_root(source: &Source) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    // main.rs sees the library from outside.
    for first in ["crate", "greenroom"] {
        for path in source.paths(first) {
            // `pub(crate)` is no path.
            if path.parts.len() > 1 {
                found.push((path.line, path.parts[1..].to_vec()));
            }
        }
    }
    let depth = module(&source.path).len();
    for path in source.paths("super") {
        let up = path
            .parts
            .iter()
            .take_while(|part| *part == "super")
            .count();
        if up == depth + path.inside {
            found.push((path.line, path.parts[up..].to_vec()));
        }
    }
    found
}

fn host_sources() -> Vec<Source> {
    let all: Vec<_> = sources()
        .into_iter()
        .filter(|s| s.path.starts_with(HOST))
        .collect();
    assert!(all.len() > 100, "only {} files in {HOST}", all.len());
    all
}

/// Whether this line of the table allows the path. A room that is imported as a whole for one of its paths is used for
/// that one alone.
fn covers(allowed: &str, path: &str, source: &Source) -> bool {
    if path == allowed || path.starts_with(&format!("{allowed}::")) {
        return true;
    }
    let used: Vec<_> = source
        .paths(path)
        .into_iter()
        .map(|p| p.parts.join("::"))
        .filter(|used| used.contains("::"))
        .collect();
    allowed.starts_with(&format!("{path}::"))
        && !used.is_empty()
        && used.iter().all(|used| used == allowed)
}

#[test]
fn rooms_import_what_they_may() {
    let all = host_sources();
    let rooms: BTreeSet<_> = all.iter().map(|s| room(&s.path).to_owned()).collect();
    let (mut broken, mut seen) = (Vec::new(), 0);
    for source in &all {
        let own = room(&source.path);
        let allowed = may_import(own);
        for (line, path) in from_the_root(source) {
            let Some(other) = path.first().filter(|first| rooms.contains(*first)) else {
                broken.push(format!("{}:{line}: {path:?} is no room", source.path));
                continue;
            };
            let whole = path.join("::");
            seen += 1;
            if other != own && !allowed.iter().any(|a| covers(a, &whole, source)) {
                broken.push(format!(
                    "{}:{line}: {own} may not import {whole}",
                    source.path
                ));
            }
        }
    }
    assert!(seen > 100, "only {seen} imports between rooms are found");
    assert_none("the import table", &broken);
}

/// (crate, the rooms that may name it)
const CONFINED: [(&str, &[&str]); 19] = [
    ("wasmtime", &["engine", "plugin", "service"]),
    ("wasmtime_wasi", &["plugin", "service"]),
    ("wasmtime_wasi_http", &["plugin", "service"]),
    ("hyper", &["http"]),
    ("hyper_util", &["http", "auth"]),
    ("http_body", &["http", "plugin"]),
    ("http_body_util", &["http", "plugin", "auth"]),
    ("hyper_rustls", &["auth"]),
    ("jsonwebtoken", &["auth"]),
    ("ring", &["auth"]),
    ("rusqlite", &["storage"]),
    ("notify", &["plugin"]),
    ("cedar_policy", &["permissions"]),
    ("serde_saphyr", &["config"]),
    ("jsonschema", &["config"]),
    ("aho_corasick", &["config"]),
    // Cedar's errors say with it where they are.
    ("miette", &["config", "permissions"]),
    ("clap", &["cli"]),
    ("tracing_subscriber", &["telemetry"]),
];

#[test]
fn crates_are_known_where_they_belong() {
    let mut broken = Vec::new();
    for source in host_sources() {
        for (name, rooms) in CONFINED {
            if !rooms.contains(&room(&source.path))
                && let Some(path) = source.paths(name).iter().find(|p| p.parts.len() > 1)
            {
                broken.push(format!("{}:{}: {name}", source.path, path.line));
            }
        }
    }
    assert_none(
        "wasmtime, hyper, rusqlite and others in their rooms",
        &broken,
    );
}

/// Every crate of the list is a dependency, so that a rule for one that was renamed does not hold by itself.
#[test]
fn the_confined_crates_are_used() {
    let all = host_sources();
    let unused: Vec<_> = CONFINED
        .iter()
        .filter(|(name, _)| {
            !all.iter()
                .any(|s| s.paths(name).iter().any(|p| p.parts.len() > 1))
        })
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_none("crates that nobody uses", &unused);
}

#[test]
fn the_environment_is_read_at_the_edge_alone() {
    let mut broken = Vec::new();
    for source in host_sources() {
        if ["main", "cli", "config"].contains(&room(&source.path)) {
            continue;
        }
        for path in source.paths("std") {
            if path.parts.get(1).is_some_and(|part| part == "env") {
                broken.push(format!("{}:{}", source.path, path.line));
            }
        }
    }
    assert_none("std::env only in main, cli and config", &broken);
}

#[test]
fn only_the_command_line_prints() {
    let mut broken = Vec::new();
    for source in host_sources() {
        // `compile` and `judge` are child processes whose answer goes to standard output; the log goes to standard error.
        let children = [
            "host/src/engine/compile.rs",
            "host/src/config/schema/child.rs",
        ];
        let may = ["cli", "main", "telemetry"].contains(&room(&source.path))
            || children.contains(&source.path.as_str());
        for word in ["stdout", "stderr", "println", "eprintln"] {
            let named = ["std", "io"].iter().any(|first| {
                source
                    .paths(first)
                    .iter()
                    .any(|p| p.parts.last().is_some_and(|last| last == word))
            });
            let macros = word.ends_with("println") && source.has_word(word);
            if !may && (named || macros) {
                broken.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert_none(
        "printing only in cli (and where a process is the interface)",
        &broken,
    );
}
