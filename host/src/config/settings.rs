//! `plugins.<id>.config`: what a plugin reads through `wasi:config`.

use super::{
    cursor::{Field, shown},
    error::Problem,
    node::Value,
};
use std::collections::BTreeMap;

/// Nested keys joined with dots; numbers and booleans as written; lists as JSON; nulls left out.
pub(super) fn flat(field: &Field<'_>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    if field.section().is_some() {
        collect(field, "", &mut settings);
    }
    settings
}

fn collect(field: &Field<'_>, prefix: &str, settings: &mut BTreeMap<String, String>) {
    let value = match &field.node.value {
        Value::Map(_) => {
            let Some(section) = field.section() else {
                return;
            };
            for (key, _, field) in section.others() {
                if let Some(field) = field {
                    let name = if prefix.is_empty() {
                        key.to_owned()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    collect(&field, &name, settings);
                }
            }
            return;
        }
        Value::List(_) => json(field).to_string(),
        _ => match field.scalar("a value") {
            Some((text, _)) => text,
            None => return,
        },
    };
    if settings.insert(prefix.to_owned(), value).is_some() {
        let problem = Problem::new(format!("the setting `{}` is there twice", shown(prefix)))
            .at(field.reader.source(field.key), field.key, "and here")
            .help("a key with a dot and a key inside a map are the same name: keep one");
        field.reader.refuse(problem);
    }
}

fn json(field: &Field<'_>) -> serde_json::Value {
    match &field.node.value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Integer(number) => number_of(*number),
        Value::Float(number, _) => (*number).into(),
        Value::Text(_) => field.text("a text").map(|(text, _)| text).into(),
        Value::List(_) => field
            .items()
            .into_iter()
            .flatten()
            .map(|item| json(&item))
            .collect(),
        Value::Map(_) => {
            let entries = field
                .section()
                .map(|section| section.others())
                .unwrap_or_default();
            let entries = entries.into_iter().map(|(key, _, field)| {
                (
                    key.to_owned(),
                    field.map_or(serde_json::Value::Null, |field| json(&field)),
                )
            });
            serde_json::Value::Object(entries.collect())
        }
    }
}

fn number_of(number: i128) -> serde_json::Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        // JSON's readers would round it.
        _ => number.to_string().into(),
    }
}
