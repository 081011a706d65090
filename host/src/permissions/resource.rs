//! What a plugin asks about. All of it is the guest's.

use super::{mistake::chain, names};
use crate::id::PluginId;
use cedar_policy::{Entity, EntityUid, RestrictedExpression};
use std::collections::{HashMap, HashSet};

/// Resources of one question.
pub const MOST_RESOURCES: usize = 1000;
/// Attributes of one resource.
const MOST_ATTRIBUTES: usize = 32;
/// Bytes of a type or of an attribute's name.
const LONGEST_NAME: usize = 64;
/// Bytes of an id.
const LONGEST_ID: usize = 1024;
/// Bytes of one text.
const LONGEST_TEXT: usize = 4096;
/// Texts of one list.
const MOST_TEXTS: usize = 256;
/// Bytes of all of a resource.
const LARGEST: usize = 16 << 10;

/// Names of attributes that the host gives.
const OURS: [&str; 3] = ["plugin", "type", "id"];

/// A resource as the guest says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// `None`: the plugin as a whole.
    pub of: Option<String>,
    pub id: Option<String>,
    pub attributes: Vec<(String, Value)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Texts(Vec<String>),
    Boolean(bool),
    Number(i64),
    /// A reference of the catalog, or a principal's name.
    Entity(String),
    Entities(Vec<String>),
}

impl Resource {
    /// An error says which rule it breaks.
    pub fn check(&self) -> Result<(), String> {
        if let Some(of) = &self.of {
            name("the type", of)?;
        }
        let id = self.id.as_deref().unwrap_or_default();
        if id.len() > LONGEST_ID {
            return Err(format!("the id has more than {LONGEST_ID} bytes"));
        }
        if self.attributes.len() > MOST_ATTRIBUTES {
            return Err(format!("there are more than {MOST_ATTRIBUTES} attributes"));
        }
        let mut bytes = self.of.as_ref().map_or(0, String::len) + id.len();
        let mut seen = HashSet::new();
        for (attribute, value) in &self.attributes {
            name("the name of an attribute", attribute)?;
            if OURS.contains(&attribute.as_str()) {
                return Err(format!("the attribute {attribute} is the host's"));
            }
            if !seen.insert(attribute.as_str()) {
                return Err(format!("the attribute {attribute} is there twice"));
            }
            bytes += attribute.len() + value.check(attribute)?;
        }
        if bytes > LARGEST {
            return Err(format!("it has more than {} KiB", LARGEST >> 10));
        }
        Ok(())
    }

    /// As the log and policies name it: `todo`, `todo/todo`, `todo/todo/ID`.
    pub fn name(&self, plugin: &PluginId) -> String {
        let mut name = plugin.to_string();
        for part in [&self.of, &self.id].into_iter().flatten() {
            name.push('/');
            name.push_str(part);
        }
        name
    }

    /// For Cedar: the resource, and what its attributes lead to. Runs where Cedar may.
    pub(super) fn entity(&self, plugin: &PluginId) -> Result<(Entity, Vec<EntityUid>), String> {
        let mut leads_to = Vec::new();
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let mut attributes: HashMap<_, _> = (self.attributes.iter())
            .map(|(name, value)| (name.clone(), value.expression(&mut leads_to)))
            .collect();
        attributes.insert("plugin".to_owned(), text(plugin.as_str()));
        for (name, value) in [("type", &self.of), ("id", &self.id)] {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), text(value));
            }
        }
        let uid = names::resource(&self.name(plugin));
        let entity = Entity::new(uid, attributes, HashSet::new()).map_err(|e| chain(&e))?;
        Ok((entity, leads_to))
    }
}

impl Value {
    /// Its bytes.
    fn check(&self, attribute: &str) -> Result<usize, String> {
        let texts: &[String] = match self {
            Self::Boolean(_) | Self::Number(_) => return Ok(8),
            Self::Text(text) | Self::Entity(text) => std::slice::from_ref(text),
            Self::Texts(texts) | Self::Entities(texts) => texts,
        };
        if texts.len() > MOST_TEXTS {
            return Err(format!("{attribute} has more than {MOST_TEXTS} texts"));
        }
        if texts.iter().any(|text| text.len() > LONGEST_TEXT) {
            return Err(format!(
                "{attribute} has a text of more than {LONGEST_TEXT} bytes"
            ));
        }
        Ok(texts.iter().map(|text| text.len() + 8).sum())
    }

