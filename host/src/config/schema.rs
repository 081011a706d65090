//! Whether a plugin's section fits the JSON Schema that the plugin gives, and which of its values that schema calls
//! secrets.
//!
//! The schema is a guest's: it may be made so that to follow it takes for ever, or all memory. It is judged in a child
//! process with limits, which also leaves nothing of the validator in the host's memory.

mod child;
mod coerce;
mod hidden;
mod judge;

pub use child::{judge, run_child};

use serde::{Deserialize, Serialize};

/// Bytes of a schema.
pub const MAX_SCHEMA: usize = 256 << 10;

/// What the schema says of a section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Empty: the section fits.
    pub misfits: Vec<Misfit>,
    /// JSON pointers to the values that are secrets.
    pub secret: Vec<String>,
}

/// One thing that does not fit. It names keys and what the schema wants, never the value that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misfit {
    /// JSON pointer into the section.
    pub pointer: String,
    /// `takes an integer`.
    pub wants: String,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no schema that this host follows.
    #[error("the plugin's schema is invalid: {0}")]
    Invalid(String),
    #[error(
        "the plugin's schema takes too much: to judge a section by it may take {} CPU seconds and {} MiB ({what})",
        child::CPU_SECONDS,
        child::ADDRESS_SPACE >> 20
    )]
    Limits { what: String },
    #[error("the process that judges the configuration: {0}")]
    Process(std::io::Error),
}
