//! Key-value stores: the buckets of one plugin, in a SQLite file of their own or in memory.

use super::{Durability, OpenError};
use crate::config::KeyvalueLimits;
use bytes::Bytes;
use std::{path::PathBuf, sync::Arc};

mod bucket;
mod clock;
mod disk;
mod error;
mod file;
mod memory;
mod number;
mod page;
mod statements;
#[cfg(test)]
mod tests;

pub use bucket::{Bucket, Lifetimes};
use clock::Clock;
use disk::Disk;
pub use error::KvError;
use memory::Memory;

/// Keys of one batch call.
const BATCH: usize = 1000;

/// Bytes of all values that one batch call answers.
const BATCH_BYTES: u64 = 16 << 20;

/// Values that the sweep removes at once.
const SWEPT_AT_ONCE: u32 = 500;

/// One plugin's store; clones are handles to the same one. A value whose time is over is never answered. Every call is
/// atomic, also beside others: what it reads is of one moment, what it writes is there as a whole or not at all.
#[derive(Clone)]
pub struct Keyvalue(Arc<Inner>);

struct Inner {
    store: Store,
    limits: KeyvalueLimits,
    lifetimes: Arc<Lifetimes>,
}

enum Store {
    Disk(Disk),
    Memory(Memory),
}

/// A key and its value, both from a caller who may be asked to try again.
type Pair = (String, Bytes);

/// What a write makes of the value that it found.
enum Verdict<T> {
    Set(Bytes, T),
    Keep(T),
}

/// What a compare-and-swap found, when it was not what was expected.
pub type Swapped = Result<(), Option<Vec<u8>>>;

impl Keyvalue {
    /// The store at `path`; none: in memory.
    ///
    /// A file that is there is opened, so that one that cannot be used is an error here. Else the first call creates it:
    /// most plugins never use theirs, and it costs a thread and three files.
    pub async fn open(
        path: Option<PathBuf>,
        durability: Durability,
        limits: &KeyvalueLimits,
        lifetimes: Lifetimes,
    ) -> Result<Self, OpenError> {
        Self::open_at(path, durability, limits, lifetimes, Clock::default()).await
    }

    async fn open_at(
        path: Option<PathBuf>,
        durability: Durability,
        limits: &KeyvalueLimits,
        lifetimes: Lifetimes,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let lifetimes = Arc::new(lifetimes);
        let store = match path {
            None => Store::Memory(Memory::new(limits.clone(), clock)),
            Some(path) => {
                let disk = Disk::open(path, durability, limits.clone(), lifetimes.clone(), clock);
                Store::Disk(disk.await?)
            }
        };
        Ok(Self(Arc::new(Inner {
            store,
            limits: limits.clone(),
            lifetimes,
        })))
    }

    /// The bucket of this name, made if it is missing.
    pub async fn open_bucket(&self, name: &str) -> Result<Bucket, KvError> {
        if !Bucket::is_name(name) {
            return Err(KvError::InvalidBucket(error::shown(name)));
        }
        let ttl = self.0.lifetimes.of(name);
        let is_there = match &self.0.store {
            Store::Disk(disk) => disk.make_bucket(name, ttl).await?,
            Store::Memory(memory) => memory.make_bucket(name)?,
        };
        if is_there {
            Ok(Bucket::new(name, ttl))
        } else {
            Err(KvError::TooManyBuckets(self.0.limits.buckets))
        }
    }

    pub async fn get(&self, bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.check_key(key)?;
        match &self.0.store {
            Store::Disk(disk) => disk.get(bucket, key).await,
            Store::Memory(memory) => memory.get(bucket, key),
        }
    }

    pub async fn exists(&self, bucket: &Bucket, key: &str) -> Result<bool, KvError> {
        self.check_key(key)?;
        match &self.0.store {
            Store::Disk(disk) => disk.exists(bucket, key).await,
            Store::Memory(memory) => memory.exists(bucket, key),
        }
    }

    pub async fn set(&self, bucket: &Bucket, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        self.set_many(bucket, vec![(key.to_owned(), value)]).await
    }

