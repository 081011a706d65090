//! Descriptors that are made up: mostly of what is allowed, so that the rest of it is reached.

use super::{MAX_ATTRIBUTES, MAX_POLICIES, MAX_TEXT, check, lifecycle};
use proptest::{collection::vec, prelude::*};
use std::collections::HashSet;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z /._-]{0,20}",
        2 => any::<String>(),
        1 => (MAX_TEXT - 2..MAX_TEXT + 3).prop_map(|length| "x".repeat(length)),
    ]
}

fn policy() -> impl Strategy<Value = lifecycle::Policy> {
    let access = prop_oneof![
        Just(lifecycle::Access::Unauthenticated),
        Just(lifecycle::Access::UserCookie),
        Just(lifecycle::Access::Authenticated),
    ];
    let path = prop_oneof![9 => "/[a-c/]{0,3}", 1 => text()];
    (path, access).prop_map(|(path, access)| lifecycle::Policy { path, access })
}

fn migration() -> impl Strategy<Value = lifecycle::Migration> {
    let parts = (any::<u32>(), text(), any::<String>(), any::<bool>());
    parts.prop_map(|(version, name, sql, additive)| lifecycle::Migration {
        version,
        name,
        sql,
        additive,
    })
}

fn permission() -> impl Strategy<Value = lifecycle::Permission> {
    let parts = (text(), vec((text(), text()), 0..3));
    parts.prop_map(|(name, attributes)| lifecycle::Permission { name, attributes })
}

fn said() -> impl Strategy<Value = lifecycle::Descriptor> {
    let id = prop_oneof![9 => "[a-z][a-z0-9-]{0,62}", 1 => text()];
    let policies = prop_oneof![
        20 => vec(policy(), 0..4),
        1 => vec(policy(), MAX_POLICIES..MAX_POLICIES + 2),
    ];
    let lists = (policies, vec(migration(), 0..3), vec(permission(), 0..3));
    (id, text(), text(), lists).prop_map(
        |(id, version, summary, (policies, migrations, permissions))| lifecycle::Descriptor {
            id,
            version,
            summary,
            policies,
            migrations,
            permissions,
        },
    )
}

fn is_plain(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.contains(char::is_control)
}

/// By the words of `wit/lifecycle.wit` and the limits above.
fn may_be_accepted(said: &lifecycle::Descriptor) -> bool {
    let of_path = |policy: &lifecycle::Policy| policy.path.trim_end_matches('/').to_owned();
    let mut paths: Vec<_> = said.policies.iter().map(of_path).collect();
    paths.sort_unstable();
    paths.dedup();
    said.id.parse::<crate::id::PluginId>().is_ok()
        && is_plain(&said.version)
        && is_plain(&said.summary)
        && said.policies.len() <= MAX_POLICIES
        && (said.policies.iter()).all(|p| p.path.starts_with('/') && p.path.len() <= MAX_TEXT)
        && paths.len() == said.policies.len()
        && said.migrations.iter().all(|m| is_plain(&m.name))
        && are_once(said.permissions.iter().map(|p| &*p.name))
        && (said.permissions.iter()).all(|p| {
            are_once(p.attributes.iter().map(|(key, _)| &**key))
                && p.attributes.iter().all(|(_, value)| is_plain(value))
        })
}

fn are_once<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = HashSet::new();
    names.all(|name| is_plain(name) && seen.insert(name))
}

proptest! {
    #[test]
    fn what_is_within_the_rules_is_accepted_and_nothing_else(said in said()) {
        let may = may_be_accepted(&said);
        match check(said.clone()) {
            Ok(checked) => {
                prop_assert!(may);
                prop_assert_eq!(checked.id.to_string(), said.id);
                prop_assert_eq!(checked.policies.len(), said.policies.len());
                prop_assert_eq!(checked.permissions.len(), said.permissions.len());
                prop_assert!(serde_json::to_string(&checked).is_ok());
            }
            Err(why) => {
                prop_assert!(!may, "{}", why);
                prop_assert!(why.len() < 1024, "{}", why.len());
            }
        }
    }
}

fn plainest() -> lifecycle::Descriptor {
    lifecycle::Descriptor {
        id: "a".into(),
        version: String::new(),
        summary: String::new(),
        policies: Vec::new(),
        migrations: Vec::new(),
        permissions: Vec::new(),
    }
}

#[test]
fn a_path_that_is_too_long_is_told_as_such() {
    let path = format!("/{}", "x".repeat(MAX_TEXT));
    let access = lifecycle::Access::Authenticated;
    let said = lifecycle::Descriptor {
        policies: vec![lifecycle::Policy { path, access }],
        ..plainest()
    };
    let why = check(said).unwrap_err();
    assert!(why.contains("is longer than 1024 bytes"), "{why}");
}

#[test]
fn permissions_are_there_once_and_have_few_attributes() {
    let with = |permissions: &[(&str, usize)]| {
        let permission = |(name, attributes): &(&str, usize)| lifecycle::Permission {
            name: (*name).to_owned(),
            attributes: (0..*attributes)
                .map(|n| (format!("a{n}"), String::new()))
                .collect(),
        };
        check(lifecycle::Descriptor {
            permissions: permissions.iter().map(permission).collect(),
            ..plainest()
        })
    };
    let checked = with(&[("todo.read", MAX_ATTRIBUTES), ("todo.delete", 0)]).unwrap();
    assert_eq!(checked.permissions[0].attributes.len(), MAX_ATTRIBUTES);
    let twice = with(&[("todo.read", 0), ("todo.read", 1)]).unwrap_err();
    assert_eq!(twice, "two permissions have the name \"todo.read\"");
    let many = with(&[("todo.read", MAX_ATTRIBUTES + 1)]).unwrap_err();
    assert!(many.contains("more than 16 attributes"), "{many}");
}
