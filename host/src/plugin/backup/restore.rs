//! Putting a backup back: all of it is looked over beside its place before anything is replaced.

use super::{Manifest, Report, Saved, Sum, manifest::Names, take::chosen};
use crate::{
    config::{self, CacheStore},
    id::PluginId,
    plugin::deploy::Databases,
    storage::{
        backup::{digest, duplicate, look, there},
        create_durably,
        replace::{Step, carry_out, finish, set_aside, staging},
    },
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What to restore.
pub struct Restoring {
    pub folder: PathBuf,
    /// Ids; none: all that the backup has.
    pub plugins: Vec<String>,
    /// Whether what is there may be replaced; it is kept aside.
    pub replace: bool,
}

/// A file that waits beside its place; removed when it is not taken.
struct Staged {
    place: PathBuf,
    /// None: nothing comes there.
    file: Option<PathBuf>,
    mode: u32,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // It is in its place by now, or the next attempt removes it.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Written down while files are replaced.
fn journal(settings: &config::Plugins) -> PathBuf {
    settings.state.join("restore.journal")
}

/// Before anything is opened: what a restore that was cut off had decided is done.
pub fn finish_restore(settings: &config::Plugins) -> Result<()> {
    let journal = journal(settings);
    let what = || {
        format!(
            "a restore that was cut off cannot be finished ({})",
            journal.display()
        )
    };
    if finish(&journal).with_context(what)? {
        tracing::warn!("a restore was cut off; what it had verified is now in its place");
    }
    Ok(())
}

/// With no host: `databases` holds the locks of the folders. All of it is put back or nothing. Blocks.
pub fn restore(
    wanted: &Restoring,
    settings: &config::Plugins,
    databases: &Databases,
) -> Result<Report> {
    let manifest = Manifest::read(&wanted.folder)?;
    let mut known = std::collections::BTreeSet::new();
    for id in manifest.plugins.keys() {
        known.insert(id.parse::<PluginId>()?);
    }
    let chosen = chosen(&wanted.plugins, known)
        .with_context(|| format!("the backup {}", wanted.folder.display()))?;
    create_durably(&settings.state, 0o777)
        .with_context(|| format!("plugins.state: {}", settings.state.display()))?;
    finish_restore(settings)?;
    let (mut staged, mut plugins, mut warnings) = (Vec::new(), BTreeMap::new(), Vec::new());
    for id in chosen {
        let saved = &manifest.plugins[id.as_str()];
        let one = One {
            id: &id,
            saved,
            folder: &wanted.folder,
            replace: wanted.replace,
        };
        one.stage(settings, databases, &mut staged, &mut warnings)?;
        plugins.insert(id.to_string(), saved.clone());
    }
    let mut kept = Vec::new();
    for file in &staged {
        kept.extend(set_aside(&file.place, file.mode)?);
    }
    let mut steps = Vec::new();
    for file in &staged {
        steps.push(Step {
            place: std::path::absolute(&file.place)?,
            staged: file.file.as_ref().map(std::path::absolute).transpose()?,
        });
    }
    if let Err(error) = carry_out(&journal(settings), &steps) {
        if there(&journal(settings))? {
            // The next attempt or the next start does it: the files are to stay.
            staged.iter_mut().for_each(|file| file.file = None);
        }
        return Err(error.into());
    }
    Ok(Report {
        folder: wanted.folder.clone(),
        taken: manifest.taken,
        plugins,
        kept,
        warnings,
    })
}

struct One<'a> {
    id: &'a PluginId,
    saved: &'a Saved,
    folder: &'a Path,
    replace: bool,
}

impl One<'_> {
    fn stage(
        &self,
        settings: &config::Plugins,
        databases: &Databases,
        staged: &mut Vec<Staged>,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        let (id, names) = (self.id, Names::of(self.id));
        let Ok((folder, _)) = databases.of(id) else {
            bail!(
                "backend.database keeps {id} in ':memory:', where nothing can be restored to; set connection.directory"
            );
        };
        let database = folder.database(id);
        if let Some(file) = self.database(&names.database, database, true)? {
            staged.push(file);
        }
        let keyvalue = folder.keyvalue(id);
        if databases.cache == CacheStore::Sqlite {
            staged.extend(self.database(&names.keyvalue, keyvalue, false)?);
        } else if self.saved.files.contains_key(&names.keyvalue) {
            warnings.push(format!(
                "{}: not restored, since backend.cache.store is memory",
                names.keyvalue
            ));
        }
        if let Some(sum) = self.saved.files.get(&names.component) {
            staged.extend(self.component(&names.component, sum, settings)?);
        }
        Ok(())
    }

    /// A database of the backup beside its place; or, where the backup has none, the end of the one that is there.
    fn database(&self, name: &str, place: PathBuf, migrated: bool) -> Result<Option<Staged>> {
        let before = self.may_replace(&place)?;
        let Some(sum) = self.saved.files.get(name) else {
            return Ok(before.then_some(Staged {
                place,
                file: None,
                mode: 0o600,
            }));
        };
        let staged = self.copy(name, sum, place, 0o600)?;
        let file = staged.file.as_deref().unwrap_or(&staged.place);
        let whole = look(file).with_context(|| format!("{name} of the backup; use another"))?;
        ensure!(
            !migrated || whole.migrations == self.saved.migrations,
            "{name} has other migrations than the manifest says; use another backup"
        );
        Ok(Some(staged))
    }

    fn component(
        &self,
        name: &str,
        sum: &Sum,
        settings: &config::Plugins,
    ) -> Result<Option<Staged>> {
        let place = settings.component_file(self.id);
        // What is there already needs no right to be written; the backup is to be whole all the same.
        if place.exists() && digest(&place).is_ok_and(|(_, there)| there == sum.sha256) {
            let source = self.folder.join(name);
            return sum.fits(&source, &digest(&source)?).map(|()| None);
        }
        for other in settings.entries.keys().filter(|other| *other != self.id) {
            ensure!(
                settings.component_file(other) != place,
                "the file {} serves {other} as well: copy {name} of the backup there yourself, then restore again",
                place.display()
            );
        }
        self.may_replace(&place)?;
        if let Some(parent) = place.parent() {
            create_durably(parent, 0o777)
                .with_context(|| format!("plugins.directory: {}", parent.display()))?;
        }
        self.copy(name, sum, place, 0o644).map(Some)
    }

    fn copy(&self, name: &str, sum: &Sum, place: PathBuf, mode: u32) -> Result<Staged> {
        let source = self.folder.join(name);
        let staged = Staged {
            file: Some(staging(&place)?),
            place,
            mode,
        };
        let file = staged.file.as_deref().unwrap_or(&staged.place);
        sum.fits(&source, &duplicate(&source, file, mode)?)?;
        Ok(staged)
    }

    /// Whether something lies there. One that may not be replaced is an error.
    fn may_replace(&self, place: &Path) -> Result<bool> {
        if !there(place)? {
            return Ok(false);
        }
        let plain = place.symlink_metadata().is_ok_and(|data| data.is_file());
        ensure!(
            plain,
            "{} is no plain file, and is not replaced; move it away",
            place.display()
        );
        ensure!(
            self.replace,
            "{} is there already; --replace puts the backup in its place, and keeps what is there as {}.before-restore",
            place.display(),
            place.display()
        );
        Ok(true)
    }
}
