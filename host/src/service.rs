//! What the host gives to plugins: one file an import. Each is a thin shim between untrusted guest input and a core that
//! knows no wasm, of one fixed shape: a `Ctx` (what one build holds), a `View` (what one call sees) and `add_to_linker`.

pub mod config;
pub mod keyvalue;
pub mod logging;
pub mod outbound;
pub mod permissions;
pub mod sql;
pub mod stdio;

use crate::{
    auth::Caller,
    id::{BuildId, PluginId},
    telemetry::{Voice, voice},
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Who speaks, for every line that a plugin causes in the log.
#[derive(Debug, Clone)]
pub struct Speaker {
    pub plugin: PluginId,
    pub build: Arc<str>,
    /// What is read of it, and how much.
    pub voice: Arc<Voice>,
}

impl Speaker {
    pub fn new(plugin: PluginId, build: BuildId) -> Self {
        let voice = voice(&plugin);
        Self {
            plugin,
            build: build.short().into(),
            voice,
        }
    }

    /// For a component that has no id yet.
    pub fn nobody() -> Self {
        let plugin: PluginId = "unnamed".parse().expect("a plugin id");
        let voice = voice(&plugin);
        Self {
            plugin,
            build: "-".into(),
            voice,
        }
    }
}

/// What an instance works on at the moment: one request, or `start`.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Who asks, and under what name; the host itself for `start` and the like.
    pub caller: Caller,
    /// Everything done for it ends here.
    pub deadline: Deadline,
}

/// A moment that can be moved while a guest runs. Clones share it.
#[derive(Debug, Clone)]
pub struct Deadline(Arc<AtomicU64>);

impl Deadline {
    pub fn new(at: Instant) -> Self {
        Self(Arc::new(AtomicU64::new(nanoseconds(at))))
    }

    pub fn set(&self, at: Instant) {
        self.0.store(nanoseconds(at), Relaxed);
    }

    pub fn get(&self) -> Instant {
        origin() + Duration::from_nanos(self.0.load(Relaxed))
    }

    pub fn passed(&self) -> bool {
        nanoseconds(Instant::now()) >= self.0.load(Relaxed)
    }
}

/// What deadlines are counted from.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// Since [`origin`]; enough for 500 years.
fn nanoseconds(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(origin()).as_nanos()).unwrap_or(u64::MAX)
}
