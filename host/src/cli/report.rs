//! What `check` and `inspect` print.

use super::{FAILED, output};
use serde_json::Value;
use std::{fmt::Write, process::ExitCode};

/// `greenroom check`: `{"notes": [...], "plugins": {ID: INSPECTION or {"problem": ...}}}`, and with policies
/// `"permissions": {"policies": N, "entities": N, "problems": [...]}`. Fails when a plugin would not be served, or when
/// there is a problem with the policies.
pub fn checked(result: &Value, json: bool) -> ExitCode {
    let plugins = result["plugins"].as_object().into_iter().flatten();
    let broken = plugins
        .clone()
        .filter(|(_, p)| !p["problem"].is_null())
        .count();
    let permissions = &result["permissions"];
    let problems = list(&permissions["problems"]);
    let unusable = problems.clone().count() > 0;
    if json {
        output::line(&result.to_string());
    } else {
        for note in result["notes"].as_array().into_iter().flatten() {
            output::complain(&format!("note: {}", text(note)));
        }
        let mut count = 0;
        for (id, plugin) in plugins {
            count += 1;
            let problem = &plugin["problem"];
            if problem.is_null() {
                let version = text(&plugin["descriptor"]["version"]);
                output::line(&format!(
                    "ok      {id}  {}  {version}",
                    short(&plugin["hash"])
                ));
            } else {
                output::line(&format!(
                    "refused {id}  {}: {}",
                    text(&problem["stage"]),
                    text(&problem["error"])
                ));
            }
        }
        for problem in problems {
            output::line(&format!("refused permissions  {}", text(problem)));
        }
        if !permissions.is_null() && !unusable {
            let (policies, entities) = (&permissions["policies"], &permissions["entities"]);
            output::line(&format!(
                "ok      permissions  {policies} policies, {entities} entities"
            ));
        }
        let plugins = if count == 1 { "plugin" } else { "plugins" };
        output::line(&format!(
            "the configuration is valid; {count} {plugins}, {broken} refused"
        ));
    }
    if broken == 0 && !unusable {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

/// `greenroom inspect`. Fails when this host would refuse the component.
pub fn inspected(inspection: &Value, json: bool) -> ExitCode {
    if json {
        output::line(&inspection.to_string());
    } else {
        output::line(&inspection_text(inspection));
    }
    if inspection["problem"].is_null() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

/// `greenroom backup`: `{"folder", "taken", "plugins": {ID: {"build", "migrations", "files": {NAME: {"bytes", "sha256"}}}},
/// "warnings"}`.
pub fn backed_up(report: &Value, json: bool) -> ExitCode {
    data_moved(report, json, "backed up to");
    ExitCode::SUCCESS
}

/// `greenroom restore`: the same, with `kept`, the files that were there before.
pub fn restored(report: &Value, json: bool) -> ExitCode {
    data_moved(report, json, "restored from");
    if !json {
        for kept in list(&report["kept"]) {
            output::line(&format!("what was there is kept: {}", text(kept)));
        }
        output::line("start the host, and it serves them: greenroom serve");
    }
    ExitCode::SUCCESS
}

fn data_moved(report: &Value, json: bool, moved: &str) {
    if json {
        return output::line(&report.to_string());
    }
    output::warnings(report);
    let plugins = report["plugins"].as_object().into_iter().flatten();
    for (id, plugin) in plugins {
        let files = plugin["files"].as_object();
        let bytes: u64 = (files.into_iter().flatten())
            .filter_map(|(_, file)| file["bytes"].as_u64())
            .sum();
        let build = match plugin["build"].as_str() {
            Some(_) => format!("build {}", short(&plugin["build"])),
            None => "without a build".to_owned(),
        };
        let files = files.map_or(0, serde_json::Map::len);
        output::line(&format!("{id}: {build}, {files} files, {bytes} bytes"));
    }
    output::line(&format!("{moved} {}", text(&report["folder"])));
}

fn inspection_text(inspection: &Value) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: &str| _ = writeln!(out, "{name:<11} {value}");
    let descriptor = &inspection["descriptor"];
    if descriptor.is_null() {
        row("id", "none (a plain wasi:http component)");
    } else {
        row("id", &text(&descriptor["id"]));
        row("version", &text(&descriptor["version"]));
        row("summary", &text(&descriptor["summary"]));
    }
    row("hash", &text(&inspection["hash"]));
    row("size", &format!("{} bytes", inspection["size"]));
    for policy in list(&descriptor["policies"]) {
        row(
            "policy",
            &format!("{} {}", text(&policy["path"]), text(&policy["access"])),
        );
    }
    for permission in list(&descriptor["permissions"]) {
        let attributes = permission["attributes"].as_object().into_iter().flatten();
        let attributes: Vec<_> = attributes
            .map(|(name, value)| format!("{}={}", plain(name), text(value)))
            .collect();
        let attributes = match attributes.is_empty() {
            true => String::new(),
            false => format!(" ({})", attributes.join(", ")),
        };
        row(
            "permission",
            &format!("{}{attributes}", text(&permission["name"])),
        );
    }
    for migration in list(&descriptor["migrations"]) {
        let kind = if migration["additive"] == true {
            "additive"
        } else {
            "not additive"
        };
        row(
            "migration",
            &format!(
                "{} {} ({kind})",
                migration["version"],
                text(&migration["name"])
            ),
        );
    }
    for import in list(&inspection["imports"]) {
        let missing = if import["offered"] == true {
            ""
        } else {
            " (this host does not have it)"
        };
        row("import", &format!("{}{missing}", text(&import["name"])));
    }
    for export in list(&inspection["exports"]) {
        row("export", &text(export));
    }
    if !inspection["problem"].is_null() {
        row("problem", &text(&inspection["problem"]["error"]));
    }
    out.trim_end().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().into_iter().flatten()
}

/// A component's texts may hold anything; a terminal gets no control characters.
fn text(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn short(hash: &Value) -> String {
    text(hash).chars().take(12).collect()
}
