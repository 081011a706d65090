//! Why a build does not go live. The build before it goes on serving.

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
}

impl LoadError {
    pub(super) fn new(stage: Stage, message: impl std::fmt::Display) -> Self {
        Self {
            stage,
            message: message.to_string(),
        }
    }

    /// For `map_err`.
    pub(super) fn at<E: std::fmt::Display>(stage: Stage) -> impl Fn(E) -> Self {
        move |error| Self::new(stage, format!("{error:#}"))
    }
}
