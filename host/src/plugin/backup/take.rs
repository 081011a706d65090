//! Taking a backup: into a folder without a name, which gets its own when all of it is on the disk.

use super::{
    Manifest, Report, Saved, Sum, Wanted,
    manifest::{NAME, Names},
};
use crate::{
    config::{self, CacheStore},
    id::{BuildId, PluginId},
    plugin::{deploy::Databases, history::History, watch},
    storage::backup::{digest, save, there},
};
use anyhow::{Context, Result, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Where the data and the builds are that a backup is made of.
pub(in crate::plugin) struct Sources<'a> {
    pub(in crate::plugin) databases: &'a Databases,
    pub(in crate::plugin) settings: &'a config::Plugins,
    pub(in crate::plugin) history: &'a History,
}

/// A backup that is being written. Dropped, it is removed.
pub(in crate::plugin) struct Draft {
    folder: TempDir,
    target: PathBuf,
    plugins: BTreeMap<String, Saved>,
    warnings: Vec<String>,
}

impl Draft {
    pub(in crate::plugin) fn begin(target: &Path) -> Result<Self> {
        ensure!(
            target.is_absolute(),
            "{} is no absolute path",
            target.display()
        );
        ensure!(
            !there(target)?,
            "{} is there already; a backup takes a new folder",
            target.display()
        );
        let parent = target.parent().context("the root is no new folder")?;
        let folder = tempfile::Builder::new()
            .prefix(".greenroom-backup-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .with_context(|| {
                format!(
                    "cannot write into {}; name a folder that the host's user may write to",
                    parent.display()
                )
            })?;
        Ok(Self {
            folder,
            target: target.to_owned(),
            plugins: BTreeMap::new(),
            warnings: Vec::new(),
        })
    }

    /// One plugin, while nobody deploys it. `live`: the build that serves. Blocks.
    pub(in crate::plugin) fn add(
        &mut self,
        id: &PluginId,
        live: Option<BuildId>,
        from: &Sources<'_>,
    ) -> Result<()> {
        let mut saved = Saved::default();
        let names = Names::of(id);
        let stored = from.databases.of(id).ok().map(|(folder, _)| folder);
        if let Some(folder) = stored {
            let mut files = vec![(folder.database(id), &names.database)];
            if from.databases.cache == CacheStore::Sqlite {
                files.push((folder.keyvalue(id), &names.keyvalue));
            }
            for (source, name) in files {
                if !there(&source)? {
                    continue;
                }
                let target = self.folder.path().join(name);
                let whole = save(&source, &target)?;
                if let Some(broken) = whole.broken_key {
                    self.warnings
                        .push(format!("{name}, as it is in the host: {broken}"));
                }
                saved.migrations.extend(whole.migrations);
                let (bytes, sha256) = digest(&target)?;
                saved.files.insert(name.clone(), Sum { bytes, sha256 });
            }
        }
        if let Some(build) = live.or_else(|| from.history.of(id).first().copied()) {
            let bytes = from
                .history
                .bytes(build)
                .with_context(|| format!("the build {} of {id}", build.short()))?;
            write_new(&self.folder.path().join(&names.component), &bytes)?;
            let sum = Sum {
                bytes: bytes.len() as u64,
                sha256: build.to_string(),
            };
            saved.build = Some(sum.sha256.clone());
            saved.files.insert(names.component, sum);
        }
        if saved.files.is_empty() {
            self.warnings.push(format!(
                "{id} has no data and no build: nothing of it is kept"
            ));
        } else {
            self.plugins.insert(id.to_string(), saved);
        }
        Ok(())
    }

    /// The manifest, and the folder's name.
    pub(in crate::plugin) fn finish(self) -> Result<Report> {
        ensure!(
            !self.plugins.is_empty(),
            "there is nothing to back up: no plugin has data or a build"
        );
        let manifest = Manifest::new(self.plugins)?;
        write_new(&self.folder.path().join(NAME), &manifest.to_text()?)?;
        let partial = self.folder.path();
        File::open(partial)?.sync_all()?;
        name(partial, &self.target)
            .with_context(|| format!("cannot make {}", self.target.display()))?;
        // It has moved; nothing is left to remove under the old name.
        let _ = self.folder.keep();
        if let Some(parent) = self.target.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Report {
            folder: self.target,
            taken: manifest.taken,
            plugins: manifest.plugins,
            kept: Vec::new(),
            warnings: self.warnings,
        })
    }
}

/// In one step, and never over something that came meanwhile.
fn name(partial: &Path, target: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, partial, CWD, target, RenameFlags::NOREPLACE) {
        // A file system that has no such rename; one to a folder that holds something is refused all the same.
        Err(rustix::io::Errno::INVAL) => std::fs::rename(partial, target),
        done => done.map_err(Into::into),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The plugins that are asked for; all there are when none is.
pub(in crate::plugin) fn chosen(
    wanted: &[String],
    known: BTreeSet<PluginId>,
) -> Result<BTreeSet<PluginId>> {
    if wanted.is_empty() {
        return Ok(known);
    }
    let mut chosen = BTreeSet::new();
    for id in wanted {
        let id: PluginId = id.parse()?;
        ensure!(
            known.contains(&id),
            "there is no plugin {id}; there are: {}",
            known
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
        chosen.insert(id);
    }
    Ok(chosen)
}

impl Sources<'_> {
    /// Every plugin that has data or a file, whether it serves or not.
    pub(in crate::plugin) fn plugins(&self) -> BTreeSet<PluginId> {
        let mut found: BTreeSet<PluginId> =
            watch::component_files(self.settings).into_keys().collect();
        for (_, folder) in &self.databases.folders {
            let entries = std::fs::read_dir(folder.path()).into_iter().flatten();
            for path in entries.flatten().map(|entry| entry.path()) {
                // Of a key-value store the stem is `<id>.kv`, which is no id.
                let id = path
                    .file_stem()
                    .and_then(|stem| stem.to_str())
                    .and_then(|stem| stem.parse::<PluginId>().ok());
                let database = path.extension().is_some_and(|end| end == "sqlite");
                if let Some(id) = id.filter(|_| database)
                    && (self.databases.of(&id)).is_ok_and(|(its, _)| its.path() == folder.path())
                {
                    found.insert(id);
                }
            }
        }
        found
    }
}

/// Without a host: `databases` holds the locks. Blocks.
pub fn offline(
    wanted: &Wanted,
    settings: &config::Plugins,
    databases: &Databases,
) -> Result<Report> {
    let history = History::open(&settings.state).context("plugins.state")?;
    let from = Sources {
        databases,
        settings,
        history: &history,
    };
    let mut draft = Draft::begin(&wanted.folder)?;
    for id in chosen(&wanted.plugins, from.plugins())? {
        draft.add(&id, None, &from)?;
    }
    draft.finish()
}
