//! Why a build does not go live. The build before it goes on serving.

use crate::{config::secrets::redacted, id::BuildId, telemetry::tame};
use serde::Serialize;

/// The step of a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reading the file, or writing it into the plugins folder.
    File,
    Compile,
    Imports,
    Exports,
    Describe,
    /// Holding the plugin's section of the configuration against its schema.
    Config,
    /// Opening the plugin's database or key-value file.
    Storage,
    Migrate,
    /// Waiting for running requests to end before an exclusive migration.
    Hold,
    Start,
    Probe,
    /// Recording the build in `plugins.state`.
    Record,
    /// The request itself: an unknown id, nothing to roll back to.
    Request,
}

/// What failed, for the operator and the plugin's author.
#[derive(Debug, Clone, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    pub stage: Stage,
    #[serde(rename = "error")]
    pub message: String,
    /// That was not taken; `None` where its bytes were not read.
    #[serde(skip)]
    pub build: Option<BuildId>,
}

/// Bytes of a message, at most.
const MAX_MESSAGE: usize = 8 << 10;

impl LoadError {
    /// The text may come from the component (a panic, what `start` returned): it is one line, and forges none.
    pub(super) fn new(stage: Stage, message: impl std::fmt::Display) -> Self {
        // First of all: a part of a secret is not found.
        let text = message.to_string();
        let text = redacted(&text);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        Self {
            stage,
            message: tame(&lines.join(" | "), MAX_MESSAGE).into_owned(),
            build: None,
        }
    }

    /// The same of this build, unless it is known of which one it is.
    pub(super) fn of(self, build: BuildId) -> Self {
        Self {
            build: self.build.or(Some(build)),
            ..self
        }
    }

    /// For `map_err`.
    pub(super) fn at<E: std::fmt::Display>(stage: Stage) -> impl Fn(E) -> Self {
        move |error| Self::new(stage, format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_components_text_is_one_line() {
        let error = LoadError::new(Stage::Start, "start() failed: a\n\n  INFO forged \u{1b}[0m");
        assert_eq!(error.message, "start() failed: a | INFO forged \\u{1b}[0m");
    }
}
