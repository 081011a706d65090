//! Deploys, rollbacks and removals as audit events: what each came to, and who asked for it.

use super::*;
use crate::audit::{Event, Severity};

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Over the admin socket, by the id of the user.
    User(u32),
    /// Whoever changed the plugins folder.
    Folder,
    /// Whoever changed the configuration.
    Config,
    /// Nobody: the host has just started.
    Start,
}

impl By {
    fn actor(self) -> String {
        match self {
            Self::User(id) => format!("uid:{id}"),
            Self::Folder => "plugins-folder".into(),
            Self::Config => "configuration".into(),
            Self::Start => "greenroom".into(),
        }
    }

    fn way(self) -> &'static str {
        match self {
            Self::User(_) => "admin-socket",
            Self::Folder => "plugins-folder",
            Self::Config => "configuration",
            Self::Start => "start",
        }
    }
}

/// Tells what became of it. `plugin`: where it is known.
pub(super) fn tell(
    what: &'static str,
    by: By,
    plugin: Option<&PluginId>,
    outcome: &Result<Outcome, LoadError>,
) {
    if let Some(event) = event(what, by, plugin, outcome) {
        event.record();
    }
}

/// Tells that the build that serves has a new section of the configuration, or why it has not.
pub(super) fn tell_section(plugin: &PluginId, build: BuildId, outcome: &Result<(), LoadError>) {
    let event = Event::new("config-change")
        .plugin(plugin)
        .actor(&By::Config.actor())
        .severity(Severity::Medium)
        .meta("build", build.to_string());
    match outcome {
        Ok(()) => event.record(),
        Err(error) => event.failed(&error.message).record(),
    }
}

/// `None`: nothing has changed, and nobody asked. A file that an upload wrote is seen by the watch as well.
fn event(
    what: &'static str,
    by: By,
    plugin: Option<&PluginId>,
    outcome: &Result<Outcome, LoadError>,
) -> Option<Event> {
    let mut event = Event::new(what).actor(&by.actor()).meta("by", by.way());
    if let Some(plugin) = plugin {
        event = event.plugin(plugin);
    }
    let told = |event: Event, name, value: Option<&String>| match value {
        Some(value) => event.meta(name, value.as_str()),
        None => event,
    };
    match outcome {
        Ok(done) => {
            let unchanged = done.outcome == Done::Unchanged;
            if unchanged && !matches!(by, By::User(_)) {
                return None;
            }
            // What served before the start goes on.
            let severity = if by == By::Start || unchanged {
                Severity::Low
            } else {
                Severity::Medium
            };
            event = told(event, "build", done.build.as_ref());
            event = told(event, "version", done.version.as_ref());
            event = told(event, "previous", done.previous.as_ref());
            event = event.plugin(&done.plugin).severity(severity);
            Some(event.meta("milliseconds", done.milliseconds))
        }
        Err(error) => {
            let build = error.build.map(|build| build.to_string());
            event = told(event, "build", build.as_ref()).severity(Severity::Medium);
            if let Ok(stage) = serde_json::to_value(error.stage) {
                event = event.meta("stage", stage);
            }
            Some(event.failed(&error.message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(done: Done) -> Result<Outcome, LoadError> {
        Ok(Outcome {
            plugin: "todo".parse().unwrap(),
            build: Some("b".repeat(64)),
            version: Some("0.1.0".into()),
            outcome: done,
            previous: None,
            milliseconds: 7,
            warnings: Vec::new(),
        })
    }

    #[test]
    fn what_nobody_asked_for_and_changed_nothing_is_not_told() {
        let told = |by, done| event("deploy", by, None, &outcome(done)).is_some();
        assert!(!told(By::Folder, Done::Unchanged));
        assert!(told(By::User(7), Done::Unchanged));
        for by in [By::Folder, By::Config, By::User(7), By::Start] {
            assert!(told(by, Done::Deployed), "{by:?}");
        }
        let refused = Err(LoadError::new(Stage::Start, "no"));
        assert!(event("deploy", By::Start, None, &refused).is_some());
    }

    #[test]
    fn an_actor_is_named_by_its_way_in() {
        let ways: Vec<_> = [By::User(1000), By::Folder, By::Config, By::Start]
            .map(|by| (by.actor(), by.way()))
            .into();
        let expected = [
            ("uid:1000", "admin-socket"),
            ("plugins-folder", "plugins-folder"),
            ("configuration", "configuration"),
            ("greenroom", "start"),
        ];
        assert_eq!(ways, expected.map(|(actor, way)| (actor.to_owned(), way)));
    }
}
