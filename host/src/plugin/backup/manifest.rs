//! `manifest.json`: what a backup holds. It is written last, and judged before anything of a backup is used.

use crate::id::{BuildId, PluginId};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path};

pub(super) const NAME: &str = "manifest.json";
/// Which of these a host reads.
const FORMAT: u32 = 1;
/// Bytes of a manifest, at most.
const LONGEST: u64 = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    /// The host's version.
    greenroom: String,
    /// RFC 3339, UTC.
    pub(super) taken: String,
    pub(super) plugins: BTreeMap<String, Saved>,
    /// SHA-256 of all of this with an empty checksum.
    checksum: String,
}

/// One plugin.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    /// The build that served, or was the last that did; 64 hex digits.
    pub(super) build: Option<String>,
    /// The versions of the migrations that ran.
    pub(super) migrations: Vec<i64>,
    /// By name: `<id>.sqlite`, `<id>.kv.sqlite`, `<id>.wasm`, as far as they were there.
    pub(super) files: BTreeMap<String, Sum>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sum {
    pub(super) bytes: u64,
    /// 64 hex digits.
    pub(super) sha256: String,
}

/// The names that a plugin's files have in a backup.
pub(super) struct Names {
    pub(super) database: String,
    pub(super) keyvalue: String,
    pub(super) component: String,
}

impl Names {
    pub(super) fn of(id: &PluginId) -> Self {
        Self {
            database: format!("{id}.sqlite"),
            keyvalue: format!("{id}.kv.sqlite"),
            component: format!("{id}.wasm"),
        }
    }
}

impl Manifest {
    pub(super) fn new(plugins: BTreeMap<String, Saved>) -> Result<Self> {
        let mut manifest = Self {
            format: FORMAT,
            greenroom: env!("CARGO_PKG_VERSION").to_owned(),
            taken: jiff::Timestamp::now().to_string(),
            plugins,
            checksum: String::new(),
        };
        manifest.checksum = manifest.sum()?;
        Ok(manifest)
    }

    fn sum(&self) -> Result<String> {
        let bare = Self {
            format: self.format,
            greenroom: self.greenroom.clone(),
            taken: self.taken.clone(),
            plugins: self.plugins.clone(),
            checksum: String::new(),
        };
        Ok(hex::encode(Sha256::digest(serde_json::to_vec(&bare)?)))
    }

    pub(super) fn to_text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads and judges it: after this, every name in it is one that a plugin's file has.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let data = path.symlink_metadata().with_context(|| {
            format!(
                "{} is no backup: it has no {NAME} (an unfinished one has none)",
                folder.display()
            )
        })?;
        let at = || path.display().to_string();
        ensure!(
            data.is_file() && data.len() <= LONGEST,
            "{} is no manifest of a backup",
            at()
        );
        let text = std::fs::read(&path).with_context(at)?;
        // The format first: another one may have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let of: Format = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; use another backup", at()))?;
        ensure!(
            of.format == FORMAT,
            "{} has format {}, and this greenroom reads format {FORMAT}: restore it with the version that made it",
            at(),
            of.format
        );
        let manifest: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; use another backup", at()))?;
        ensure!(
            manifest.sum()? == manifest.checksum,
            "{} was changed after it was written: its checksum differs; use another backup",
            at()
        );
        for (id, saved) in &manifest.plugins {
            saved.judge(id).with_context(at)?;
        }
        Ok(manifest)
    }
}

impl Saved {
    fn judge(&self, id: &str) -> Result<()> {
        let id: PluginId = id.parse()?;
        let names = Names::of(&id);
        for name in self.files.keys() {
            if ![&names.database, &names.keyvalue, &names.component].contains(&name) {
                bail!("{name:?} is no file of the plugin {id}");
            }
        }
        match (&self.build, self.files.get(&names.component)) {
            (None, None) => {}
            (Some(build), Some(sum))
                if build.parse::<BuildId>().is_ok() && sum.sha256 == *build => {}
            _ => bail!("the build of {id} is not the file {}", names.component),
        }
        Ok(())
    }
}

impl Sum {
    /// Whether these are the bytes and the checksum of `file`.
    pub(super) fn fits(&self, file: &Path, found: &(u64, String)) -> Result<()> {
        ensure!(
            (self.bytes, &self.sha256) == (found.0, &found.1),
            "{} is not what was backed up: it has {} bytes with another checksum (of {}); use another backup",
            file.display(),
            found.0,
            self.bytes
        );
        Ok(())
    }
}
