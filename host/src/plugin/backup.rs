//! `greenroom backup` and `restore`: a folder with the data of plugins, the builds that go with it, and a manifest.
//!
//! Every database in it is of one moment and was looked over; a plugin's database and its key-value store are two files,
//! each of a moment of its own. A running host takes the backup itself, else the command does, with the folder's lock.

mod manifest;
mod restore;
mod take;

pub use restore::{Restoring, finish_restore, restore};
pub use take::offline;
pub(in crate::plugin) use take::{Draft, Sources, chosen};

use manifest::{Manifest, Saved, Sum};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// What to back up; the body of an admin request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Absolute, and not there yet.
    pub folder: PathBuf,
    /// Ids; none: all plugins.
    pub plugins: Vec<String>,
}

/// What was backed up or restored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub folder: PathBuf,
    /// When the backup was taken: RFC 3339, UTC.
    pub taken: String,
    plugins: BTreeMap<String, Saved>,
    /// What a restore kept of what was there before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<PathBuf>,
    pub warnings: Vec<String>,
}
