//! `backend.auditor`.

use super::cursor::{Field, Section};
use std::path::PathBuf;
use tracing::Level;

/// `backend.auditor`.
#[derive(Debug, Clone)]
pub struct Auditor {
    /// `file`: where every audit event goes, besides the log. Default none.
    pub file: Option<PathBuf>,
    /// `severityLogLevelMappings`: default `debug` for `low`, `info` for the others.
    levels: [Level; 4],
}

/// How much an audit event matters, as in Backstage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    #[default]
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Auditor {
    /// The level of an event's line in the log.
    pub fn level(&self, severity: Severity) -> Level {
        self.levels[severity as usize]
    }

    pub fn set(&mut self, severity: Severity, level: Level) {
        self.levels[severity as usize] = level;
    }
}

impl Default for Auditor {
    fn default() -> Self {
        Self {
            file: None,
            levels: [Level::DEBUG, Level::INFO, Level::INFO, Level::INFO],
        }
    }
}

pub(super) fn auditor(section: &Section<'_>) -> Auditor {
    let mut auditor = Auditor {
        file: section
            .get("file")
            .and_then(|field| field.path("the path of a file")),
        ..Auditor::default()
    };
    let levels = section.section("severityLogLevelMappings");
    for severity in Severity::ALL {
        if let Some(level) = levels
            .get(severity.word())
            .and_then(|field| log_level(&field))
        {
            auditor.set(severity, level);
        }
    }
    levels.refuse_others();
    section.judge_others(&[]);
    auditor
}

fn log_level(field: &Field<'_>) -> Option<Level> {
    const TAKES: &str = "`debug`, `info`, `warn` or `error`";
    let (text, secret) = field.text(TAKES)?;
    match text.as_str() {
        "debug" => Some(Level::DEBUG),
        "info" => Some(Level::INFO),
        "warn" => Some(Level::WARN),
        "error" => Some(Level::ERROR),
        _ => field.out_of(TAKES, "no such level", secret),
    }
}
