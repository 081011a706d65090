//! What one plugin may say: from which level on, and how much.

use super::levels;
use crate::id::PluginId;
use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tracing::{Level, level_filters::LevelFilter};

/// Bytes a second, until the plugin's limits are known.
const RATE: u64 = 256 << 10;
/// As much as comes together in this time may come at once.
const BURST: Duration = Duration::from_secs(16);
/// Bytes of one plugin's lines that wait to be written.
const WAITING: usize = 2 << 20;

/// A plugin's part in the log. There is one for each id that is in use.
#[derive(Debug)]
pub struct Voice {
    plugin: PluginId,
    level: AtomicU8,
    /// `limits.log`.
    rate: AtomicU64,
    /// Its own lines.
    own: Share,
    /// The host's lines about its requests.
    about: Share,
    /// Those that say what went wrong in it: clients cause few of them.
    fault: Share,
    /// Audit events that its calls cause.
    audit: Share,
    waiting: AtomicUsize,
    /// Lines that were more than its share.
    lost: AtomicU64,
}

/// Whose line it is: a plugin that says much must not keep the host from saying why it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Own,
    About,
    Fault,
    Audit,
}

static VOICES: LazyLock<RwLock<HashMap<PluginId, Weak<Voice>>>> = LazyLock::new(RwLock::default);

/// The voice of this plugin. Whoever holds it keeps its account.
pub fn voice(plugin: &PluginId) -> Arc<Voice> {
    let mut voices = VOICES.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(voice) = voices.get(plugin).and_then(Weak::upgrade) {
        return voice;
    }
    voices.retain(|_, voice| voice.strong_count() > 0);
    // With the table in hand: a change of levels comes before, and is read here, or after, and finds it there.
    let voice = Arc::new(Voice::new(plugin.clone(), levels::of_plugin(plugin)));
    voices.insert(plugin.clone(), Arc::downgrade(&voice));
    voice
}

/// The voice of a plugin that is in use.
pub(super) fn find(plugin: &str) -> Option<Arc<Voice>> {
    let voices = VOICES.read().unwrap_or_else(PoisonError::into_inner);
    voices.get(plugin).and_then(Weak::upgrade)
}

/// All that are in use, by id.
pub(super) fn all() -> Vec<Arc<Voice>> {
    let voices = VOICES.read().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<_> = voices.values().filter_map(Weak::upgrade).collect();
    drop(voices);
    all.sort_by(|a, b| a.plugin.cmp(&b.plugin));
    all
}

impl Voice {
    fn new(plugin: PluginId, level: LevelFilter) -> Self {
        Self {
            plugin,
            level: AtomicU8::new(number(level)),
            rate: AtomicU64::new(RATE),
            own: Share::default(),
            about: Share::default(),
            fault: Share::default(),
            audit: Share::default(),
            waiting: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        }
    }

    pub fn plugin(&self) -> &PluginId {
        &self.plugin
    }

    /// The most that anybody reads of its lines.
    pub fn level(&self) -> LevelFilter {
        LEVELS[usize::from(self.level.load(Relaxed))]
    }

    pub fn reads(&self, level: Level) -> bool {
        level <= self.level()
    }

    /// `limits.log`: bytes a second.
    pub fn allow(&self, rate: u64) {
        self.rate.store(rate.max(1), Relaxed);
    }

    /// Whether an audit event that its own call causes, of about a KiB, is within its share. One that is not is counted
    /// as a lost line.
    pub fn may_be_audited(&self) -> bool {
        self.pays(Side::Audit, 1 << 10)
    }

    pub(super) fn set_level(&self, level: LevelFilter) {
        self.level.store(number(level), Relaxed);
    }

    /// Whether a line of so many bytes is within its share. One that is not is counted.
    pub(super) fn pays(&self, side: Side, bytes: usize) -> bool {
        let share = match side {
            Side::Own => &self.own,
            Side::About => &self.about,
            Side::Fault => &self.fault,
            Side::Audit => &self.audit,
        };
        let paid = share.take(bytes as u64, self.rate.load(Relaxed), now());
        if !paid {
            self.lost.fetch_add(1, Relaxed);
        }
        paid
    }