    /// Deleting a key that does not exist is no error.
    pub async fn delete(&self, bucket: &Bucket, key: &str) -> Result<(), KvError> {
        self.delete_many(bucket, vec![key.to_owned()]).await
    }

    /// Up to 1,000 keys, of 1 MiB together, in the order of their bytes, and a cursor when there are more. A key that is
    /// there from the first page to the last is on one of them.
    pub async fn list_keys(
        &self,
        bucket: &Bucket,
        cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), KvError> {
        let after = page::after(cursor)?;
        let page = match &self.0.store {
            Store::Disk(disk) => disk.keys_by_name(bucket, after).await,
            Store::Memory(memory) => memory.keys_by_name(bucket, &after),
        };
        Ok(page?.by_name())
    }

    /// As [`Self::list_keys`], in the order in which the keys were made, for those whose cursor is a number. Any number
    /// is a cursor; one behind all keys gives none.
    pub async fn list_keys_by_age(
        &self,
        bucket: &Bucket,
        cursor: Option<u64>,
    ) -> Result<(Vec<String>, Option<u64>), KvError> {
        let after = cursor.unwrap_or(0);
        let page = match &self.0.store {
            Store::Disk(disk) => disk.keys_by_age(bucket, after).await,
            Store::Memory(memory) => memory.keys_by_age(bucket, after),
        };
        Ok(page?.by_age())
    }

    /// Adds to a value that is a whole number as text; a missing one counts as 0. Answers the sum.
    pub async fn increment(&self, bucket: &Bucket, key: &str, delta: i64) -> Result<i64, KvError> {
        self.add(bucket, key, delta).await
    }

    /// As [`Self::increment`], for those who count without a sign: a sum below 0 is an overflow.
    pub async fn increment_unsigned(
        &self,
        bucket: &Bucket,
        key: &str,
        delta: u64,
    ) -> Result<u64, KvError> {
        self.add(bucket, key, delta).await
    }

    async fn add<N>(&self, bucket: &Bucket, key: &str, delta: N) -> Result<N, KvError>
    where
        N: Into<i128> + TryFrom<i128> + Send + 'static,
    {
        let (delta, name): (i128, _) = (delta.into(), key.to_owned());
        let add = move |current: Option<&[u8]>| match number::added::<N>(current, delta, &name) {
            Ok((text, sum)) => Verdict::Set(text.into(), Ok(sum)),
            Err(error) => Verdict::Keep(Err(error)),
        };
        self.update(bucket, key, add).await?
    }

