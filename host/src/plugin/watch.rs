//! The plugins folder is the desired state: each `<id>.wasm` in it (and each file that `plugins.<id>.component` names) is
//! to serve. It is looked at when the file system reports a change, and every two seconds in case a report got lost. So
//! are the files of policies.

mod policies;

pub use policies::PolicyFiles;

use super::{
    deploy::Deployer,
    mount::{Mount, Phase},
};
use crate::{config::Plugins, id::PluginId};
use notify::Watcher as _;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

/// Without a report of a change.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// A file that changed is read when it has not changed again for this long: a copy in progress is left alone.
pub(super) const SETTLE: Duration = Duration::from_millis(150);
/// Between two looks while something settles.
pub(super) const GLANCE: Duration = Duration::from_millis(25);

/// What deploys under way have when the host stops.
pub(super) const STOPPING: Duration = Duration::from_secs(10);

/// Tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    size: u64,
    inode: u64,
    modified: SystemTime,
}

#[derive(Default)]
struct Seen {
    /// What was deployed, or refused, last.
    done: HashMap<PluginId, Mark>,
    /// What has changed since (`None`: the file is gone), and since when it is so.
    settling: HashMap<PluginId, (Option<Mark>, Instant)>,
    /// File names that are no plugin's, told once.
    skipped: HashSet<PathBuf>,
}

impl Seen {
    /// Whether a change has been the same for long enough to act on it.
    fn settled(&mut self, id: &PluginId, now: Option<Mark>) -> bool {
        match self.settling.get(id) {
            Some((before, since)) if *before == now => {
                let settled = since.elapsed() >= SETTLE;
                if settled {
                    self.settling.remove(id);
                }
                settled
            }
            _ => {
                self.settling.insert(id.clone(), (now, Instant::now()));
                false
            }
        }
    }
}

/// Loads what is there, then watches until `stop`. `policies`: as the deployer's were read.
pub async fn run(deployer: Deployer, mut policies: PolicyFiles, stop: CancellationToken) {
    let changed = Arc::new(Notify::new());
    // Kept until the end: dropping it ends the reports.
    let _reports = match reports(&deployer, changed.clone()) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "no reports of changes in the plugins folder; it is looked at every 2 s");
            None
        }
    };
    let mut seen = Seen::default();
    let mut deploys = JoinSet::new();
    first_look(&deployer, &mut seen, &mut deploys);
    while !stop.is_cancelled() {
        let wait = if seen.settling.is_empty() && !policies.settles() {
            POLL
        } else {
            GLANCE
        };
        tokio::select! {
            () = stop.cancelled() => break,
            _ = timeout(wait, changed.notified()) => {}
        }
        // A burst of reports is one change.
        tokio::time::sleep(GLANCE).await;
        look(&deployer, &mut seen, &mut deploys);
        policies.look(&deployer);
        while deploys.try_join_next().is_some() {}
    }
    // What is under way may end; a deploy that is cut off leaves what was before it, or is done again at the next start.
    let ended = async { while deploys.join_next().await.is_some() {} };
    if timeout(STOPPING, ended).await.is_err() {
        deploys.shutdown().await;
    }
}

