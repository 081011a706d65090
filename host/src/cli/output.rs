//! Everything that the binary prints, without the secrets of the configuration. A reader that is gone (`greenroom plugins | head -1`) is no error.

mod table;

use super::USAGE;
use crate::config::{ConfigError, secrets::redacted_line};
use serde_json::{Value, json};
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

/// A line, or several, to standard output.
pub fn line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", redacted_line(text)).and_then(|()| out.flush());
}

/// A line, or several, to standard error.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", redacted_line(text));
}

/// A failure: `{"error": TEXT, ...}`. With `json` all of it goes to standard output, for programs; else the text to
/// standard error.
pub fn error(body: &Value, json: bool) {
    if json {
        return line(&body.to_string());
    }
    let text = body
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or("failed");
    complain(&format!("error: {}", clean(text, "  ")));
}

/// A configuration that cannot be used, and the exit status for it.
pub fn config_error(error: &ConfigError, json: bool) -> ExitCode {
    if json {
        line(&json!({ "error": error.to_string(), "problems": error.to_json() }).to_string());
    } else {
        let colours = io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let text = if colours {
            error.render_with_colours()
        } else {
            error.render()
        };
        complain(text.trim_end());
    }
    ExitCode::from(USAGE)
}

/// The warnings of an outcome, to standard error.
pub fn warnings(outcome: &Value) {
    for warning in outcome["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        complain(&format!("warning: {}", clean(warning, "  ")));
    }
}

/// What became of a deploy, rollback or remove, in one line.
pub fn outcome(outcome: &Value) -> String {
    let plugin = clean(outcome["plugin"].as_str().unwrap_or("?"), "");
    let build = match (short(&outcome["build"]), outcome["version"].as_str()) {
        (Some(build), Some(version)) => format!("build {build} ({})", clean(version, "")),
        (Some(build), None) => format!("build {build}"),
        (None, _) => "a build".to_owned(),
    };
    let previous = short(&outcome["previous"])
        .map(|build| format!("; before it {build}"))
        .unwrap_or_default();
    let took = outcome["milliseconds"]
        .as_u64()
        .map(|millis| format!(" in {millis} ms"))
        .unwrap_or_default();
    match outcome["outcome"].as_str().unwrap_or("?") {
        "deployed" => format!("{plugin}: {build} serves{took}{previous}"),
        "rolled-back" => format!("{plugin}: back to {build}{took}{previous}"),
        "unchanged" => format!("{plugin}: {build} was serving already"),
        "removed" => format!("{plugin}: removed{took}; its data stays{previous}"),
        other => format!("{plugin}: {}{took}", clean(other, "")),
    }
}

/// `GET /plugins` as a table: a line a plugin, its problem below it.
pub fn plugins(answer: &Value) -> String {
    let plugins = answer["plugins"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if plugins.is_empty() {
        return "no plugins: put a .wasm file into the plugins folder, or `greenroom deploy FILE.wasm`".to_owned();
    }
    let mut table = table::Table::new([
        "ID", "STATE", "BUILD", "VERSION", "SINCE", "REQUESTS", "ERRORS",
    ]);
    for plugin in plugins {
        let build = &plugin["build"];
        let required = if plugin["required"] == true {
            " (required)"
        } else {
            ""
        };
        table.row(
            [
                clean(plugin["id"].as_str().unwrap_or("?"), ""),
                format!(
                    "{}{}{required}",
                    clean(plugin["state"].as_str().unwrap_or("?"), ""),
                    wellness(plugin)
                ),
                short(&build["id"]).unwrap_or_else(|| "-".to_owned()),
                clean(build["version"].as_str().unwrap_or("-"), ""),
                clean(build["since"].as_str().unwrap_or("-"), ""),
                plugin["requests"].as_u64().unwrap_or(0).to_string(),
                plugin["errors"].as_u64().unwrap_or(0).to_string(),
            ],
            remarks(plugin),
        );
    }
    let mut lines = vec![table.to_string()];
    lines.extend(policies(&answer["permissions"]));
    lines.join("\n")
}

/// What there is to say of policies: which are in force, and what is wrong with the files as they are now.
fn policies(permissions: &Value) -> Vec<String> {
    if permissions.is_null() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "permissions: {} policies and {} entities since {}",
        permissions["policies"].as_u64().unwrap_or(0),
        permissions["entities"].as_u64().unwrap_or(0),
        clean(permissions["since"].as_str().unwrap_or("?"), "")
    )];
    if let Some(problem) = permissions["problem"].as_str() {
        lines.push(format!(
            "  the files hold others, which are refused: {}",
            clean(problem, "    ")
        ));
    }
    let unknown = permissions["unknown"].as_array().into_iter().flatten();
    for unknown in unknown.filter_map(Value::as_str) {
        lines.push(format!("  {}", clean(unknown, "    ")));
    }
    lines
}