    /// Writes `new` if the value is `expected` (none: missing); else answers what it is. Values are compared, so one that
    /// was changed and changed back is as expected.
    pub async fn compare_and_swap(
        &self,
        bucket: &Bucket,
        key: &str,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<Swapped, KvError> {
        self.check_value(&new)?;
        let (expected, new) = (expected.map(Bytes::from), Bytes::from(new));
        let swap = move |current: Option<&[u8]>| {
            if current == expected.as_deref() {
                Verdict::Set(new.clone(), Ok(()))
            } else {
                Verdict::Keep(Err(current.map(<[u8]>::to_vec)))
            }
        };
        self.update(bucket, key, swap).await
    }

    /// The values in the order of the keys, all of one moment.
    pub async fn get_many(
        &self,
        bucket: &Bucket,
        keys: Vec<String>,
    ) -> Result<Vec<Option<Vec<u8>>>, KvError> {
        self.check_keys(keys.iter())?;
        match &self.0.store {
            Store::Disk(disk) => disk.get_many(bucket, keys).await,
            Store::Memory(memory) => memory.get_many(bucket, &keys),
        }
    }

    /// All or nothing. Of several values for one key the last counts.
    pub async fn set_many(
        &self,
        bucket: &Bucket,
        values: Vec<(String, Vec<u8>)>,
    ) -> Result<(), KvError> {
        self.check_keys(values.iter().map(|(key, _)| key))?;
        values
            .iter()
            .try_for_each(|(_, value)| self.check_value(value))?;
        let pairs = values.into_iter();
        let pairs: Arc<[Pair]> = pairs
            .map(|(key, value)| (key, Bytes::from(value)))
            .collect();
        match self.put(bucket, &pairs).await {
            Err(error) if error.wants_room() => {
                self.make_room(error).await?;
                self.put(bucket, &pairs).await
            }
            outcome => outcome,
        }
    }

    async fn put(&self, bucket: &Bucket, pairs: &Arc<[Pair]>) -> Result<(), KvError> {
        match &self.0.store {
            Store::Disk(disk) => disk.set_many(bucket.clone(), pairs.clone()).await,
            Store::Memory(memory) => memory.set_many(bucket, pairs),
        }
    }

    /// All or nothing.
    pub async fn delete_many(&self, bucket: &Bucket, keys: Vec<String>) -> Result<(), KvError> {
        self.check_keys(keys.iter())?;
        match &self.0.store {
            Store::Disk(disk) => disk.delete_many(bucket, keys).await,
            Store::Memory(memory) => memory.delete_many(bucket, &keys),
        }
    }

    /// Looks at a value and changes it, with nothing in between. `run` may be called more than once; the last call counts.
    async fn update<T, F>(&self, bucket: &Bucket, key: &str, run: F) -> Result<T, KvError>
    where
        T: Send + 'static,
        F: Fn(Option<&[u8]>) -> Verdict<T> + Clone + Send + 'static,
    {
        self.check_key(key)?;
        let again = run.clone();
        match self.update_once(bucket, key, run).await {
            Err(error) if error.wants_room() => {
                self.make_room(error).await?;
                self.update_once(bucket, key, again).await
            }
            outcome => outcome,
        }
    }

    async fn update_once<T, F>(&self, bucket: &Bucket, key: &str, run: F) -> Result<T, KvError>
    where
        T: Send + 'static,
        F: Fn(Option<&[u8]>) -> Verdict<T> + Send + 'static,
    {
        match &self.0.store {
            Store::Disk(disk) => disk.update(bucket.clone(), key.to_owned(), run).await,
            Store::Memory(memory) => memory.update(bucket, key, run),
        }
    }

    /// Values whose time is over stand in nobody's way. `error`: what is answered where there are none.
    async fn make_room(&self, error: KvError) -> Result<(), KvError> {
        if self.sweep().await? > 0 {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Removes values whose time is over, some at a time so that writers do not wait. Answers how many.
    pub async fn sweep(&self) -> Result<u64, KvError> {
        let mut removed = 0;
        loop {
            let some = match &self.0.store {
                Store::Disk(disk) => disk.sweep().await?,
                Store::Memory(memory) => memory.sweep(),
            };
            removed += u64::from(some);
            if some < SWEPT_AT_ONCE {
                return Ok(removed);
            }
            // In memory nothing waits by itself.
            tokio::task::yield_now().await;
        }
    }

    /// Bytes on the disk, or in memory.
    pub fn size(&self) -> u64 {
        match &self.0.store {
            Store::Disk(disk) => disk.size(),
            Store::Memory(memory) => memory.size(),
        }
    }

    /// Runs the writes that are queued, then closes the file; at most 10 s. Later calls on any handle answer
    /// [`super::Error::Closed`].
    pub async fn close(self) {
        match &self.0.store {
            Store::Disk(disk) => disk.close().await,
            Store::Memory(memory) => memory.close(),
        }
    }

    fn check_key(&self, key: &str) -> Result<(), KvError> {
        let most = self.0.limits.key;
        if key.is_empty() || key.len() as u64 > most {
            Err(KvError::InvalidKey(most))
        } else {
            Ok(())
        }
    }

    fn check_keys<'k>(
        &self,
        mut keys: impl ExactSizeIterator<Item = &'k String>,
    ) -> Result<(), KvError> {
        if keys.len() > BATCH {
            return Err(KvError::BatchTooLarge);
        }
        keys.try_for_each(|key| self.check_key(key))
    }

    fn check_value(&self, value: &[u8]) -> Result<(), KvError> {
        let most = self.0.limits.value;
        if value.len() as u64 > most {
            Err(KvError::ValueTooLarge(most))
        } else {
            Ok(())
        }
    }
}
