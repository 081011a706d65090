use super::*;
use serde_json::json;

fn judged(schema: &Value, section: Value) -> Verdict {
    verdict(&schema.to_string(), section).unwrap()
}

/// `POINTER WANTS` of each misfit.
fn misfits(schema: &Value, section: Value) -> Vec<String> {
    let told = judged(schema, section).misfits;
    told.iter()
        .map(|m| format!("{} {}", m.pointer, m.wants))
        .collect()
}

fn invalid(schema: &str) -> String {
    verdict(schema, json!({})).unwrap_err()
}

#[test]
fn says_what_the_schema_wants_and_never_what_is_there() {
    let schema = json!({
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": { "type": "string", "pattern": "^https:" },
            "retries": { "type": "integer", "minimum": 1 },
            "mode": { "enum": ["fast", "safe"] },
            "hooks": { "type": "array", "items": { "type": ["string", "null"] }, "maxItems": 2 },
            "gone": false,
            "one": { "anyOf": [{ "type": "array" }, { "type": "object" }] },
        },
    });
    assert_eq!(misfits(&schema, json!({ "url": "https://x" })), [""; 0]);
    for (section, wanted) in [
        (json!({}), " needs the key \"url\""),
        (
            json!({ "url": "hunter2" }),
            "/url has to fit `pattern: \"^https:\"`",
        ),
        (json!({ "url": {} }), "/url takes a text"),
        (
            json!({ "url": "https:", "retries": "hunter2" }),
            "/retries takes a whole number",
        ),
        (
            json!({ "url": "https:", "retries": 0 }),
            "/retries has to fit `minimum: 1`",
        ),
        (
            json!({ "url": "https:", "mode": "hunter2" }),
            "/mode takes one of [\"fast\",\"safe\"]",
        ),
        (
            json!({ "url": "https:", "hooks": [{ "hunter2": "hunter2" }] }),
            "/hooks/0 takes a text or nothing",
        ),
        (
            json!({ "url": "https:", "gone": "hunter2" }),
            "/gone may not be set",
        ),
        (
            json!({ "url": "https:", "one": "hunter2" }),
            "/one fits no part, or too many, of the schema's `anyOf`",
        ),
        (
            json!({ "url": "https:", "ulr": "hunter2" }),
            " has keys that the plugin does not know: ulr",
        ),
    ] {
        let told = misfits(&schema, section.clone());
        assert_eq!(told, [wanted], "{section}");
    }
}

#[test]
fn a_text_counts_as_what_it_says() {
    let schema = json!({ "properties": {
        "n": { "type": "integer", "minimum": 3 }, "flag": { "type": "boolean" }, "text": { "type": "string" },
        "list": { "items": { "type": "number" } },
    } });
    let section = json!({ "n": "5", "flag": "true", "text": 7, "list": ["1.5", 2] });
    assert_eq!(misfits(&schema, section), [""; 0]);
    let low = misfits(&schema, json!({ "n": "1" }));
    assert_eq!(low, ["/n has to fit `minimum: 3`"]);
}

#[test]
fn tells_which_values_are_secrets() {
    let schema = json!({ "properties": { "a": { "visibility": "secret" } } });
    let section = json!({ "a": "x", "b": "y" });
    assert_eq!(judged(&schema, section).secret, ["/a"]);
}

#[test]
fn names_what_is_wrong_with_a_schema() {
    assert!(invalid("{").starts_with("it is no JSON"));
    assert_eq!(invalid("[]"), "it is no map");
    assert!(invalid(r#"{ "type": "text" }"#).contains("/type"));
    let pattern = invalid(r#"{ "pattern": "(" }"#);
    assert!(!pattern.is_empty());
    let elsewhere = invalid(r#"{ "properties": { "a": { "$ref": "other.json" } } }"#);
    assert!(elsewhere.contains("no other document"), "{elsewhere}");
    assert!(!invalid(r#"{ "$schema": "https://example.com/mine" }"#).is_empty());
}

#[test]
fn drafts_are_as_the_schema_says_and_else_as_backstage_reads_them() {
    // Draft 7 has a list here, 2020-12 does not.
    let old = json!({ "properties": { "l": { "items": [{ "type": "array" }] } } });
    assert_eq!(misfits(&old, json!({ "l": [true] })), ["/l/0 takes a list"]);
    let mut named = old.clone();
    named["$schema"] = BACKSTAGE.into();
    assert_eq!(
        misfits(&named, json!({ "l": [true] })),
        ["/l/0 takes a list"]
    );
    let mut new = old;
    new["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    assert!(!invalid(&new.to_string()).is_empty());
    assert_eq!(misfits(&json!(true), json!({ "a": 1 })), [""; 0]);
    assert_eq!(misfits(&json!(false), json!({})), [" may not be set"]);
}

#[test]
fn a_pattern_that_steps_back_for_ever_is_no_fit() {
    let schema = json!({ "properties": { "a": { "pattern": "^(?=(a+)+$)(a|aa)+$" } } });
    let told = misfits(&schema, json!({ "a": format!("{}b", "a".repeat(100)) }));
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn there_is_an_end_to_what_is_told() {
    let schema = json!({ "additionalProperties": { "type": "array" } });
    let section: serde_json::Map<_, _> = (0..100).map(|n| (format!("k{n}"), json!(true))).collect();
    assert_eq!(misfits(&schema, section.into()).len(), MAX_MISFITS);
    let long = json!({ "const": "x".repeat(10_000) });
    assert!(misfits(&long, json!({}))[0].len() < 1000);
}
