//! The policies in force, and how others take their place.

use super::{mistake::Mistakes, set::Set};
use crate::config;
use arc_swap::ArcSwap;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Who decides. Cheap to clone; clones share the policies. Without any, everything is allowed.
#[derive(Debug, Clone, Default)]
pub struct Authority(Option<Arc<Rules>>);

#[derive(Debug)]
struct Rules {
    files: config::Permissions,
    /// In force: requests read it without a lock.
    live: ArcSwap<Set>,
    told: Mutex<Told>,
}

/// What the operator was told of the files last.
#[derive(Debug, Default)]
struct Told {
    /// Why what the files hold is not in force.
    problem: Option<String>,
    /// What they hold, where all that is wrong with it is a permission that nobody declares: a plugin may come that does.
    waiting: Option<Arc<Set>>,
    /// Permissions that the policies in force name and nobody declares.
    unknown: Vec<String>,
}

/// The permissions that plugins declare.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub names: BTreeSet<String>,
    /// False while a plugin is there of which it is not known what it declares: no build of it serves.
    pub complete: bool,
}

/// For `greenroom plugins`.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// In force.
    pub policies: usize,
    pub entities: usize,
    /// RFC 3339, UTC.
    pub since: String,
    /// Why the files as they are now are not in force.
    pub problem: Option<String>,
    /// Permissions that no plugin declares, each with its place.
    pub unknown: Vec<String>,
}

impl Authority {
    /// Reads the files; blocks. Without policies it decides nothing.
    pub fn open(files: &config::Permissions) -> Result<Self, Mistakes> {
        if files.policies.is_empty() {
            return Ok(Self::default());
        }
        let set = Set::read(files)?;
        in_force(&set);
        Ok(Self(Some(Arc::new(Rules {
            files: files.clone(),
            live: ArcSwap::from_pointee(set),
            told: Mutex::default(),
        }))))
    }

    /// Whether there are policies.
    pub fn decides(&self) -> bool {
        self.0.is_some()
    }

    /// The files to watch.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let rules = self.0.iter();
        let files =
            rules.flat_map(|rules| rules.files.policies.iter().chain(&rules.files.entities));
        files.map(|file| file.as_path())
    }

    pub(super) fn set(&self) -> Option<Arc<Set>> {
        Some(self.0.as_ref()?.live.load_full())
    }

    /// The files have changed: what they hold now takes the place of what is in force, unless something is wrong with
    /// it. Blocks.
    pub fn reload(&self, known: &Known) {
        let Some(rules) = &self.0 else { return };
        let mut told = rules.told();
        told.waiting = None;
        let set = match Set::read(&rules.files) {
            Ok(set) => set,
            Err(mistakes) => {
                refuse(&mut told, &mistakes);
                return;
            }
        };
        match set.unknown(&known.names).filter(|_| known.complete) {
            Some(mistakes) => {
                refuse(&mut told, &mistakes);
                told.waiting = Some(Arc::new(set));
            }
            None => rules.take(&mut told, Arc::new(set)),
        }
    }

    /// Plugins may have come or gone since. Cheap: called every now and then.
    pub fn review(&self, known: &Known) {
        let Some(rules) = &self.0 else { return };
        if !known.complete {
            return;
        }
        let mut told = rules.told();
        let all_known = |set: &Arc<Set>| set.unknown(&known.names).is_none();
        if let Some(set) = told.waiting.take_if(|set| all_known(set)) {
            rules.take(&mut told, set);
        }
        let unknown = rules.live.load().unknown(&known.names);
        let unknown = unknown.map(|mistakes| mistakes.lines()).unwrap_or_default();
        if told.unknown != unknown {
            for one in unknown.iter().filter(|one| !told.unknown.contains(one)) {
                tracing::warn!("permissions: {one}");
            }
            told.unknown = unknown;
        }
    }

    /// `None` without policies.
    pub fn status(&self) -> Option<Status> {
        let rules = self.0.as_ref()?;
        let told = rules.told();
        let set = rules.live.load();
        let (policies, entities) = set.counts();
        Some(Status {
            policies,
            entities,
            since: set.since.to_string(),
            problem: told.problem.clone(),
            unknown: told.unknown.clone(),
        })
    }
}

impl Rules {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, told: &mut Told, set: Arc<Set>) {
        in_force(&set);
        self.live.store(set);
        told.problem = None;
        told.waiting = None;
    }
}

fn in_force(set: &Set) {
    let (policies, entities) = set.counts();
    tracing::info!(policies, entities, "permissions: the policies are in force");
}

fn refuse(told: &mut Told, mistakes: &Mistakes) {
    for mistake in mistakes.lines() {
        tracing::error!("permissions: {mistake}");
    }
    tracing::error!("permissions: the policies as they were stay in force");
    told.problem = Some(mistakes.to_string());
}