fn reports(
    deployer: &Deployer,
    changed: Arc<Notify>,
) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the folder is an access event itself.
        if event.is_ok_and(|e| !e.kind.is_access()) {
            changed.notify_one();
        }
    })?;
    let settings = deployer.settings();
    let mut folders = HashSet::from([settings.directory.clone()]);
    folders.extend(
        settings
            .entries
            .values()
            .filter_map(|p| Some(p.component.as_ref()?.parent()?.to_owned())),
    );
    let policies = deployer.authority().files();
    folders.extend(policies.filter_map(|file| Some(file.parent()?.to_owned())));
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        watcher.watch(folder, notify::RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// What lies there at the start was not changed while anybody watched: it is loaded at once.
fn first_look(deployer: &Deployer, seen: &mut Seen, deploys: &mut JoinSet<()>) {
    let files = files(deployer.settings(), &mut seen.skipped).unwrap_or_default();
    for id in deployer.settings().expected() {
        if !files.contains_key(id) {
            deployer.missing(id);
        }
    }
    // One that went between its announcement and now.
    let loading = |mount: &Arc<Mount>| mount.phase() == Phase::Loading;
    for mount in deployer.registry().all().into_iter().filter(loading) {
        if !files.contains_key(mount.id()) {
            let deployer = deployer.clone();
            deploys.spawn(async move { deployer.file_gone(mount.id()).await });
        }
    }
    for (id, (path, mark)) in files {
        seen.done.insert(id.clone(), mark);
        let deployer = deployer.clone();
        deploys.spawn(async move { deployer.first(&id, &path).await });
    }
}

fn look(deployer: &Deployer, seen: &mut Seen, deploys: &mut JoinSet<()>) {
    let Some(files) = files(deployer.settings(), &mut seen.skipped) else {
        return;
    };
    for (id, (path, mark)) in &files {
        if seen.done.get(id) == Some(mark) {
            seen.settling.remove(id);
        } else if seen.settled(id, Some(*mark)) {
            seen.done.insert(id.clone(), *mark);
            let (deployer, id, path) = (deployer.clone(), id.clone(), path.clone());
            deploys.spawn(async move { deployer.file_changed(&id, &path).await });
        }
    }
    let gone: Vec<_> = seen
        .done
        .keys()
        .filter(|id| !files.contains_key(*id))
        .cloned()
        .collect();
    for id in gone {
        // `rm` and `cp` in a row, as many build tools do it, is one change.
        if seen.settled(&id, None) {
            seen.done.remove(&id);
            let deployer = deployer.clone();
            deploys.spawn(async move { deployer.file_gone(&id).await });
        }
    }
    let Seen { done, settling, .. } = seen;
    settling.retain(|id, _| files.contains_key(id) || done.contains_key(id));
}

/// The files that would serve.
pub fn component_files(settings: &Plugins) -> BTreeMap<PluginId, PathBuf> {
    files(settings, &mut HashSet::new())
        .unwrap_or_default()
        .into_iter()
        .map(|(id, (path, _))| (id, path))
        .collect()
}

/// The files that are to serve now; `None` when the folder cannot be read, which says nothing about the files in it.
/// `skipped`: names that were told already.
fn files(
    settings: &Plugins,
    skipped: &mut HashSet<PathBuf>,
) -> Option<BTreeMap<PluginId, (PathBuf, Mark)>> {
    let mut files = BTreeMap::new();
    // Names that are gone are forgotten: the set is never larger than the folder.
    let told = std::mem::take(skipped);
    match std::fs::read_dir(&settings.directory) {
        Ok(entries) => {
            for path in entries
                .flatten()
                .map(|e| e.path())
                .filter(|p| p.extension().is_some_and(|e| e == "wasm"))
            {
                let stem = path
                    .file_stem()
                    .and_then(|s| s.to_str())
                    .unwrap_or_default();
                match (stem.parse::<PluginId>(), mark(&path)) {
                    (Ok(id), Some(mark)) => _ = files.insert(id, (path, mark)),
                    (Ok(_), None) => {} // gone again
                    (Err(error), _) => {
                        if !told.contains(&path) {
                            tracing::warn!(path = %path.display(), %error, "a file in the plugins folder is skipped");
                        }
                        skipped.insert(path);
                    }
                }
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::error!(path = %settings.directory.display(), %error, "the plugins folder cannot be read");
            *skipped = told;
            return None;
        }
    }
    for (id, plugin) in &settings.entries {
        if let Some(path) = &plugin.component {
            match mark(path) {
                Some(mark) => _ = files.insert(id.clone(), (path.clone(), mark)),
                None => _ = files.remove(id),
            }
        }
    }
    Some(files)
}

/// `None` when there is no such regular file.
pub(super) fn mark(path: &Path) -> Option<Mark> {
    let meta = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    Some(Mark {
        size: meta.len(),
        inode: meta.ino(),
        modified: meta.modified().ok()?,
    })
}
