//! What clients make the host keep for them: bodies that come slowly, and answers that are read slowly. Each is bounded by
//! the plugin's limits, and all of them together here: there may be tens of thousands of connections.

use bytes::Bytes;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// At most one line of the log in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Bytes of one body that do not count: every connection may have as much.
const FREE: usize = 16 << 10;

/// How much of what `backend.bodies` allows is in use. Clones share it.
#[derive(Clone)]
pub(super) struct Kept(Arc<Room>);

struct Room {
    used: AtomicUsize,
    most: usize,
    told: Mutex<Option<Instant>>,
}

impl Room {
    fn tell(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            *told = Some(Instant::now());
            tracing::warn!(
                bytes = self.most,
                "clients send or read more bodies at once than backend.bodies: some are answered 503"
            );
        }
    }
}

impl Kept {
    /// `most`: bytes.
    pub(super) fn new(most: u64) -> Self {
        Self(Arc::new(Room {
            used: AtomicUsize::new(0),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            told: Mutex::default(),
        }))
    }

    /// Of one body, which is empty yet.
    pub(super) fn share(&self) -> Share {
        Share {
            room: self.0.clone(),
            bytes: 0,
        }
    }

    /// The same bytes, which count until the last of them is gone; none when there is no room for them.
    pub(super) fn hold(&self, bytes: Bytes) -> Option<Bytes> {
        if bytes.len() <= FREE {
            return Some(bytes);
        }
        let mut share = self.share();
        share.grow_to(bytes.len()).then(|| share.with(bytes))
    }
}

/// Given back when it is dropped.
pub(super) struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    /// For a body that takes so many bytes by now. `false`: there is no room for it.
    pub(super) fn grow_to(&mut self, length: usize) -> bool {
        let more = length.saturating_sub(FREE).saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let add = |used: usize| Some(used + more).filter(|used| *used <= self.room.most);
        let grown = self.room.used.try_update(Relaxed, Relaxed, add).is_ok();
        if grown {
            self.bytes += more;
        } else {
            self.room.tell();
        }
        grown
    }

    /// Lasts as long as these bytes.
    pub(super) fn with(self, bytes: Bytes) -> Bytes {
        if self.bytes == 0 {
            return bytes;
        }
        Bytes::from_owner(Held {
            bytes,
            _share: self,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.room.used.fetch_sub(self.bytes, Relaxed);
        }
    }
}

struct Held {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_ones_count_until_their_last_byte_is_gone() {
        let kept = Kept::new(100_000);
        let used = || kept.0.used.load(Relaxed);
        let body = |length: usize| Bytes::from(vec![b'x'; length]);
        for _ in 0..100 {
            assert_eq!(kept.hold(body(FREE)).unwrap().len(), FREE);
        }
        assert_eq!(used(), 0);
        let one = kept.hold(body(FREE + 60_000)).unwrap();
        assert_eq!((one.len(), used()), (FREE + 60_000, 60_000));
        assert!(kept.hold(body(FREE + 40_001)).is_none());
        assert_eq!(used(), 60_000);
        let other = kept.hold(body(FREE + 40_000)).unwrap();
        let end = one.slice(one.len() - 1..);
        drop(one);
        assert_eq!((used(), &end[..]), (100_000, &b"x"[..]));
        drop((other, end));
        assert_eq!(used(), 0);
    }

    #[test]
    fn what_grows_counts_once() {
        let kept = Kept::new(1000);
        let mut share = kept.share();
        for length in [0, 10, FREE, FREE + 400, FREE + 400, FREE + 300, FREE + 1000] {
            assert!(share.grow_to(length), "{length}");
        }
        assert!(!share.grow_to(FREE + 1001));
        assert!(!kept.share().grow_to(FREE + 1));
        drop(share);
        assert!(kept.share().grow_to(FREE + 1000));
    }
}
