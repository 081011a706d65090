//! What there is to run.

use crate::{
    Run, churn, crash, disk, fuzz, host_calls, hostile_sql, long, mutants, neighbours, power_cut,
    schemathesis, slow_clients, smuggling, supply, swap,
};
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
        name: "swap",
        about: "builds of every kind come in a random order while clients read and write",
        run: swap::run,
    },
    Section {
        name: "power-cut",
        about: "a disk that keeps what was synced, cut at any operation, and one that answers errors",
        run: power_cut::run,
    },
    Section {
        name: "disk",
        about: "full, damaged, moved and locked databases under one plugin, beside one that must not notice",
        run: disk::run,
    },
    Section {
        name: "cwasm",
        about: "compiled code with one bit flipped is refused and compiled again",
        run: disk::cwasm,
    },
    Section {
        name: "neighbours",
        about: "a hostile plugin beside one under load",
        run: neighbours::run,
    },
    Section {
        name: "hostile-sql",
        about: "statements that try to get out, to stay, or to take all time and memory",
        run: hostile_sql::run,
    },
    Section {
        name: "host-calls",
        about: "calls to the host and answers that no SDK makes, both ways",
        run: host_calls::run,
    },
    Section {
        name: "mutants",
        about: "damaged components, uploaded to a host that serves",
        run: mutants::run,
    },
    Section {
        name: "fuzz",
        about: "made up configurations, rows, paths, descriptors and components, led by the branches that they take",
        run: fuzz::run,
    },
    Section {
        name: "slow-clients",
        about: "2,000 connections that send or read slowly, and what others see of them",
        run: slow_clients::run,
    },
    Section {
        name: "churn",
        about: "10,000 connections that open and close in every manner",
        run: churn::run,
    },
    Section {
        name: "smuggling",
        about: "requests that can be read in two ways",
        run: smuggling::run,
    },
    Section {
        name: "schemathesis",
        about: "what schemathesis makes of the todo plugin's OpenAPI document; needs python3",
        run: schemathesis::run,
    },
    Section {
        name: "long",
        about: "as many requests and swaps as in eight hours, and what has grown by then",
        run: long::run,
    },
    Section {
        name: "supply",
        about: "licences, bans, sources and advisories of all packages; the dist binary's own list",
        run: supply::run,
    },
];
