//! What a plugin says of itself, checked. The texts and lists are the guest's.

use crate::{auth::Principal, id::PluginId, permissions::Permission, storage::Migration};
use serde::Serialize;
use std::collections::HashSet;

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
/// Attributes of one permission.
const MAX_ATTRIBUTES: usize = 16;
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
    pub permissions: Vec<Permission>,
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

impl Access {
    /// Whether a path of this kind is for this principal. One that a cookie names gets no further than cookies do.
    pub fn admits(self, principal: &Principal) -> bool {
        match self {
            Self::Unauthenticated => true,
            Self::UserCookie => principal.is_known(),
            Self::Authenticated => principal.is_known() && !principal.is_limited(),
        }
    }
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
    // Told to operators, in lines of the log; so are the names of permissions.
    for migration in &d.migrations {
        plain("migration's name", &migration.name)?;
    }
    let permissions = permissions(d.permissions)?;
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
    Ok(Descriptor {
        id,
        version: d.version,
        summary: d.summary,
        policies,
        migrations,
        permissions,
    })
}

/// Each once, with attributes that are there once.
fn permissions(said: Vec<lifecycle::Permission>) -> Result<Vec<Permission>, String> {
    let shown = |text: &str| text.chars().take(40).collect::<String>();
    let mut names = HashSet::new();
    for permission in &said {
        plain("permission's name", &permission.name)?;
        let name = shown(&permission.name);
        if !names.insert(permission.name.as_str()) {
            return Err(format!("two permissions have the name {name:?}"));
        }
        let mut keys = HashSet::new();
        for (key, value) in &permission.attributes {
            plain("permission's attribute", key)?;
            plain("permission's attribute", value)?;
            if !keys.insert(key.as_str()) {
                let key = shown(key);
                return Err(format!(
                    "the permission {name:?} has the attribute {key:?} twice"
                ));
            }
        }
        if keys.len() > MAX_ATTRIBUTES {
            return Err(format!(
                "the permission {name:?} has more than {MAX_ATTRIBUTES} attributes"
            ));
        }
    }
    let permission = |p: lifecycle::Permission| Permission {
        name: p.name,
        attributes: p.attributes,
    };
    Ok(said.into_iter().map(permission).collect())
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
