//! What `greenroom plugins` shows and what a deploy answers, as JSON.

use super::load_error::{LoadError, Stage};
use crate::id::PluginId;
use serde::Serialize;
use std::time::Duration;

/// One plugin.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub id: PluginId,
    /// `loading`, `live` or `failed`.
    pub state: &'static str,
    pub required: bool,
    pub build: Option<Serving>,
    /// The build in the plugins folder, 64 hex digits; differs from `build` when it was refused.
    pub folder: Option<String>,
    /// Why the last deploy was refused; gone with the next one that is not.
    pub problem: Option<Problem>,
    /// What it says of itself, where its build can and the config does not forbid to ask.
    pub health: Option<Wellness>,
    /// Builds that were live, the last one first.
    pub history: Vec<String>,
    /// Requests since the host started, and how many of them the host had to answer itself.
    pub requests: u64,
    pub errors: u64,
    /// Requests that run now.
    pub running: usize,
    /// Instances, busy and idle.
    pub instances: usize,
}

/// The build that answers.
#[derive(Debug, Clone, Serialize)]
pub struct Serving {
    /// 64 hex digits.
    pub id: String,
    pub version: String,
    /// RFC 3339, UTC.
    pub since: String,
}

/// How a plugin is, by its own word.
#[derive(Debug, Clone, Serialize)]
pub struct Wellness {
    /// `unchecked`, `well` or `failing`.
    pub state: &'static str,
    /// Since when it is so, RFC 3339, UTC.
    pub since: String,
    /// Checks that failed in a row up to now.
    pub failures: u32,
    /// Why the last check failed, in the plugin's own words; none where it did not.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    pub build: Option<String>,
    pub stage: Stage,
    pub message: String,
    /// RFC 3339, UTC.
    pub at: String,
}

impl Problem {
    pub(super) fn new(error: &LoadError) -> Self {
        Self {
            build: error.build.map(|b| b.to_string()),
            stage: error.stage,
            message: error.message.clone(),
            at: jiff::Timestamp::now().to_string(),
        }
    }
}

/// What a deploy, a rollback or a removal did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub plugin: PluginId,
    /// The build that serves now, 64 hex digits.
    pub build: Option<String>,
    pub version: Option<String>,
    pub outcome: Done,
    /// The build that served before.
    pub previous: Option<String>,
    pub milliseconds: u64,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    Deployed,
    /// The build was live already.
    Unchanged,
    RolledBack,
    Removed,
}

impl Done {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Unchanged => "unchanged",
            Self::RolledBack => "rolled-back",
            Self::Removed => "removed",
        }
    }
}

pub(super) fn milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
