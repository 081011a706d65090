//! `permissions`, and Backstage's switch `permission.enabled`.

use super::{
    Permissions, backstage,
    cursor::{Field, Section, shown},
};
use std::path::PathBuf;

/// Files of policies, and of entities.
const MOST_FILES: usize = 64;

pub(super) fn permissions(top: &Section<'_>) -> Permissions {
    let section = top.section("permissions");
    let policies = section.get("policies");
    let entities = section.get("entities");
    section.refuse_others();
    let enabled = enabled(&top.section("permission"));
    match (&policies, enabled) {
        (Some(policies), Some(false)) => policies.refuse(
            "`permissions.policies` names policies, and `permission.enabled` is false",
            "would not be used",
            "remove one of the two: policies that are named are used",
        ),
        (None, Some(true)) => top.reader.note(
            "permission.enabled is true, and permissions.policies names no file: everything is allowed, but for what \
             accessRestrictions take from a token",
        ),
        _ => {}
    }
    if let Some(entities) = entities.as_ref().filter(|_| section.lacks("policies")) {
        entities.refuse(
            "`permissions.entities` is there without `permissions.policies`",
            "used by policies alone",
            "name the files of your policies in `permissions.policies`",
        );
    }
    Permissions {
        policies: policies
            .map(|field| files(&field, "the path of a .cedar file, or a list of them"))
            .unwrap_or_default(),
        entities: entities
            .map(|field| files(&field, "the path of a .json file, or a list of them"))
            .unwrap_or_default(),
    }
}

/// Backstage's section. Our own keys are refused there: whoever wrote them means them to hold.
fn enabled(section: &Section<'_>) -> Option<bool> {
    let enabled = section.get("enabled").and_then(|field| field.flag());
    for key in ["policies", "entities"] {
        if let Some(field) = section.get(key) {
            field.refuse(
                format!("`permission.{key}` is not a key"),
                "not read here",
                format!("did you mean `permissions.{key}`?"),
            );
        }
    }
    section.judge_others(backstage::PERMISSION);
    enabled
}

/// One file, or several.
fn files(field: &Field<'_>, takes: &str) -> Vec<PathBuf> {
    let items = field.items().unwrap_or_else(|| vec![field.clone()]);
    if field.is_empty_list() {
        field.refuse(
            format!("`{}` names no file", shown(&field.path)),
            "empty",
            "name a file, or remove the key",
        );
    }
    if items.len() > MOST_FILES {
        field.refuse(
            format!(
                "`{}` names {} files; it takes {MOST_FILES} at most",
                shown(&field.path),
                items.len()
            ),
            "too many",
            "put several into one file",
        );
        return Vec::new();
    }
    let mut files = Vec::new();
    for item in items {
        match item.path(takes) {
            Some(file) if files.contains(&file) => item.refuse(
                format!("`{}` is a file that is named before it", shown(&item.path)),
                "again",
                "",
            ),
            Some(file) => files.push(file),
            None => {}
        }
    }
    files
}
