//! `backend.logger`.

use super::{
    cursor::{Field, Section, shown},
    error::Problem,
    levels::{self, Levels, of_one},
    node::Place,
    settings,
};
use crate::id::PluginId;
use std::collections::BTreeSet;
use tracing::level_filters::LevelFilter;

/// `backend.logger.overrides`, and the names in one of its matchers.
const MOST_OVERRIDES: usize = 100;
const MOST_NAMES: usize = 100;
/// `backend.logger.meta`: entries, bytes of a name, bytes of a value as JSON.
const MOST_META: usize = 32;
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 1024;
/// Fields that the host itself gives to lines.
const OWN: [&str; 16] = [
    "actor",
    "build",
    "context",
    "error",
    "eventId",
    "isAuditEvent",
    "level",
    "message",
    "meta",
    "plugin",
    "principal",
    "request",
    "severityLevel",
    "status",
    "target",
    "timestamp",
];

const LEVEL: &str = "a level: error, warn, info, debug, trace or off";

/// `backend.logger`.
#[derive(Debug, Clone, Default)]
pub struct Logger {
    /// `format`: default `auto`.
    pub format: LogFormat,
    /// `level` and `overrides`; default `info`. The variables LOG_LEVEL and GREENROOM_LOG come before.
    pub levels: Levels,
    /// `meta`: what stands in every line besides. At most 32 entries of 1 KiB.
    pub meta: Vec<(String, serde_json::Value)>,
    /// `requests`: a line for each request. Default false.
    pub requests: bool,
    /// `redactAllowlist`: texts that may be shown, although the configuration has them where secrets stand.
    pub redact_allowlist: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    Json,
    Text,
}

pub(super) fn logger(section: &Section<'_>) -> Logger {
    let mut levels = Levels::default();
    if let Some(level) = section.get("level").and_then(|field| level(&field)) {
        levels.set_rest(level);
    }
    if let Some(field) = section.get("overrides") {
        overrides(&field, &mut levels);
    }
    let logger = Logger {
        format: section
            .get("format")
            .and_then(|field| format(&field))
            .unwrap_or_default(),
        levels,
        meta: meta(&section.section("meta")),
        requests: section.flag("requests", false),
        redact_allowlist: (section.get("redactAllowlist"))
            .map(|field| allowed(&field))
            .unwrap_or_default(),
    };
    section.judge_others(&[]);
    logger
}

fn allowed(field: &Field<'_>) -> BTreeSet<String> {
    let Some(items) = field.items() else {
        field.refuse_kind("a list of texts");
        return BTreeSet::new();
    };
    let texts = items.iter().filter_map(|item| item.text("a text"));
    texts.map(|(text, _)| text.trim().to_owned()).collect()
}

fn level(field: &Field<'_>) -> Option<LevelFilter> {
    let (text, secret) = field.text(LEVEL)?;
    levels::level(&text).or_else(|| field.out_of(LEVEL, "no such level", secret))
}

fn format(field: &Field<'_>) -> Option<LogFormat> {
    const TAKES: &str = "`auto`, `json` or `text`";
    let (text, secret) = field.text(TAKES)?;
    match text.as_str() {
        "auto" => Some(LogFormat::Auto),
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        _ => field.out_of(TAKES, "no such format", secret),
    }
}

/// Of several that name the same, the first counts.
fn overrides(field: &Field<'_>, levels: &mut Levels) {
    let Some(items) = field.items() else {
        return field.refuse_kind("a list of overrides, each with `matchers` and `level`");
    };
    if items.len() > MOST_OVERRIDES {
        return field.refuse(
            format!(
                "`{}` takes {MOST_OVERRIDES} overrides at most",
                shown(&field.path)
            ),
            "too many",
            "name several plugins in one: `plugin: [catalog, search]`",
        );
    }
    for item in items {
        let Some(section) = item.section() else {
            continue;
        };
        for (key, example) in [
            ("matchers", "matchers: { plugin: todo }"),
            ("level", "level: debug"),
        ] {
            if section.lacks(key) {
                missing(&item, key, example);
            }
        }
        let targets = section.get("matchers").map(|field| matchers(&field));
        let level = section.get("level").and_then(|field| level(&field));
        section.refuse_others();
        let Some(level) = level else { continue };
        for target in targets.unwrap_or_default() {
            if !levels.has(&target) {
                levels.set(&target, level);
            }
        }
    }
}

