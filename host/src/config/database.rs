//! `backend.database`: where the plugins' databases lie.

use super::{
    Connection, Databases, backstage,
    cursor::{Field, Section, shown},
    node::Value,
};
use crate::id::PluginId;
use std::collections::BTreeMap;

const TAKES: &str = "':memory:' or `{ directory: DIR }`";
const INSTEAD: &str = "set `client: better-sqlite3` with `connection: ':memory:'`, or with `connection: { directory: ./db }` to keep the data";

pub(super) fn databases(section: &Section<'_>) -> Databases {
    let default = one(section).unwrap_or(Connection::Memory);
    let overrides = section.section("plugin");
    section.judge_others(backstage::DATABASE);
    let mut plugins = BTreeMap::new();
    for (key, place, field) in overrides.others() {
        match key.parse::<PluginId>() {
            Err(why) => overrides.reader.refuse(
                super::error::Problem::new(format!("`{}.{}`: {why}", overrides.path, shown(key)))
                    .at(overrides.reader.source(place), place, "no plugin id"),
            ),
            Ok(id) => {
                let Some(plugin) = field.and_then(|field| field.section()) else {
                    continue;
                };
                if let Some(connection) = one(&plugin) {
                    plugins.insert(id, connection);
                }
                plugin.judge_others(backstage::DATABASE);
            }
        }
    }
    Databases { default, plugins }
}

/// `client` and `connection`.
fn one(section: &Section<'_>) -> Option<Connection> {
    let known = section.get("client").is_none_or(|field| client(&field));
    let connection = section.get("connection")?;
    // What another engine's connection looks like is no concern once its client is refused.
    if known { read(&connection) } else { None }
}

fn client(field: &Field<'_>) -> bool {
    const CLIENTS: &str = "`better-sqlite3` (or `sqlite`)";
    let Some((text, secret)) = field.text(CLIENTS) else {
        return false;
    };
    match text.as_str() {
        "better-sqlite3" | "sqlite" => return true,
        "pg" | "postgres" | "postgresql" | "cockroachdb" | "mysql" | "mysql2" | "mssql"
        | "oracledb" => field.refuse(
            format!(
                "`{}`: Greenroom cannot use the database `{text}` yet",
                shown(&field.path)
            ),
            "not available",
            INSTEAD,
        ),
        _ => {
            field.out_of::<()>(CLIENTS, "no such client", secret);
        }
    }
    false
}

fn read(field: &Field<'_>) -> Option<Connection> {
    match &field.node.value {
        Value::Map(map) if map.contains_key("filename") => {
            field.refuse(
                format!("`{}` takes {TAKES}, not a file name", shown(&field.path)),
                "each plugin has a database file of its own",
                "write `connection: ':memory:'` or `connection: { directory: ./db }`",
            );
            None
        }
        Value::Map(_) => {
            let section = field.section()?;
            let directory = section.get("directory");
            section.refuse_others();
            if section.lacks("directory") && section.has_no_others() {
                return field.out_of(TAKES, "names no directory", false);
            }
            directory?.path("a folder").map(Connection::Directory)
        }
        _ => {
            let (text, secret) = field.text(TAKES)?;
            if text == ":memory:" {
                Some(Connection::Memory)
            } else {
                field.out_of(TAKES, "neither of them", secret)
            }
        }
    }
}