/// How a plugin is by its own word, where it is asked.
fn wellness(plugin: &Value) -> &'static str {
    match plugin["health"]["state"].as_str() {
        Some("well") => ", well",
        Some("failing") => ", not well",
        Some(_) => ", not checked yet",
        None => "",
    }
}

/// `GET /log` as a table: the levels of the host, then those of each plugin.
pub fn levels(answer: &Value) -> String {
    let text = |value: &Value| clean(value.as_str().unwrap_or("?"), "");
    let mut table = table::Table::new(["OF", "LEVEL", "BY"]);
    table.row(
        [
            "all".to_owned(),
            text(&answer["levels"]),
            text(&answer["source"]),
        ],
        Vec::new(),
    );
    for plugin in answer["plugins"].as_array().into_iter().flatten() {
        let by = if plugin["changed"] == true {
            "greenroom log"
        } else {
            "all"
        };
        table.row(
            [
                text(&plugin["plugin"]),
                text(&plugin["level"]),
                by.to_owned(),
            ],
            Vec::new(),
        );
    }
    let mut shown = table.to_string();
    for (key, what) in [
        ("lostLines", "lines are missing from the log"),
        (
            "lostAuditEvents",
            "audit events are missing from their file, or from the log where there is none,",
        ),
    ] {
        let lost = answer[key].as_u64().unwrap_or(0);
        if lost > 0 {
            shown.push_str(&format!("\n{lost} {what} since the host started"));
        }
    }
    shown
}

/// What there is to say below a plugin's line.
fn remarks(plugin: &Value) -> Vec<String> {
    let mut remarks = Vec::new();
    let (folder, live) = (&plugin["folder"], &plugin["build"]["id"]);
    if let Some(build) = short(folder).filter(|_| folder != live) {
        remarks.push(format!(
            "the folder holds build {build}, which does not serve"
        ));
    } else if folder.is_null() && !live.is_null() {
        remarks.push("the folder no longer holds its file".to_owned());
    }
    let problem = &plugin["problem"];
    if let Some(message) = problem["message"].as_str() {
        let build = short(&problem["build"])
            .map(|build| format!("build {build}, "))
            .unwrap_or_default();
        let stage = clean(problem["stage"].as_str().unwrap_or("?"), "");
        let at = problem["at"]
            .as_str()
            .map(|at| format!(" ({})", clean(at, "")))
            .unwrap_or_default();
        remarks.push(format!("{build}{stage}: {}{at}", clean(message, "    ")));
    }
    let health = &plugin["health"];
    if let Some(reason) = health["reason"].as_str() {
        let since = match (health["state"].as_str(), health["since"].as_str()) {
            (Some("failing"), Some(since)) => format!(" (since {})", clean(since, "")),
            _ => " (not often enough to count)".to_owned(),
        };
        remarks.push(format!("health: {}{since}", clean(reason, "    ")));
    }
    remarks
}

/// The first 12 digits of a build's id.
fn short(build: &Value) -> Option<String> {
    build
        .as_str()
        .map(|id| clean(id, "").chars().take(12).collect())
}

/// A text from elsewhere (a guest's last words among them) without what a terminal would obey. Lines after the first
/// begin with `indent`.
fn clean(text: &str, indent: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' if !indent.is_empty() => {
                cleaned.push('\n');
                cleaned.push_str(indent);
            }
            c if c.is_control() => cleaned.push(' '),
            c => cleaned.push(c),
        }
    }
    cleaned
}

#[cfg(test)]
mod tests;
