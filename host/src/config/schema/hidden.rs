//! `visibility: secret` and `deepVisibility: secret`, as Backstage's schemas have them.
//!
//! Every part of the schema that could apply to a value is looked at, whether it is the one that does or not: one that
//! calls a value a secret is enough.

use crate::config::settings::escaped;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// Parts of the schema, each held against one value.
const MAX_STEPS: usize = 200_000;
/// Parts within each other.
const MAX_DEPTH: usize = 500;

/// JSON pointers to the texts and numbers of the section that are secrets. An error says what is wrong with the schema.
pub(super) fn pointers(schema: &Value, section: &Value) -> Result<Vec<String>, String> {
    let mut walk = Walk {
        root: schema,
        marks: BTreeMap::new(),
        seen: HashSet::new(),
        depth: 0,
    };
    walk.hold(schema, section, &mut String::new())?;
    let mut secret = Vec::new();
    leaves(section, &mut String::new(), false, &walk.marks, &mut secret);
    Ok(secret)
}

struct Walk<'s> {
    root: &'s Value,
    /// By JSON pointer into the section: whether what is there, and below it, is a secret.
    marks: BTreeMap<String, bool>,
    /// Parts by their address, and the pointers that they were held against.
    seen: HashSet<(usize, String)>,
    depth: usize,
}

impl<'s> Walk<'s> {
    fn hold(&mut self, part: &'s Value, value: &Value, at: &mut String) -> Result<(), String> {
        let Value::Object(keywords) = part else {
            return Ok(());
        };
        let address = std::ptr::from_ref(part).addr();
        if !self.seen.insert((address, at.clone())) {
            return Ok(());
        }
        if self.seen.len() > MAX_STEPS || self.depth > MAX_DEPTH {
            return Err("it is too entangled to find its secrets".to_owned());
        }
        self.depth += 1;
        self.mark(keywords, value, at)?;
        self.same(keywords, value, at)?;
        match value {
            Value::Object(entries) => self.entries(keywords, entries, at)?,
            Value::Array(items) => self.items(keywords, items, at)?,
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn mark(
        &mut self,
        keywords: &Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let own = visibility(keywords, "visibility")?;
        let deep = visibility(keywords, "deepVisibility")?;
        let collection = value.is_object() || value.is_array();
        let found = if collection {
            deep.or(own)
        } else {
            own.or(deep)
        };
        if let Some(secret) = found {
            *self.marks.entry(at.to_owned()).or_default() |= secret;
        }
        Ok(())
    }

    /// The parts that speak of the same value.
    fn same(
        &mut self,
        keywords: &'s Map<String, Value>,
        value: &Value,
        at: &mut String,
    ) -> Result<(), String> {
        for name in ["$dynamicRef", "$recursiveRef"] {
            if keywords.contains_key(name) {
                return Err(format!("`{name}` is not followed here; `$ref` is"));
            }
        }
        if let Some(name) = keywords.get("$ref").and_then(Value::as_str) {
            let part = self.named(name)?;
            self.hold(part, value, at)?;
        }
        for name in ["allOf", "anyOf", "oneOf"] {
            for part in keywords
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.hold(part, value, at)?;
            }
        }
        for name in ["if", "then", "else", "not"] {
            if let Some(part) = keywords.get(name) {
                self.hold(part, value, at)?;
            }
        }
        for name in ["dependentSchemas", "dependencies"] {
            let parts = keywords.get(name).and_then(Value::as_object);
            for part in parts.into_iter().flat_map(Map::values) {
                self.hold(part, value, at)?;
            }
        }
        Ok(())
    }

    fn entries(
        &mut self,
        keywords: &'s Map<String, Value>,
        entries: &Map<String, Value>,
        at: &mut String,
    ) -> Result<(), String> {
        let properties = keywords.get("properties").and_then(Value::as_object);
        // Which keys a pattern fits is not asked: it may fit any.
        let patterns = keywords.get("patternProperties").and_then(Value::as_object);
        let others = ["additionalProperties", "unevaluatedProperties"];
        for (key, value) in entries {
            let length = at.len();
            at.push('/');
            at.push_str(&escaped(key));
            let own = properties.and_then(|properties| properties.get(key));
            let patterns = patterns.into_iter().flat_map(Map::values);
            let rest = others.iter().filter_map(|name| keywords.get(*name));
            let rest = rest.filter(|_| own.is_none());
            for part in own.into_iter().chain(patterns).chain(rest) {
                self.hold(part, value, at)?;
            }
            at.truncate(length);
        }
        Ok(())
    }

    fn items(
        &mut self,
        keywords: &'s Map<String, Value>,
        items: &[Value],
        at: &mut String,
    ) -> Result<(), String> {
        for (index, item) in items.iter().enumerate() {
            let length = at.len();
            at.push_str(&format!("/{index}"));
            for name in [
                "items",
                "prefixItems",
                "additionalItems",
                "unevaluatedItems",
                "contains",
            ] {
                let part = match keywords.get(name) {
                    Some(Value::Array(parts)) => parts.get(index),
                    part => part,
                };
                if let Some(part) = part {
                    self.hold(part, item, at)?;
                }
            }
            at.truncate(length);
        }
        Ok(())
    }

    /// `#`, or a JSON pointer into the schema: `#/definitions/a`.
    fn named(&self, name: &str) -> Result<&'s Value, String> {
        let shown = || name.chars().take(200).collect::<String>();
        let pointer = name.strip_prefix('#').ok_or_else(|| {
            format!(
                "`$ref: {}`: no other document is fetched; put it under `definitions`",
                shown()
            )
        })?;
        let pointer = unescaped(pointer);
        self.root.pointer(&pointer).ok_or_else(|| {
            format!(
                "`$ref: {}` leads nowhere; it takes `#` and the path of a part, as `#/definitions/a`",
                shown()
            )
        })
    }
}

