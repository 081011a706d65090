//! What there is to run.

use crate::{Run, crash, neighbours};
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// One line of the report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was done, with its numbers.
    pub what: String,
    pub wanted: String,
    pub measured: String,
    pub reached: bool,
}

impl Row {
    pub fn new(
        what: impl Into<String>,
        wanted: impl Into<String>,
        measured: impl Into<String>,
        reached: bool,
    ) -> Self {
        Self {
            what: what.into(),
            wanted: wanted.into(),
            measured: measured.into(),
            reached,
        }
    }
}

pub struct Section {
    /// As on the command line.
    pub name: &'static str,
    /// For `--help`.
    pub about: &'static str,
    /// An error, like a panic, is a defect or a machine that cannot; a row that is not reached is a finding.
    pub run: fn(&mut Run) -> Result<Vec<Row>>,
}

pub const SECTIONS: &[Section] = &[
    Section {
        name: "crash",
        about: "kill -9 under write load, some in a deploy or a migration",
        run: crash::run,
    },
    Section {
        name: "neighbours",
        about: "a hostile plugin beside one under load",
        run: neighbours::run,
    },
];
