//! The files of policies and entities, which hold together: all of them are read again once none has changed for a moment.
//! And the permissions that policies name, which plugins that come and go declare or do not.

use super::{Deployer, Mark, SETTLE, mark};
use crate::config::Permissions;
use std::{path::PathBuf, time::Instant};
use tokio::task::block_in_place;

/// What lies in the places of the files; `None` where nothing does.
type Marks = Vec<Option<Mark>>;

/// The files, and how they were when they were read.
pub struct PolicyFiles {
    files: Vec<PathBuf>,
    done: Marks,
    /// What has changed since, and since when it is so.
    settling: Option<(Marks, Instant)>,
}

impl PolicyFiles {
    /// To be called before they are read for the first time: what changes from now on is seen.
    pub fn of(settings: &Permissions) -> Self {
        let files = settings.policies.iter().chain(&settings.entities);
        let files: Vec<_> = files.cloned().collect();
        Self {
            done: marks(&files),
            files,
            settling: None,
        }
    }

    pub(super) fn settles(&self) -> bool {
        self.settling.is_some()
    }

    pub(super) fn look(&mut self, deployer: &Deployer) {
        if self.files.is_empty() {
            return;
        }
        let now = marks(&self.files);
        if now == self.done {
            self.settling = None;
            deployer.authority().review(&deployer.known_permissions());
            return;
        }
        match &self.settling {
            Some((before, since)) if *before == now => {
                if since.elapsed() >= SETTLE {
                    self.settling = None;
                    self.done = now;
                    let known = deployer.known_permissions();
                    block_in_place(|| deployer.authority().reload(&known));
                }
            }
            _ => self.settling = Some((now, Instant::now())),
        }
    }
}

fn marks(files: &[PathBuf]) -> Marks {
    files.iter().map(|file| mark(file)).collect()
}