/// `frontend`, `backend` or `secret`.
fn visibility(keywords: &Map<String, Value>, name: &str) -> Result<Option<bool>, String> {
    match keywords.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text == "secret" => Ok(Some(true)),
        Some(Value::String(text)) if text == "backend" || text == "frontend" => Ok(Some(false)),
        Some(_) => Err(format!("`{name}` takes `backend`, `frontend` or `secret`")),
    }
}

/// A URI's fragment without its percent signs.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| *byte == b'%');
        let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Texts and numbers whose nearest mark says that they are secrets.
fn leaves(
    value: &Value,
    at: &mut String,
    above: bool,
    marks: &BTreeMap<String, bool>,
    secret: &mut Vec<String>,
) {
    let here = marks.get(at.as_str()).copied().unwrap_or(above);
    let mut below = |part: &str, value: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(part);
        leaves(value, at, here, marks, secret);
        at.truncate(length);
    };
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                below(&escaped(key), value);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                below(&index.to_string(), value);
            }
        }
        Value::String(_) | Value::Number(_) if here => secret.push(at.clone()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(schema: &Value, section: &Value) -> Vec<String> {
        let mut found = pointers(schema, section).unwrap();
        found.sort_unstable();
        found
    }

    #[test]
    fn values_are_secret_by_their_schema() {
        let schema = json!({ "properties": {
            "token": { "type": "string", "visibility": "secret" },
            "a~/b": { "visibility": "secret" },
            "open": { "visibility": "backend" },
            "database": { "deepVisibility": "secret", "properties": {
                "host": { "visibility": "frontend" },
            } },
            "hooks": { "items": { "properties": { "key": { "visibility": "secret" } } } },
            "whole": { "visibility": "secret" },
        } });
        let section = json!({
            "token": "t", "a~/b": "t", "open": "o", "other": "o",
            "database": { "host": "h", "user": "u", "deep": [1, true, null] },
            "hooks": [{ "key": "k", "url": "u" }, { "key": 5 }],
            "whole": { "a": "b" },
        });
        assert_eq!(
            found(&schema, &section),
            [
                "/a~0~1b",
                "/database/deep/0",
                "/database/user",
                "/hooks/0/key",
                "/hooks/1/key",
                "/token",
                "/whole/a"
            ]
        );
    }

    #[test]
    fn any_part_that_could_apply_is_enough() {
        let secret = json!({ "visibility": "secret" });
        let section = json!({ "a": "x" });
        for schema in [
            json!({ "additionalProperties": secret }),
            json!({ "patternProperties": { "^never$": secret } }),
            json!({ "anyOf": [{ "properties": { "a": {} } }, { "properties": { "a": secret } }] }),
            json!({ "if": false, "then": { "properties": { "a": secret } } }),
            json!({ "definitions": { "x y": secret }, "properties": { "a": { "$ref": "#/definitions/x%20y" } } }),
            json!({ "properties": { "a": { "allOf": [secret, { "visibility": "backend" }] } } }),
            json!({ "deepVisibility": "secret" }),
        ] {
            assert_eq!(found(&schema, &section), ["/a"], "{schema}");
        }
        assert_eq!(
            found(&json!({ "properties": { "b": secret } }), &section),
            [""; 0]
        );
        assert_eq!(found(&json!(true), &section), [""; 0]);
    }

    #[test]
    fn a_schema_that_goes_in_circles_comes_to_an_end() {
        let schema = json!({
            "$ref": "#",
            "properties": { "a": { "$ref": "#" }, "s": { "visibility": "secret" } },
        });
        let section = json!({ "a": { "a": { "s": "x" } } });
        assert_eq!(found(&schema, &section), ["/a/a/s"]);
        // Each of them stands for two of the one before it.
        let mut definitions = Map::new();
        definitions.insert("0".into(), json!({ "visibility": "secret" }));
        for n in 1..200 {
            let before = json!({ "$ref": format!("#/definitions/{}", n - 1) });
            definitions.insert(n.to_string(), json!({ "allOf": [before, before] }));
        }
        let doubling = json!({ "definitions": definitions, "$ref": "#/definitions/199" });
        assert_eq!(found(&doubling, &json!({ "b": "x" })), ["/b"]);
    }

    #[test]
    fn says_what_it_does_not_follow() {
        let wrong = |schema: Value| pointers(&schema, &json!({})).unwrap_err();
        assert!(
            wrong(json!({ "$ref": "https://example.com/x.json" }))
                .contains("no other document is fetched")
        );
        assert!(wrong(json!({ "$ref": "#/definitions/x" })).contains("leads nowhere"));
        assert!(wrong(json!({ "$dynamicRef": "#x" })).contains("`$dynamicRef` is not followed"));
        assert!(wrong(json!({ "visibility": "hidden" })).contains("`visibility` takes"));
        let mut deep = json!({});
        for n in 0..600 {
            deep = json!({ "definitions": { "next": deep }, "n": n });
        }
        // Nothing leads there.
        assert!(pointers(&deep, &json!({})).is_ok());
    }
}