    /// Counts a line that is to wait for its writing. `false`: as many wait as may.
    pub(super) fn wait(&self, bytes: usize) -> bool {
        let fits = self.waiting.fetch_add(bytes, Relaxed) + bytes <= WAITING;
        if !fits {
            self.waiting.fetch_sub(bytes, Relaxed);
        }
        fits
    }

    pub(super) fn written(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Relaxed);
    }

    /// Lines that were lost since the last call.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Relaxed)
    }
}

const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

fn number(level: LevelFilter) -> u8 {
    match level {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        LevelFilter::TRACE => 5,
    }
}

/// So many bytes a second, counted as the moment until which what was taken is paid for, in nanoseconds.
#[derive(Debug, Default)]
struct Share(AtomicU64);

impl Share {
    /// Takes `bytes`, unless [`BURST`] is used up.
    fn take(&self, bytes: u64, rate: u64, now: u64) -> bool {
        const SECOND: u128 = 1_000_000_000;
        let burst = u64::try_from(BURST.as_nanos()).unwrap_or(u64::MAX);
        let cost =
            u64::try_from(u128::from(bytes) * SECOND / u128::from(rate.max(1))).unwrap_or(u64::MAX);
        let mut paid = self.0.load(Relaxed);
        loop {
            let from = paid.max(now);
            if from - now > burst {
                return false;
            }
            match self
                .0
                .compare_exchange_weak(paid, from.saturating_add(cost), Relaxed, Relaxed)
            {
                Ok(_) => return true,
                Err(other) => paid = other,
            }
        }
    }
}

/// Nanoseconds since the first call.
fn now() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_share_is_what_comes_together_in_sixteen_seconds_and_then_its_rate() {
        let share = Share::default();
        let taken = |now: u64| {
            (0..100_000)
                .take_while(|_| share.take(100, 1000, now))
                .count()
        };
        // 16 s at 1,000 bytes a second, and the line that goes over it.
        assert_eq!(taken(SECOND), 161);
        assert_eq!(taken(SECOND), 0);
        assert_eq!(taken(2 * SECOND), 10);
        assert_eq!(taken(1000 * SECOND), 161, "no more is saved up");
    }

    #[test]
    fn one_side_does_not_use_up_the_other() {
        let voice = Voice::new("todo".parse().unwrap(), LevelFilter::INFO);
        voice.allow(1);
        assert!(voice.pays(Side::Own, 1000));
        assert!(!voice.pays(Side::Own, 1) && !voice.pays(Side::Own, 1));
        assert!(voice.pays(Side::About, 1));
        assert_eq!((voice.take_lost(), voice.take_lost()), (2, 0));
    }

    #[test]
    fn what_waits_of_one_plugin_is_bounded() {
        let voice = Voice::new("todo".parse().unwrap(), LevelFilter::INFO);
        assert!(voice.wait(WAITING) && !voice.wait(1));
        voice.written(10);
        assert!(voice.wait(10) && !voice.wait(1));
    }

    #[test]
    fn an_id_has_one_voice_while_it_is_held() {
        let id: PluginId = "held-of-a-test".parse().unwrap();
        assert!(find("held-of-a-test").is_none());
        let first = voice(&id);
        assert!(Arc::ptr_eq(&first, &voice(&id)));
        assert!(find("held-of-a-test").is_some_and(|found| Arc::ptr_eq(&found, &first)));
        assert!(all().iter().any(|voice| voice.plugin() == &id));
        drop(first);
        assert!(find("held-of-a-test").is_none());
    }

    #[test]
    fn levels_are_kept_as_they_were_set() {
        let voice = Voice::new("todo".parse().unwrap(), LevelFilter::INFO);
        for level in LEVELS {
            voice.set_level(level);
            assert_eq!(voice.level(), level);
        }
        voice.set_level(LevelFilter::WARN);
        assert!(voice.reads(Level::WARN) && !voice.reads(Level::INFO));
        voice.set_level(LevelFilter::OFF);
        assert!(!voice.reads(Level::ERROR));
    }
}
