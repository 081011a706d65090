//! `engine` and `plugins`.

use super::{
    Connection, Engine, Plugin, Plugins,
    cursor::{Field, Section, shown},
    error::Problem,
    health, keyvalue,
    limits::{self, Ceiling},
    node::{Place, Value},
    settings,
    spelling::nearest,
};
use crate::id::{NOT_CONFIGURABLE, PluginId};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const MAX_PROBE: usize = 2048;

/// `folder` is that of the first file; `databases` where they lie by default.
pub(super) fn plugins(
    top: &Section<'_>,
    folder: &Path,
    databases: &Connection,
) -> (Engine, Plugins) {
    let engine = top.section("engine");
    let ceiling = Ceiling::read(&engine);
    engine.refuse_others();

    let section = top.section("plugins");
    let own = folder.join(".greenroom");
    let default_state = match databases {
        Connection::Directory(directory) => directory.join("plugins.state"),
        Connection::Memory => own.join("plugins.state"),
    };
    let directory = place(&section, "directory").unwrap_or_else(|| folder.join("plugins"));
    let state = place(&section, "state").unwrap_or(default_state);
    let cache = place(&section, "cache").unwrap_or_else(|| default_cache(&section, own));
    for (key, path) in [("state", &state), ("cache", &cache)] {
        if *path == directory
            && let Some(field) = section.get(key).or(section.get("directory"))
        {
            field.refuse(
                format!("`plugins.{key}` is the same folder as `plugins.directory`"),
                "here",
                format!("each .wasm file in that folder is a plugin: keep {key} elsewhere"),
            );
        }
    }

    let mut entries = BTreeMap::new();
    for (key, place, field) in section.others() {
        match key.parse::<PluginId>() {
            Err(why) => bad_id(&section, key, place, &why.to_string()),
            Ok(id) => {
                if let Some(field) = field {
                    entries.insert(id, entry(key, &field, &ceiling));
                }
            }
        }
    }
    let defaults = Plugin {
        limits: ceiling.defaults(),
        ..Plugin::default()
    };
    let engine = ceiling.engine(entries.values());
    (
        engine,
        Plugins {
            directory,
            state,
            cache,
            entries,
            defaults,
        },
    )
}

/// One of the fixed keys.
fn place(section: &Section<'_>, key: &'static str) -> Option<PathBuf> {
    let field = section.get(key)?;
    if let Value::Map(_) = field.node.value {
        field.refuse(
            format!("`plugins.{key}` takes a folder, not a map"),
            "this is a map",
            format!("a plugin whose id is `{key}` cannot have settings: the key means the folder. Give the file another name"),
        );
        return None;
    }
    field.path("a folder")
}

/// `$XDG_CACHE_HOME/greenroom`, else `~/.cache/greenroom`, else (a service without a home) in `own`.
fn default_cache(section: &Section<'_>, own: PathBuf) -> PathBuf {
    let env = section.reader.env;
    let absolute = |path: &PathBuf| path.is_absolute();
    let xdg = env.get("XDG_CACHE_HOME").map(PathBuf::from);
    let xdg = xdg.filter(absolute);
    let home = || {
        env.get("HOME")
            .map(PathBuf::from)
            .filter(absolute)
            .map(|home| home.join(".cache"))
    };
    xdg.or_else(home)
        .map_or_else(|| own.join("cache"), |caches| caches.join("greenroom"))
}

fn bad_id(section: &Section<'_>, key: &str, place: Place, why: &str) {
    let mut problem = Problem::new(format!("`plugins.{}`: {why}", shown(key))).at(
        section.reader.source(place),
        place,
        "no plugin id",
    );
    if let Some(meant) = nearest(key, NOT_CONFIGURABLE) {
        problem = problem.help(format!("did you mean `{meant}`?"));
    }
    section.reader.refuse(problem);
}

fn entry(key: &str, field: &Field<'_>, ceiling: &Ceiling) -> Plugin {
    if !matches!(field.node.value, Value::Map(_))
        && let Some(meant) = nearest(key, NOT_CONFIGURABLE)
    {
        field.refuse(
            format!("`plugins.{key}` takes a map"),
            "not a map",
            format!("did you mean `plugins.{meant}`?"),
        );
        return Plugin::default();
    }
    let Some(section) = field.section() else {
        return Plugin::default();
    };
    let plugin = Plugin {
        component: section
            .get("component")
            .and_then(|field| field.path("the path of a .wasm file")),
        config: section
            .get("config")
            .map(|field| settings::read(&field).into())
            .unwrap_or_default(),
        limits: limits::limits(&section.section("limits"), ceiling),
        required: section.flag("required", false),
        open: section.get("access").is_some_and(|field| access(&field)),
        keyvalue_ttl: keyvalue::ttls(&section.section("keyvalue")),
        probe: section.get("probe").and_then(|field| probe(&field)),
        health: health::checks(&section),
    };
    section.refuse_others();
    plugin
}

fn access(field: &Field<'_>) -> bool {
    const TAKES: &str =
        "`open`; without the key, the plugin's own policies say which paths are open";
    match field.text(TAKES) {
        Some((text, _)) if text == "open" => true,
        Some((_, secret)) => field.out_of(TAKES, "not `open`", secret).unwrap_or(false),
        None => false,
    }
}

fn probe(field: &Field<'_>) -> Option<String> {
    const TAKES: &str = "a path below the plugin's mount, such as `/health`";
    let (text, secret) = field.text(TAKES)?;
    let clean = text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if text.starts_with('/') && clean && text.len() <= MAX_PROBE {
        Some(text)
    } else {
        field.out_of(TAKES, "no such path", secret)
    }
}
