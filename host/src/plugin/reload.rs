//! The files of the configuration, watched: a change of a plugin's section reaches its next instances. The files are
//! looked at when the file system reports a change, and every two seconds in case a report got lost, or a file came.

use super::{
    deploy::Deployer,
    watch::{GLANCE, Mark, POLL, SETTLE, STOPPING, mark},
};
use crate::config::{Config, ConfigError, Loader, secrets};
use notify::Watcher as _;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Instant};
use tokio::{
    sync::Notify,
    task::{JoinSet, block_in_place},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// A file that somebody writes to again and again is read after this many looks.
const MOST_LOOKS: u32 = 40;
/// Keys that are named in one line.
const MOST_NAMED: usize = 20;

/// Every path that the configuration was looked for at, and what is there.
type Marks = BTreeMap<PathBuf, Option<Mark>>;

/// Watches until `stop`. `config`: what the host runs with.
pub async fn run(deployer: Deployer, config: Config, stop: CancellationToken) {
    let loader = config.loader.clone();
    let mut reload = Reload {
        deployer,
        config,
        changes: JoinSet::new(),
    };
    let changed = Arc::new(Notify::new());
    // Once before any change: a file may have changed since it was read at the start.
    let paths = block_in_place(|| loader.look().0);
    let mut seen = reload.look(&loader, &marks(paths.iter()));
    let mut _reports = reports(&seen, changed.clone());
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = timeout(POLL, changed.notified()) => {}
        }
        while reload.changes.try_join_next().is_some() {}
        if marks(seen.keys()) == seen {
            // A burst of reports is one look.
            tokio::time::sleep(GLANCE).await;
            continue;
        }
        settled(&seen).await;
        seen = reload.look(&loader, &marks(seen.keys()));
        _reports = reports(&seen, changed.clone());
    }
    let mut changes = reload.changes;
    let ended = async { while changes.join_next().await.is_some() {} };
    if timeout(STOPPING, ended).await.is_err() {
        changes.shutdown().await;
    }
}

/// Returns when the files have not changed for a while: an editor writes one in several steps.
async fn settled(seen: &Marks) {
    let mut last = marks(seen.keys());
    let mut since = Instant::now();
    for _ in 0..MOST_LOOKS {
        if since.elapsed() >= SETTLE {
            return;
        }
        tokio::time::sleep(GLANCE).await;
        let now = marks(seen.keys());
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

fn marks<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Marks {
    paths.map(|path| (path.clone(), mark(path))).collect()
}

/// Kept for as long as reports are wanted. Files are watched, not their folders: databases may lie beside them.
fn reports(seen: &Marks, changed: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|e| !e.kind.is_access()) {
            changed.notify_one();
        }
    });
    let mut watcher = watcher.ok()?;
    let there = seen.iter().filter(|(_, mark)| mark.is_some());
    for (path, _) in there {
        // One that cannot be watched is looked at every two seconds, as all are.
        let _ = watcher.watch(path, notify::RecursiveMode::NonRecursive);
    }
    Some(watcher)
}

struct Reload {
    deployer: Deployer,
    /// What was read last without a mistake.
    config: Config,
    /// Plugins that get their new section.
    changes: JoinSet<()>,
}

impl Reload {
    /// Reads the configuration, and acts on what is not as it was. `before`: what was there just now; what is written
    /// meanwhile is another change.
    fn look(&mut self, loader: &Loader, before: &Marks) -> Marks {
        let (touched, config) = block_in_place(|| loader.look());
        match config {
            Ok(config) => self.accept(config),
            Err(error) => refuse(&error),
        }
        let seen = touched.into_iter().map(|path| {
            let known = before.get(&path).copied();
            let mark = known.unwrap_or_else(|| mark(&path));
            (path, mark)
        });
        seen.collect()
    }

    fn accept(&mut self, new: Config) {
        // First, so that no line about the change shows one.
        block_in_place(|| secrets::learn(&new.secrets));
        for note in new
            .notes
            .iter()
            .filter(|note| !self.config.notes.contains(note))
        {
            tracing::info!("config: {note}");
        }
        let mut keys = new.keys.changed(&self.config.keys);
        if !keys.is_empty() {
            let more = keys.len().saturating_sub(MOST_NAMED);
            keys.truncate(MOST_NAMED);
            keys.extend((more > 0).then(|| format!("{more} more")));
            tracing::warn!(
                "config: these keys have changed, which a restart alone brings into use: {}",
                keys.join(", ")
            );
        }
        let sections = new.plugins.entries.iter();
        let sections = sections
            .map(|(id, plugin)| (id.clone(), plugin.config.clone()))
            .collect();
        for id in self.deployer.change_sections(sections) {
            let deployer = self.deployer.clone();
            (self.changes).spawn(async move { deployer.section_changed(&id).await });
        }
        self.config = new;
    }
}

fn refuse(error: &ConfigError) {
    let text = error.to_string();
    let line = text.lines().collect::<Vec<_>>().join(" | ");
    tracing::error!("config: the change is refused, and what was read before stays in use: {line}");
}
