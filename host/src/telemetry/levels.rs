//! The levels in force. They are the process's, as the log itself is; a change lasts until the process ends.

use super::voice;
use crate::{
    config::{
        Levels,
        levels::{of_one, word},
    },
    id::PluginId,
};
use arc_swap::ArcSwap;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};
use tracing::{Metadata, level_filters::LevelFilter};

/// The target of what plugins write themselves, and that of the access log.
pub(super) const PLUGIN: &str = "plugin";
pub(super) const REQUEST: &str = "request";

static NOW: LazyLock<ArcSwap<Levels>> = LazyLock::new(ArcSwap::default);
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// Where the levels come from, and what was changed since.
#[derive(Default)]
struct Kept {
    begun: Levels,
    source: &'static str,
    all: Option<Levels>,
    plugins: BTreeMap<PluginId, LevelFilter>,
}

/// What `greenroom log` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// As `GREENROOM_LOG` has it, without what was changed for single plugins.
    pub levels: String,
    /// `GREENROOM_LOG`, `LOG_LEVEL`, `backend.logger` or `default`; `greenroom log` where they were changed.
    pub source: &'static str,
    /// Every plugin, by id.
    pub plugins: Vec<PluginLevel>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginLevel {
    pub plugin: PluginId,
    pub level: &'static str,
    /// By `greenroom log`.
    pub changed: bool,
}

/// `source`: for [`Told`].
pub(super) fn begin(levels: Levels, source: &'static str) {
    let mut kept = kept();
    *kept = Kept {
        begun: levels,
        source,
        ..Kept::default()
    };
    apply(&kept);
}

/// For all that has no change of its own; `None`: as it was at the start.
pub fn change_all(levels: Option<Levels>) {
    let mut kept = kept();
    kept.all = levels;
    apply(&kept);
}

/// For the lines of one plugin; `None`: as the others. Whoever calls it knows that there is such a plugin.
pub fn change_plugin(plugin: &PluginId, level: Option<LevelFilter>) {
    let mut kept = kept();
    match level {
        Some(level) => _ = kept.plugins.insert(plugin.clone(), level),
        None => _ = kept.plugins.remove(plugin),
    }
    apply(&kept);
}

pub fn told() -> Told {
    let kept = kept();
    let (levels, source) = match &kept.all {
        Some(levels) => (levels, "greenroom log"),
        None => (&kept.begun, kept.source),
    };
    let plugin = |voice: &voice::Voice| PluginLevel {
        plugin: voice.plugin().clone(),
        level: word(voice.level()),
        changed: kept.plugins.contains_key(voice.plugin()),
    };
    Told {
        levels: levels.to_string(),
        source,
        plugins: voice::all().iter().map(|voice| plugin(voice)).collect(),
    }
}

pub(super) fn of_plugin(plugin: &PluginId) -> LevelFilter {
    NOW.load().of_plugin(plugin.as_str())
}

/// Whether anybody reads lines such as this. Of a plugin's: whether those of any plugin are read.
pub(super) fn reads(metadata: &Metadata<'_>) -> bool {
    let now = NOW.load();
    let most = match metadata.target() {
        PLUGIN => now.most_of_plugins(),
        target => now.of(target),
    };
    *metadata.level() <= most
}

pub(super) fn of(target: &str) -> LevelFilter {
    NOW.load().of(target)
}

pub(super) fn most() -> LevelFilter {
    NOW.load().most()
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn apply(kept: &Kept) {
    let mut levels = kept.all.clone().unwrap_or_else(|| kept.begun.clone());
    for (plugin, level) in &kept.plugins {
        levels.set(&of_one(plugin.as_str()), *level);
    }
    NOW.store(levels.into());
    for voice in voice::all() {
        voice.set_level(of_plugin(voice.plugin()));
    }
    tracing::callsite::rebuild_interest_cache();
}

/// The levels are the process's: tests that change them, or rely on them, run one after the other.
#[cfg(test)]
pub(super) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never above `warn`: what other tests write at that level is read.
    #[test]
    fn changes_come_and_go() {
        let _alone = alone();
        let (loud, other): (PluginId, PluginId) = (
            "loud-of-a-test".parse().unwrap(),
            "other-of-a-test".parse().unwrap(),
        );
        let (voice_of_loud, voice_of_other) = (voice(&loud), voice(&other));
        let levels = || (voice_of_loud.level(), voice_of_other.level());
        begin("info,plugin=warn".parse().unwrap(), "LOG_LEVEL");
        assert_eq!(levels(), (LevelFilter::WARN, LevelFilter::WARN));
        assert_eq!(most(), LevelFilter::INFO);

        change_plugin(&loud, Some(LevelFilter::TRACE));
        assert_eq!(levels(), (LevelFilter::TRACE, LevelFilter::WARN));
        let host = of("greenroom::http");
        assert_eq!((most(), host), (LevelFilter::TRACE, LevelFilter::INFO));
        let shown = told();
        assert_eq!(
            (shown.levels.as_str(), shown.source),
            ("info,plugin=warn", "LOG_LEVEL")
        );
        let row = |id: &PluginId| {
            let found = shown.plugins.iter().find(|p| p.plugin == *id).unwrap();
            (found.level, found.changed)
        };
        assert_eq!(
            (row(&loud), row(&other)),
            (("trace", true), ("warn", false))
        );

        change_all(Some("warn,plugin=debug".parse().unwrap()));
        assert_eq!(levels(), (LevelFilter::TRACE, LevelFilter::DEBUG));
        assert_eq!(told().source, "greenroom log");
        change_plugin(&loud, None);
        assert_eq!(levels(), (LevelFilter::DEBUG, LevelFilter::DEBUG));
        change_all(None);
        assert_eq!(levels(), (LevelFilter::WARN, LevelFilter::WARN));
        // One that comes later has what holds by then.
        let late = voice(&"late-of-a-test".parse().unwrap());
        assert_eq!(late.level(), LevelFilter::WARN);
        begin(Levels::default(), "default");
        assert_eq!(late.level(), LevelFilter::INFO);
    }
}
