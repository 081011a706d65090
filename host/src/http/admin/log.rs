//! Levels of the log, shown and changed while the host runs.

use crate::{
    audit::Event,
    config::{Levels, levels},
    plugin::{Deployer, PluginId},
    telemetry::{self, Told},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// What `greenroom log` shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    #[serde(flatten)]
    told: Told,
    /// Lines of the log that were lost since the host started, and audit events.
    lost_lines: u64,
    lost_audit_events: u64,
}

/// What is to change: the level of one plugin, or those of all that has no change of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    plugin: Option<String>,
    /// With `plugin`: a level. `None`: none of its own.
    level: Option<String>,
    /// Without: as `GREENROOM_LOG` has them. `None`: as they were at the start.
    levels: Option<String>,
}

pub(super) fn shown() -> Shown {
    let (lost_lines, lost_audit_events) = telemetry::lost();
    Shown {
        told: telemetry::told(),
        lost_lines,
        lost_audit_events,
    }
}

/// `user`: the id of who asks.
pub(super) fn change(
    deployer: &Deployer,
    wanted: &[u8],
    user: u32,
) -> Result<(), (StatusCode, String)> {
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let wanted: Wanted = serde_json::from_slice(wanted).map_err(|error| bad(error.to_string()))?;
    let event = Event::new("log-level")
        .actor(&format!("uid:{user}"))
        .meta("by", "admin-socket");
    match wanted {
        Wanted {
            plugin: Some(plugin),
            level,
            levels: None,
        } => {
            let id = known(deployer, &plugin)?;
            let level = level.as_deref().map(|word| {
                levels::level(word).ok_or_else(|| {
                    let word: String = word.chars().take(80).collect();
                    bad(format!("{word:?} is no level; it takes {}", levels::WORDS))
                })
            });
            let level = level.transpose()?;
            telemetry::change_plugin(&id, level);
            deployer.levels_changed(Some(&id));
            event
                .plugin(&id)
                .meta("level", level.map(levels::word))
                .record();
        }
        Wanted {
            plugin: None,
            level: None,
            levels,
        } => {
            let levels = levels.map(|levels| levels.parse::<Levels>()).transpose();
            let levels = levels.map_err(|error| bad(error.to_string()))?;
            let event = event.meta("levels", levels.as_ref().map(Levels::to_string));
            telemetry::change_all(levels);
            deployer.levels_changed(None);
            event.record();
        }
        _ => return Err(bad("it takes `plugin` and `level`, or `levels`".into())),
    }
    Ok(())
}

fn known(deployer: &Deployer, plugin: &str) -> Result<PluginId, (StatusCode, String)> {
    let id = plugin
        .parse::<PluginId>()
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    if deployer.registry().find(id.as_str()).is_none() {
        let why = format!("no plugin has the id {id}; `greenroom plugins` lists them");
        return Err((StatusCode::NOT_FOUND, why));
    }
    Ok(id)
}
