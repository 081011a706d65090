//! A store in memory: gone with the host, and never on a disk.

use super::{
    BATCH_BYTES, Pair, SWEPT_AT_ONCE, Verdict, bucket::Bucket, clock::Clock, error::KvError,
    page::Page,
};
use crate::{config::KeyvalueLimits, storage::Error};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes that an entry takes beside its key and its value, about.
const OVERHEAD: u64 = 256;

pub(super) struct Memory {
    limits: KeyvalueLimits,
    clock: Clock,
    /// `None`: closed. Held for a look or a change, never while anybody waits.
    state: Mutex<Option<State>>,
}

#[derive(Default)]
struct State {
    buckets: BTreeMap<Arc<str>, Keys>,
    /// Those that end, by when: time, bucket and key.
    ends: BTreeSet<(i64, Arc<str>, Arc<str>)>,
    /// Of all entries, with [`OVERHEAD`].
    bytes: u64,
    /// Keys that were made so far.
    made: u64,
}

#[derive(Default)]
struct Keys {
    entries: BTreeMap<Arc<str>, Entry>,
    /// In the order in which they were made.
    by_age: BTreeMap<u64, Arc<str>>,
}

struct Entry {
    value: Bytes,
    /// Milliseconds since 1970.
    expires: Option<i64>,
    age: u64,
}

impl Entry {
    fn lives(&self, now: i64) -> bool {
        self.expires.is_none_or(|end| end > now)
    }
}

fn weight(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64 + OVERHEAD
}

impl State {
    fn live(&self, bucket: &str, key: &str, now: i64) -> Option<&Entry> {
        let entry = self.buckets.get(bucket)?.entries.get(key)?;
        Some(entry).filter(|entry| entry.lives(now))
    }

    /// All of them, or none where they would be too many or too large. Values whose time is over count until they are
    /// swept, and what makes the store smaller always goes in.
    fn set(
        &mut self,
        bucket: &Bucket,
        values: &BTreeMap<&str, &Bytes>,
        now: i64,
        limits: &KeyvalueLimits,
    ) -> Result<(), KvError> {
        let known = self.buckets.get(&bucket.name).map(|keys| &keys.entries);
        let (mut new, mut added, mut freed) = (0, 0, 0);
        for (key, value) in values {
            added += weight(key, value);
            match known.and_then(|entries| entries.get(*key)) {
                Some(old) => freed += weight(key, &old.value),
                None => new += 1,
            }
        }
        if new > 0 && known.map_or(0, BTreeMap::len) + new > limits.keys as usize {
            return Err(KvError::TooManyKeys(limits.keys));
        }
        if added > freed && self.bytes + added - freed > limits.memory {
            return Err(KvError::Full {
                bytes: limits.memory,
                limit: "memory",
            });
        }
        for (key, value) in values {
            self.put(bucket, key, (*value).clone(), now);
        }
        Ok(())
    }

    fn put(&mut self, bucket: &Bucket, key: &str, value: Bytes, now: i64) {
        let (name, age) = match self.remove(&bucket.name, key) {
            Some((name, old)) => (name, old.age),
            None => {
                self.made += 1;
                (key.into(), self.made)
            }
        };
        let expires = bucket.expiry(now);
        self.bytes += weight(key, &value);
        if let Some(end) = expires {
            self.ends.insert((end, bucket.name.clone(), name.clone()));
        }
        let keys = self.buckets.entry(bucket.name.clone()).or_default();
        keys.by_age.insert(age, name.clone());
        keys.entries.insert(
            name,
            Entry {
                value,
                expires,
                age,
            },
        );
    }

    fn remove(&mut self, bucket: &Arc<str>, key: &str) -> Option<(Arc<str>, Entry)> {
        let keys = self.buckets.get_mut(bucket)?;
        let (name, entry) = keys.entries.remove_entry(key)?;
        keys.by_age.remove(&entry.age);
        if let Some(end) = entry.expires {
            self.ends.remove(&(end, bucket.clone(), name.clone()));
        }
        self.bytes -= weight(&name, &entry.value);
        Some((name, entry))
    }
}

impl Memory {
    pub(super) fn new(limits: KeyvalueLimits, clock: Clock) -> Self {
        Self {
            limits,
            clock,
            state: Mutex::new(Some(State::default())),
        }
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> Result<T, KvError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let done = state.as_mut().map(run);
        done.ok_or_else(|| KvError::Storage(Error::closed()))
    }

