//! Descriptors that are made up: mostly of what is allowed, so that the rest of it is reached.

use super::{MAX_POLICIES, MAX_TEXT, check, lifecycle};
use proptest::{collection::vec, prelude::*};

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
        && said.permissions.iter().all(|p| is_plain(&p.name))
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
                prop_assert!(serde_json::to_string(&checked).is_ok());
            }
            Err(why) => {
                prop_assert!(!may, "{}", why);
                prop_assert!(why.len() < 1024, "{}", why.len());
            }
        }
    }
}

#[test]
fn a_path_that_is_too_long_is_told_as_such() {
    let path = format!("/{}", "x".repeat(MAX_TEXT));
    let access = lifecycle::Access::Authenticated;
    let said = lifecycle::Descriptor {
        id: "a".into(),
        version: String::new(),
        summary: String::new(),
        policies: vec![lifecycle::Policy { path, access }],
        migrations: Vec::new(),
        permissions: Vec::new(),
    };
    let why = check(said).unwrap_err();
    assert!(why.contains("is longer than 1024 bytes"), "{why}");
}
