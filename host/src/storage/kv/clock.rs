//! The time by which values end.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The system's time when the store was opened, and from then on a clock that nobody sets and that counts on while the
/// machine sleeps: when the system's clock is put forward or back, no value ends early and none comes back.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// Milliseconds that the system's time was ahead of the other clock.
    System { ahead: i64 },
    /// Tests move it.
    #[cfg(test)]
    Driven(std::sync::Arc<std::sync::atomic::AtomicI64>),
}

impl Default for Clock {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::System {
            ahead: milliseconds(now.unwrap_or_default()).saturating_sub(running()),
        }
    }
}

impl Clock {
    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        match self {
            Self::System { ahead } => running().saturating_add(*ahead),
            #[cfg(test)]
            Self::Driven(now) => now.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    #[cfg(test)]
    pub(super) fn driven() -> Self {
        Self::Driven(std::sync::Arc::new(1_700_000_000_000.into()))
    }

    /// A negative number puts it back.
    #[cfg(test)]
    pub(super) fn advance(&self, milliseconds: i64) {
        match self {
            Self::Driven(now) => {
                now.fetch_add(milliseconds, std::sync::atomic::Ordering::Relaxed);
            }
            Self::System { .. } => panic!("nobody moves the system's clock"),
        }
    }
}

/// Milliseconds since the machine was started.
fn running() -> i64 {
    milliseconds(Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default())
}

/// Enough for 292 million years.
pub(super) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_the_systems_time_and_goes_on() {
        let system = || milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        let before = system();
        let clock = Clock::default();
        // A millisecond of each of the two clocks may be cut off.
        assert!(clock.now() >= before - 1 && clock.clone().now() <= system() + 1);
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