    /// False: there are as many as there may be.
    pub(super) fn make_bucket(&self, name: &str) -> Result<bool, KvError> {
        self.with(|state| {
            let is_there = state.buckets.contains_key(name);
            let makes = !is_there && state.buckets.len() < self.limits.buckets as usize;
            if makes {
                state.buckets.insert(name.into(), Keys::default());
            }
            is_there || makes
        })
    }

    pub(super) fn get(&self, bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        let now = self.clock.now();
        let value = self.with(|state| {
            let entry = state.live(&bucket.name, key, now)?;
            Some(entry.value.clone())
        })?;
        // Copied when nobody waits for it.
        Ok(value.map(|value| value.to_vec()))
    }

    pub(super) fn exists(&self, bucket: &Bucket, key: &str) -> Result<bool, KvError> {
        let now = self.clock.now();
        self.with(|state| state.live(&bucket.name, key, now).is_some())
    }

    pub(super) fn get_many(
        &self,
        bucket: &Bucket,
        keys: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, KvError> {
        let now = self.clock.now();
        let values: Vec<_> = self.with(|state| {
            let value = |key: &String| Some(state.live(&bucket.name, key, now)?.value.clone());
            keys.iter().map(value).collect()
        })?;
        let bytes: usize = values.iter().flatten().map(Bytes::len).sum();
        if bytes as u64 > BATCH_BYTES {
            return Err(KvError::BatchTooLarge);
        }
        let copied = values
            .into_iter()
            .map(|value| value.map(|value| value.to_vec()));
        Ok(copied.collect())
    }

    pub(super) fn keys_by_name(&self, bucket: &Bucket, after: &str) -> Result<Page, KvError> {
        let now = self.clock.now();
        self.with(|state| {
            let mut page = Page::default();
            let Some(keys) = state.buckets.get(&bucket.name) else {
                return page;
            };
            let behind = (Bound::Excluded(after), Bound::Unbounded);
            for (key, entry) in keys.entries.range::<str, _>(behind) {
                if entry.lives(now) && !page.add(key, entry.age) {
                    break;
                }
            }
            page
        })
    }

    pub(super) fn keys_by_age(&self, bucket: &Bucket, after: u64) -> Result<Page, KvError> {
        let now = self.clock.now();
        self.with(|state| {
            let mut page = Page::default();
            let Some(keys) = state.buckets.get(&bucket.name) else {
                return page;
            };
            let behind: (Bound<u64>, Bound<u64>) = (Bound::Excluded(after), Bound::Unbounded);
            for (age, key) in keys.by_age.range(behind) {
                let lives = keys.entries.get(key).is_some_and(|entry| entry.lives(now));
                if lives && !page.add(key, *age) {
                    break;
                }
            }
            page
        })
    }

    /// Of those with the same key the last counts.
    pub(super) fn set_many(&self, bucket: &Bucket, pairs: &[Pair]) -> Result<(), KvError> {
        let values: BTreeMap<&str, &Bytes> = pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value))
            .collect();
        let now = self.clock.now();
        self.with(|state| state.set(bucket, &values, now, &self.limits))?
    }

    pub(super) fn delete_many(&self, bucket: &Bucket, keys: &[String]) -> Result<(), KvError> {
        self.with(|state| {
            for key in keys {
                state.remove(&bucket.name, key);
            }
        })
    }

    pub(super) fn update<T>(
        &self,
        bucket: &Bucket,
        key: &str,
        run: impl FnOnce(Option<&[u8]>) -> Verdict<T>,
    ) -> Result<T, KvError> {
        let now = self.clock.now();
        self.with(|state| {
            let current = state.live(&bucket.name, key, now);
            match run(current.map(|entry| &entry.value[..])) {
                Verdict::Keep(answer) => Ok(answer),
                Verdict::Set(value, answer) => {
                    let values = BTreeMap::from([(key, &value)]);
                    state.set(bucket, &values, now, &self.limits)?;
                    Ok(answer)
                }
            }
        })?
    }

    /// Removes some values whose time is over; answers how many.
    pub(super) fn sweep(&self) -> u32 {
        let now = self.clock.now();
        let swept = self.with(|state| {
            let mut removed = 0;
            while removed < SWEPT_AT_ONCE
                && let Some((end, bucket, key)) = state.ends.first()
                && *end <= now
            {
                let (bucket, key) = (bucket.clone(), key.clone());
                state.remove(&bucket, &key);
                removed += 1;
            }
            removed
        });
        // Where it is closed nothing is left to sweep.
        swept.unwrap_or(0)
    }

    pub(super) fn size(&self) -> u64 {
        self.with(|state| state.bytes).unwrap_or(0)
    }

    pub(super) fn close(&self) {
        let gone = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(gone);
    }
}