fn missing(item: &Field<'_>, key: &str, example: &str) {
    item.refuse(
        format!("`{}` has no `{key}`", shown(&item.path)),
        "here",
        format!("add one, such as `{example}`"),
    );
}

/// The targets that one override means.
fn matchers(field: &Field<'_>) -> Vec<String> {
    let Some(section) = field.section() else {
        return Vec::new();
    };
    let (plugin, target) = (section.get("plugin"), section.get("target"));
    for (key, place, _) in section.others() {
        unmatched(&section, key, place);
    }
    match (plugin, target) {
        (Some(_), Some(target)) => {
            target.refuse(
                format!("`{}` stands beside `plugin`", shown(&target.path)),
                "one of the two",
                "the lines of plugins all have the target `plugin`: write an override for each",
            );
            Vec::new()
        }
        (Some(plugin), None) => names(&plugin, "the id of a plugin, or a list of ids", |text| {
            text.parse::<PluginId>().ok().map(|id| of_one(id.as_str()))
        }),
        (None, Some(target)) => names(
            &target,
            "a target such as `greenroom::http`, or a list of targets",
            |text| levels::is_target(text).then(|| text.to_owned()),
        ),
        (None, None) => {
            if section.has_no_others() {
                field.refuse(
                    format!("`{}` names nothing", shown(&field.path)),
                    "here",
                    "name a plugin (`plugin: todo`) or a target (`target: greenroom::http`)",
                );
            }
            Vec::new()
        }
    }
}

/// Backstage compares any field of a line; here the level is known before the line is made.
fn unmatched(section: &Section<'_>, key: &str, place: Place) {
    let problem = Problem::new(format!(
        "`{}.{}`: lines are not matched by this field",
        shown(&section.path),
        shown(key)
    ));
    section.reader.refuse(
        problem
            .at(section.reader.source(place), place, "not matched")
            .help(
                "name a plugin (`plugin: todo`) or a part of the host (`target: greenroom::http`)",
            ),
    );
}

fn names(field: &Field<'_>, takes: &str, target: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let fields = field.items().unwrap_or_else(|| vec![field.clone()]);
    if fields.len() > MOST_NAMES {
        field.refuse(
            format!("`{}` takes {MOST_NAMES} names at most", shown(&field.path)),
            "too many",
            "write another override for the rest",
        );
        return Vec::new();
    }
    let name = |field: &Field<'_>| {
        let (text, secret) = field.text(takes)?;
        if text.len() > 1 && text.starts_with('/') && text[1..].contains('/') {
            field.refuse(
                format!("`{}`: patterns are not read here", shown(&field.path)),
                "a regular expression of Backstage",
                "list the names: `plugin: [catalog, catalog-import]`",
            );
            return None;
        }
        target(&text).or_else(|| field.out_of(takes, "no such name", secret))
    };
    fields.iter().filter_map(name).collect()
}

fn meta(section: &Section<'_>) -> Vec<(String, serde_json::Value)> {
    let mut meta = Vec::new();
    for (key, place, field) in section.others() {
        let why = if OWN.contains(&key) {
            "lines have a field of this name already"
        } else if meta.len() >= MOST_META {
            "32 entries are the most"
        } else if !is_name(key) {
            "a name is 1 to 64 of letters, digits, `_`, `-` and `.`, the first of them a letter"
        } else {
            let Some(field) = field else { continue };
            let value = settings::json(&field);
            if value.to_string().len() <= LONGEST_VALUE {
                meta.push((key.to_owned(), value));
                continue;
            }
            "a value has 1 KiB at most"
        };
        let problem = Problem::new(format!("`{}.{}`: {why}", shown(&section.path), shown(key)));
        section.reader.refuse(
            problem
                .at(section.reader.source(place), place, "here")
                .help("what is in `meta` stands in every line of the log: choose another name, or less"),
        );
    }
    meta
}

fn is_name(key: &str) -> bool {
    key.len() <= LONGEST_NAME
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}