    fn expression(&self, leads_to: &mut Vec<EntityUid>) -> RestrictedExpression {
        let text = |text: &String| RestrictedExpression::new_string(text.clone());
        let mut entity = |reference: &String| {
            let uid = names::entity(reference);
            leads_to.push(uid.clone());
            RestrictedExpression::new_entity_uid(uid)
        };
        match self {
            Self::Text(of) => text(of),
            Self::Texts(of) => RestrictedExpression::new_set(of.iter().map(text)),
            Self::Boolean(of) => RestrictedExpression::new_bool(*of),
            Self::Number(of) => RestrictedExpression::new_long(*of),
            Self::Entity(of) => entity(of),
            Self::Entities(of) => RestrictedExpression::new_set(of.iter().map(entity)),
        }
    }
}

fn name(what: &str, name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "{what} is 1 to {LONGEST_NAME} of letters, digits, '.', '_' and '-'"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(attributes: Vec<(String, Value)>) -> Resource {
        Resource {
            of: Some("todo".into()),
            id: Some("1".into()),
            attributes,
        }
    }

    fn one(name: &str, value: Value) -> Resource {
        with(vec![(name.into(), value)])
    }

    fn text(bytes: usize) -> Value {
        Value::Text("x".repeat(bytes))
    }

    #[test]
    fn names_have_their_parts() {
        let plugin: PluginId = "todo".parse().unwrap();
        assert_eq!(Resource::default().name(&plugin), "todo");
        assert_eq!(with(vec![]).name(&plugin), "todo/todo/1");
    }

    #[test]
    fn what_is_at_its_limits_is_taken() {
        let many = |n: usize| {
            (0..n)
                .map(|n| (format!("a{n}"), Value::Number(0)))
                .collect()
        };
        let texts = |n: usize| Value::Texts(vec!["x".into(); n]);
        for good in [
            Resource::default(),
            one("a", text(LONGEST_TEXT)),
            one(&"a".repeat(LONGEST_NAME), Value::Boolean(true)),
            one("a", texts(MOST_TEXTS)),
            with(many(MOST_ATTRIBUTES)),
            with(
                (0..3)
                    .map(|n| (format!("a{n}"), text(LONGEST_TEXT)))
                    .collect(),
            ),
            Resource {
                id: Some("ä".repeat(LONGEST_ID / 2)),
                ..Resource::default()
            },
        ] {
            good.check().unwrap();
        }
        for (bad, why) in [
            (
                one("a", text(LONGEST_TEXT + 1)),
                "a has a text of more than 4096 bytes",
            ),
            (
                one("a", Value::Entity("x".repeat(4097))),
                "a has a text of more than 4096 bytes",
            ),
            (one("a", texts(MOST_TEXTS + 1)), "a has more than 256 texts"),
            (
                one("a", Value::Entities(vec!["x".into(); 257])),
                "a has more than 256 texts",
            ),
            (
                with(many(MOST_ATTRIBUTES + 1)),
                "there are more than 32 attributes",
            ),
            (
                with(
                    (0..4)
                        .map(|n| (format!("a{n}"), text(LONGEST_TEXT)))
                        .collect(),
                ),
                "it has more than 16 KiB",
            ),
            (
                one("id", Value::Number(1)),
                "the attribute id is the host's",
            ),
            (
                with(vec![
                    ("a".into(), Value::Number(1)),
                    ("a".into(), Value::Number(2)),
                ]),
                "the attribute a is there twice",
            ),
            (
                one("", Value::Number(1)),
                "the name of an attribute is 1 to 64 of letters, digits, '.', '_' and '-'",
            ),
            (
                Resource {
                    of: Some("a/b".into()),
                    ..Resource::default()
                },
                "the type is 1 to 64 of letters, digits, '.', '_' and '-'",
            ),
            (
                Resource {
                    id: Some("x".repeat(LONGEST_ID + 1)),
                    ..Resource::default()
                },
                "the id has more than 1024 bytes",
            ),
        ] {
            assert_eq!(bad.check(), Err(why.to_owned()));
        }
    }
}
