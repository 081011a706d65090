//! Any descriptor that a guest's `describe` may answer: refused in words, or within its bounds.
#![no_main]

use arbitrary::Arbitrary;
use greenroom::plugin::descriptor::{self, lifecycle};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;

#[derive(Debug, Arbitrary)]
struct Said {
    id: String,
    version: String,
    summary: String,
    policies: Vec<(String, u8)>,
    migrations: Vec<(u32, String, String, bool)>,
    permissions: Vec<(String, Vec<(String, String)>)>,
}

fuzz_target!(|said: Said| {
    let id = said.id.clone();
    let (policies, migrations) = (said.policies.len(), said.migrations.len());
    match descriptor::check(said.into()) {
        Err(why) => assert!(!why.is_empty()),
        Ok(checked) => {
            assert_eq!(checked.id.to_string(), id);
            assert_eq!(checked.policies.len(), policies);
            assert_eq!(checked.migrations.len(), migrations);
            for text in [&checked.version, &checked.summary] {
                assert!(text.len() <= 1024 && !text.contains(char::is_control));
            }
            let paths = checked.policies.iter().map(|policy| &policy.path);
            let paths: HashSet<&str> = paths.map(|path| path.trim_end_matches('/')).collect();
            assert_eq!(paths.len(), policies, "two policies for one path");
            let json = serde_json::to_value(&checked).expect("it is told as JSON");
            assert_eq!(json["id"], id.as_str());
        }
    }
});

impl From<Said> for lifecycle::Descriptor {
    fn from(said: Said) -> Self {
        let policy = |(path, access): (String, u8)| lifecycle::Policy {
            path,
            access: match access % 3 {
                0 => lifecycle::Access::Unauthenticated,
                1 => lifecycle::Access::UserCookie,
                _ => lifecycle::Access::Authenticated,
            },
        };
        let migration = |(version, name, sql, additive)| lifecycle::Migration {
            version,
            name,
            sql,
            additive,
        };
        Self {
            id: said.id,
            version: said.version,
            summary: said.summary,
            policies: said.policies.into_iter().map(policy).collect(),
            migrations: said.migrations.into_iter().map(migration).collect(),
            permissions: (said.permissions.into_iter())
                .map(|(name, attributes)| lifecycle::Permission { name, attributes })
                .collect(),
        }
    }
}
