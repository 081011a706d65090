//! Where the guests of one build start: where those before them would have ended.

use super::Engine;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// Of all calls: a share is counted in parts of it.
const ALL: u32 = 1 << 16;
/// From this share of long calls on, all start on the slow threads. Below it the long ones begin where the short ones
/// are, and take [`super::slow::LONG`] of them.
const MANY: u32 = ALL / 4;
/// A call counts for one of so many, so that about as many calls change the mind.
const MEMORY: u32 = 16;

pub struct Lane {
    pub(super) engine: Engine,
    /// The share of long calls among the last ones. Two calls that end at once may count as one.
    long: AtomicU32,
}

impl Lane {
    pub fn new(engine: &Engine) -> Arc<Self> {
        Arc::new(Self {
            engine: engine.clone(),
            long: AtomicU32::new(0),
        })
    }

    /// Whether the next call is likely to be long.
    pub(super) fn expects_long(&self) -> bool {
        self.long.load(Relaxed) >= MANY
    }

    pub(super) fn ended(&self, long: bool) {
        let share = self.long.load(Relaxed);
        let next = if long {
            share + (ALL - share) / MEMORY
        } else {
            share - share.div_ceil(MEMORY)
        };
        // Short calls are nearly all there are: they share the line and do not write to it.
        if next != share {
            self.long.store(next, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_calls_count() {
        let folder = tempfile::tempdir().unwrap();
        let settings = crate::config::Engine {
            max_instances: 1,
            max_memory: 1 << 20,
        };
        let engine = Engine::new(&settings, &folder.path().join("cache")).unwrap();
        let lane = Lane::new(&engine);
        let after = |calls: &[bool]| {
            for long in calls {
                lane.ended(*long);
            }
            lane.expects_long()
        };
        assert!(!after(&[]));
        assert!(!after(&[true; 4]), "a few");
        assert!(after(&[true; 1]), "five in a row");
        assert!(!after(&[false; 1000]));
        assert_eq!(lane.long.load(Relaxed), 0);
        assert!(after(&[true, false].repeat(20)), "half of them");
        assert!(
            !after(&[[true; 1].as_slice(), &[false; 9]].concat().repeat(20)),
            "a tenth of them"
        );
        assert!(after(&[true; 1_000_000]));
        assert!(lane.long.load(Relaxed) <= ALL);
    }
}
