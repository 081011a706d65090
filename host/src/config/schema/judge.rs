//! What the child does: the validator is the crate `jsonschema`'s.

use super::{Misfit, Verdict, coerce::coerced, hidden};
use jsonschema::{
    Draft, PatternOptions, ReferencingError, Retrieve, Uri, ValidationError, Validator,
    error::ValidationErrorKind as Kind,
};
use serde_json::Value;

/// Misfits that are told.
const MAX_MISFITS: usize = 10;
/// Misfits that may be texts in the place of numbers, and rounds of looking for them.
const MAX_COERCED: usize = 1000;
const MAX_ROUNDS: usize = 16;
/// Characters of a keyword's value in a message.
const MAX_SHOWN: usize = 200;
/// Steps back that one match of a pattern may take; patterns without look-around take none.
const MAX_STEPS_BACK: usize = 100_000;
/// Bytes of one compiled pattern, and of what is kept while it matches.
const MAX_PATTERN: usize = 1 << 20;
/// What Backstage's own schemas name as theirs.
const BACKSTAGE: &str = "https://backstage.io/schema/config-v1";

/// Holds the section against the schema. An error says why the schema is none.
pub(super) fn verdict(schema: &str, section: Value) -> Result<Verdict, String> {
    let mut schema: Value =
        serde_json::from_str(schema).map_err(|error| format!("it is no JSON: {error}"))?;
    let draft = draft(&mut schema)?;
    let secret = hidden::pointers(&schema, &section)?;
    let validator = validator(&schema, draft)?;
    let section = as_meant(&validator, &schema, section);
    let misfits = validator.iter_errors(&section).take(MAX_MISFITS);
    let misfits = misfits.map(|error| misfit(&error, &schema)).collect();
    Ok(Verdict { misfits, secret })
}

/// Draft 7 where the schema does not say, as for Backstage.
fn draft(schema: &mut Value) -> Result<Option<Draft>, String> {
    let object = match schema {
        Value::Bool(_) => return Ok(Some(Draft::Draft7)),
        Value::Object(object) => object,
        _ => return Err("it is no map".to_owned()),
    };
    let named = object.get("$schema").and_then(Value::as_str);
    if named.is_some_and(|named| named.trim_end_matches('#') != BACKSTAGE) {
        return Ok(None);
    }
    object.remove("$schema");
    Ok(Some(Draft::Draft7))
}

fn validator(schema: &Value, draft: Option<Draft>) -> Result<Validator, String> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(MAX_STEPS_BACK)
        .size_limit(MAX_PATTERN)
        .dfa_size_limit(MAX_PATTERN);
    let mut options = jsonschema::options()
        .with_retriever(Nowhere)
        .with_pattern_options(patterns);
    if let Some(draft) = draft {
        options = options.with_draft(draft);
    }
    options.build(schema).map_err(|error| {
        let at = error.instance_path().to_string();
        let mut why = shortened(&error.to_string());
        if let Kind::Referencing(ReferencingError::Unretrievable { .. }) = error.kind() {
            why.push_str("; no other document is fetched: put it under `definitions`");
        }
        if at.is_empty() {
            why
        } else {
            format!("at {}: {why}", shortened(&at))
        }
    })
}

/// Refuses every document but the schema itself.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err("a schema is one document".into())
    }
}

/// The section with its texts as the numbers and flags that the schema takes.
fn as_meant(validator: &Validator, schema: &Value, mut section: Value) -> Value {
    for _ in 0..MAX_ROUNDS {
        let mut changes = Vec::new();
        for error in validator.iter_errors(&section).take(MAX_COERCED) {
            let at = error.instance_path().to_string();
            let types = keyword(&error, schema).filter(|(name, _)| name == "type");
            if let (Some((_, types)), Some(value)) = (types, section.pointer(&at))
                && let Some(meant) = coerced(value, types)
            {
                changes.push((at, meant));
            }
        }
        if changes.is_empty() {
            break;
        }
        for (at, meant) in changes {
            if let Some(value) = section.pointer_mut(&at) {
                *value = meant;
            }
        }
    }
    section
}

/// The name of the keyword that is not fulfilled, and what it has.
fn keyword<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<(String, &'s Value)> {
    let path = error.schema_path().to_string();
    let (_, name) = path.rsplit_once('/')?;
    Some((name.to_owned(), schema.pointer(&path)?))
}

/// The value that is there is in no word of it.
fn misfit(error: &ValidationError<'_>, schema: &Value) -> Misfit {
    let wants = match error.kind() {
        Kind::Required { property } => {
            format!("needs the key {}", shortened(&property.to_string()))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!(
                "has keys that the plugin does not know: {}",
                shortened(&unexpected.join(", "))
            )
        }
        Kind::FalseSchema => "may not be set".to_owned(),
        _ => match keyword(error, schema) {
            Some((name, value)) => of_keyword(&name, value),
            None => "does not fit".to_owned(),
        },
    };
    Misfit {
        pointer: error.instance_path().to_string(),
        wants,
    }
}

fn of_keyword(name: &str, value: &Value) -> String {
    let shown = shortened(&value.to_string());
    match (name, value) {
        ("type", Value::String(one)) => format!("takes {}", article(one)),
        ("type", Value::Array(types)) => {
            let types: Vec<_> = types
                .iter()
                .filter_map(Value::as_str)
                .map(article)
                .collect();
            format!("takes {}", shortened(&types.join(" or ")))
        }
        ("enum", _) => format!("takes one of {shown}"),
        ("const", _) => format!("takes {shown} alone"),
        ("anyOf" | "oneOf", _) => format!("fits no part, or too many, of the schema's `{name}`"),
        ("not", _) => "is what the schema's `not` rules out".to_owned(),
        _ => format!("has to fit `{name}: {shown}`"),
    }
}

fn article(name: &str) -> String {
    match name {
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "a map".to_owned(),
        "null" => "nothing".to_owned(),
        other => shortened(other),
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
