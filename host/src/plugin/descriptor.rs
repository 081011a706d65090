//! What a plugin says of itself, checked. The texts and lists are the guest's.

use crate::{id::PluginId, storage::Migration};
use serde::Serialize;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package greenroom:host; world lifecycle { export greenroom:plugin/lifecycle@0.1.0; }",
        exports: { default: async },
    });
}
pub(super) use bindings::LifecycleIndices;
/// As the guest gives it.
pub use bindings::exports::greenroom::plugin::lifecycle;

const MAX_POLICIES: usize = 1000;
const MAX_MIGRATIONS: usize = 10_000;
const MAX_TEXT: usize = 1024;

/// `greenroom:plugin/lifecycle.descriptor`, checked.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub id: PluginId,
    pub version: String,
    pub summary: String,
    pub policies: Vec<Policy>,
    #[serde(serialize_with = "migration_names")]
    pub migrations: Vec<Migration>,
    pub permissions: Vec<String>,
}

/// A path, and everything below it.
#[derive(Debug, Clone, Serialize)]
pub struct Policy {
    pub path: String,
    pub access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    Unauthenticated,
    UserCookie,
    Authenticated,
}

fn migration_names<S: serde::Serializer>(
    migrations: &[Migration],
    s: S,
) -> Result<S::Ok, S::Error> {
    s.collect_seq(migrations.iter().map(
        |m| serde_json::json!({ "version": m.version, "name": m.name, "additive": m.additive }),
    ))
}

/// An error says what of it is wrong.
pub fn check(d: lifecycle::Descriptor) -> Result<Descriptor, String> {
    let id =
        d.id.parse::<PluginId>()
            .map_err(|e| format!("the descriptor's id: {e}"))?;
    plain("version", &d.version)?;
    plain("summary", &d.summary)?;
    if d.policies.len() > MAX_POLICIES
        || d.migrations.len() > MAX_MIGRATIONS
        || d.permissions.len() > MAX_POLICIES
    {
        return Err("the descriptor has too many policies, migrations or permissions".into());
    }
    let mut policies: Vec<Policy> = Vec::new();
    for policy in d.policies {
        let path = policy.path;
        let shown: String = path.chars().take(80).collect();
        if !path.starts_with('/') {
            return Err(format!("the policy path {shown:?} does not start with '/'"));
        }
        if path.len() > MAX_TEXT {
            return Err(format!(
                "the policy path {shown:?}... is longer than {MAX_TEXT} bytes"
            ));
        }
        if policies
            .iter()
            .any(|p| p.path.trim_end_matches('/') == path.trim_end_matches('/'))
        {
            return Err(format!("two policies have the path {path:?}"));
        }
        let access = match policy.access {
            lifecycle::Access::Unauthenticated => Access::Unauthenticated,
            lifecycle::Access::UserCookie => Access::UserCookie,
            lifecycle::Access::Authenticated => Access::Authenticated,
        };
        policies.push(Policy { path, access });
    }
    // Both are told to operators, in lines of the log.
    for migration in &d.migrations {
        plain("migration's name", &migration.name)?;
    }
    for permission in &d.permissions {
        plain("permission's name", &permission.name)?;
    }
    let migrations = d
        .migrations
        .into_iter()
        .map(|m| Migration {
            version: m.version,
            name: m.name,
            sql: m.sql,
            additive: m.additive,
        })
        .collect();
    let permissions = d.permissions.into_iter().map(|p| p.name).collect();
    Ok(Descriptor {
        id,
        version: d.version,
        summary: d.summary,
        policies,
        migrations,
        permissions,
    })
}

fn plain(what: &str, text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT || text.contains(char::is_control) {
        return Err(format!(
            "the descriptor's {what} is longer than {MAX_TEXT} bytes or has control characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
