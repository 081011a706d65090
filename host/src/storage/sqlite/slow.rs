//! Texts of reads that took too long for an async worker.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Texts remembered; then all are forgotten.
const MOST: usize = 1024;

/// After so many runs on a thread a text is tried on the worker again: it may have been the machine that was slow.
const RUNS: u16 = 200;

#[derive(Default)]
pub(super) struct Slow {
    /// Hash of the text to the runs that are left. A collision costs a detour, nothing else.
    texts: Mutex<HashMap<u64, u16>>,
    /// Its size, so that a database without slow reads needs no lock.
    known: AtomicUsize,
    hasher: std::hash::RandomState,
}

impl Slow {
    fn texts(&self) -> MutexGuard<'_, HashMap<u64, u16>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this run goes to a thread.
    pub(super) fn contains(&self, sql: &str) -> bool {
        if self.known.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let key = self.hasher.hash_one(sql);
        let mut texts = self.texts();
        let Some(left) = texts.get_mut(&key) else {
            return false;
        };
        *left -= 1;
        if *left == 0 {
            texts.remove(&key);
            self.known.store(texts.len(), Ordering::Relaxed);
        }
        true
    }

    pub(super) fn insert(&self, sql: &str) {
        let mut texts = self.texts();
        if texts.len() >= MOST {
            texts.clear();
        }
        texts.insert(self.hasher.hash_one(sql), RUNS);
        self.known.store(texts.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_texts_are_forgotten_after_a_while_and_bounded() {
        let slow = Slow::default();
        assert!(!slow.contains("a"));
        slow.insert("a");
        assert_eq!(
            (0..usize::from(RUNS) + 5)
                .filter(|_| slow.contains("a"))
                .count(),
            usize::from(RUNS)
        );
        for number in 0..MOST * 3 {
            slow.insert(&number.to_string());
        }
        assert!(slow.texts().len() <= MOST);
    }
}
