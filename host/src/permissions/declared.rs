//! The permissions that one build declares.

use super::{
    mistake::{chain, plain},
    names, stack,
};
use crate::{auth::Restriction, id::PluginId};
use cedar_policy::{Context, EntityUid, RestrictedExpression};
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, sync::Arc};

/// Backstage's attribute of a permission: `create`, `read`, `update` or `delete`.
const ACTION: &str = "action";

/// A permission as a descriptor has it. Its attributes are told as a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub name: String,
    #[serde(serialize_with = "as_map")]
    pub attributes: Vec<(String, String)>,
}

fn as_map<S: Serializer>(attributes: &[(String, String)], s: S) -> Result<S::Ok, S::Error> {
    s.collect_map(attributes.iter().map(|(name, value)| (name, value)))
}

/// What a build may ask about, ready to be asked.
#[derive(Debug)]
pub struct Declared {
    plugin: PluginId,
    acts: BTreeMap<String, Arc<Act>>,
}

/// One permission of one plugin.
#[derive(Debug)]
pub struct Act {
    pub(super) plugin: PluginId,
    pub(super) name: String,
    action: Option<String>,
    pub(super) uid: EntityUid,
    /// `{plugin, attributes}`.
    pub(super) context: Context,
}

impl Declared {
    /// For a component without a descriptor.
    pub fn nothing(plugin: PluginId) -> Self {
        Self {
            plugin,
            acts: BTreeMap::new(),
        }
    }

    /// An error: a permission that Cedar cannot have.
    pub fn new(plugin: PluginId, permissions: &[Permission]) -> Result<Self, String> {
        let acts = permissions
            .iter()
            .map(|permission| {
                let act = Act::new(&plugin, permission)?;
                Ok((permission.name.clone(), Arc::new(act)))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { plugin, acts })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.acts.keys().map(String::as_str)
    }

    /// An error says to the plugin's author what is missing.
    pub fn find(&self, permission: &str) -> Result<&Arc<Act>, String> {
        self.acts.get(permission).ok_or_else(|| {
            format!(
                "the descriptor of {} does not declare the permission {:?}",
                self.plugin,
                plain(permission)
            )
        })
    }
}

impl Act {
    fn new(plugin: &PluginId, permission: &Permission) -> Result<Self, String> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let attributes = permission
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), text(value)));
        let context = stack::deciding(|| {
            let attributes = RestrictedExpression::new_record(attributes).map_err(|e| chain(&e))?;
            Context::from_pairs([
                ("plugin".to_owned(), text(plugin.as_str())),
                ("attributes".to_owned(), attributes),
            ])
            .map_err(|e| chain(&e))
        });
        let action = permission
            .attributes
            .iter()
            .find(|(name, _)| name == ACTION);
        Ok(Self {
            plugin: plugin.clone(),
            name: permission.name.clone(),
            action: action.map(|(_, action)| action.clone()),
            uid: names::action(&permission.name),
            context: context.map_err(|why| format!("the permission {}: {why}", permission.name))?,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a token's `accessRestrictions` leave this permission out, as Backstage reads them: its name is not
    /// listed, or its action is not (one without an action is in no list).
    pub fn is_outside(&self, of: &Restriction) -> bool {
        let named = |names: &Vec<String>| names.contains(&self.name);
        let acts = |actions: &Vec<String>| {
            let action = self.action.as_ref();
            action.is_some_and(|action| actions.contains(action))
        };
        !of.permissions.as_ref().is_none_or(named) || !of.actions.as_ref().is_none_or(acts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> Declared {
        let permission = |name: &str, attributes: &[(&str, &str)]| Permission {
            name: name.to_owned(),
            attributes: (attributes.iter())
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let permissions = [
            permission("todo.read", &[("action", "read")]),
            permission("todo.count", &[("x-y \"z", "ä")]),
        ];
        Declared::new("todo".parse().unwrap(), &permissions).unwrap()
    }

    #[test]
    fn what_is_not_declared_is_told() {
        let declared = declared();
        assert!(declared.names().eq(["todo.count", "todo.read"]));
        assert_eq!(declared.find("todo.read").unwrap().name(), "todo.read");
        assert_eq!(
            declared.find("todo.raed\n").unwrap_err(),
            "the descriptor of todo does not declare the permission \"todo.raed\""
        );
        let nothing = Declared::nothing("plain".parse().unwrap());
        assert!(nothing.find("todo.read").is_err());
    }

    #[test]
    fn restrictions_are_backstages() {
        let declared = declared();
        let (read, count) = (
            declared.find("todo.read").unwrap(),
            declared.find("todo.count").unwrap(),
        );
        let listed = |list: &[&str]| -> Option<Vec<String>> {
            Some(list.iter().map(|text| (*text).to_owned()).collect())
        };
        for (permissions, actions, outside) in [
            (None, None, (false, false)),
            (listed(&["todo.read"]), None, (false, true)),
            (None, listed(&["read", "update"]), (false, true)),
            (None, listed(&["update"]), (true, true)),
            (listed(&["todo.read"]), listed(&["update"]), (true, true)),
            (
                listed(&["todo.count", "todo.read"]),
                listed(&["read"]),
                (false, true),
            ),
            (listed(&[]), None, (true, true)),
        ] {
            let restriction = Restriction {
                permissions,
                actions,
            };
            assert_eq!(
                (
                    read.is_outside(&restriction),
                    count.is_outside(&restriction)
                ),
                outside,
                "{restriction:?}"
            );
        }
    }

    #[test]
    fn attributes_are_told_as_a_map() {
        let permission = Permission {
            name: "todo.read".into(),
            attributes: vec![("action".into(), "read".into())],
        };
        assert_eq!(
            serde_json::to_string(&permission).unwrap(),
            r#"{"name":"todo.read","attributes":{"action":"read"}}"#
        );
    }
}
