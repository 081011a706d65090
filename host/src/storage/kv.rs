//! Key-value stores: buckets of one plugin in a SQLite file of their own, on the machinery of [`super::sqlite`].

use super::{
    Durability, Error, LimitKind, OpenError,
    sqlite::{Connection, Settings},
};
use crate::config::{KeyvalueLimits, SqlLimits};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

mod bucket;
mod clock;
mod error;
mod file;
mod statements;
#[cfg(test)]
mod tests;

pub use bucket::Bucket;
use clock::Clock;
pub use error::KvError;
use file::{File, Opened};

/// Keys of one page of [`Keyvalue::list_keys`].
const PAGE: u32 = 1000;

/// Keys of one batch call.
const BATCH: usize = 1000;

/// Bytes of all values that one batch call answers.
const BATCH_BYTES: u64 = 16 << 20;

/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// One plugin's store; clones are handles to the same one. A value whose time is over is never answered.
#[derive(Clone)]
pub struct Keyvalue(Arc<Inner>);

struct Inner {
    file: Arc<File>,
    limits: KeyvalueLimits,
    ttl: BTreeMap<String, Duration>,
    clock: Clock,
}

/// What a compare-and-swap found, when it was not what was expected.
pub type Swapped = Result<(), Option<Vec<u8>>>;

impl Keyvalue {
    /// The store at `path`; none: in memory. `ttl`: how long a value of a bucket lives after its write.
    ///
    /// A file that is there is opened, so that one that cannot be used is an error here. Else the first call creates it:
    /// most plugins never use theirs, and it costs a thread and three files.
    pub async fn open(
        path: Option<PathBuf>,
        durability: Durability,
        limits: &KeyvalueLimits,
        ttl: BTreeMap<String, Duration>,
    ) -> Result<Self, OpenError> {
        Self::open_at(path, durability, limits, ttl, Clock::default()).await
    }

    async fn open_at(
        path: Option<PathBuf>,
        durability: Durability,
        limits: &KeyvalueLimits,
        ttl: BTreeMap<String, Duration>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let limits = limits.clone();
        let sql = SqlLimits {
            value: limits.value,
            database: limits.total,
            timeout: PATIENCE,
            ..SqlLimits::default()
        };
        let settings = Settings {
            path,
            durability,
            limits: sql,
            guest: false,
            file: None,
        };
        let file = File::new(settings);
        if file.is_there() {
            file.open().await?;
        }
        Ok(Self(Arc::new(Inner {
            file,
            limits,
            ttl,
            clock,
        })))
    }

    /// The bucket of this name, made if it is missing.
    pub async fn open_bucket(&self, name: &str) -> Result<Bucket, KvError> {
        if !Bucket::is_name(name) {
            return Err(KvError::InvalidBucket(name.chars().take(80).collect()));
        }
        let opened = self.opened().await?;
        if !opened.buckets().contains(name) {
            let most = self.0.limits.buckets;
            let made = name.to_owned();
            if !self
                .write(move |connection| statements::make_bucket(connection, &made, most))
                .await?
            {
                return Err(KvError::TooManyBuckets(most));
            }
            opened.buckets().insert(name.to_owned());
        }
        Ok(Bucket::new(name, self.0.ttl.get(name).copied()))
    }

    pub async fn get(&self, bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.check_key(key)?;
        let (bucket, key, now) = (bucket.name.clone(), key.to_owned(), self.0.clock.now());
        self.read(move |connection| statements::get(connection, &bucket, &key, now))
            .await
    }

    pub async fn exists(&self, bucket: &Bucket, key: &str) -> Result<bool, KvError> {
        self.check_key(key)?;
        let (bucket, key, now) = (bucket.name.clone(), key.to_owned(), self.0.clock.now());
        self.read(move |connection| statements::exists(connection, &bucket, &key, now))
            .await
    }

    pub async fn set(&self, bucket: &Bucket, key: &str, value: Vec<u8>) -> Result<(), KvError> {
        self.set_many(bucket, vec![(key.to_owned(), value)]).await
    }

    /// Deleting a key that does not exist is no error.
    pub async fn delete(&self, bucket: &Bucket, key: &str) -> Result<(), KvError> {
        self.delete_many(bucket, vec![key.to_owned()]).await
    }

    /// Up to 1,000 keys in byte order, and a cursor when there are more.
    pub async fn list_keys(
        &self,
        bucket: &Bucket,
        cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), KvError> {
        let after = match cursor {
            None => String::new(),
            Some(cursor) => hex::decode(cursor)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .filter(|key| !key.is_empty())
                .ok_or(KvError::InvalidCursor)?,
        };
        let (bucket, now) = (bucket.name.clone(), self.0.clock.now());
        let mut keys = self
            .read(move |connection| statements::keys(connection, &bucket, &after, PAGE + 1, now))
            .await?;
        let more = keys.len() > PAGE as usize;
        keys.truncate(PAGE as usize);
        let cursor = if more {
            keys.last().map(hex::encode)
        } else {
            None
        };
        Ok((keys, cursor))
    }

    /// Adds to a value that is a whole number as text; a missing one counts as 0. Answers the sum.
    pub async fn increment(&self, bucket: &Bucket, key: &str, delta: i64) -> Result<i64, KvError> {
        self.check_key(key)?;
        let (bucket, key, clock) = (bucket.clone(), key.to_owned(), self.0.clock.clone());
        let added = self.write(move |connection| {
            let now = clock.now();
            let current = statements::get(connection, &bucket.name, &key, now)?;
            let number = match current.as_deref() {
                None => Some(0),
                Some(bytes) => std::str::from_utf8(bytes)
                    .ok()
                    .and_then(|text| text.parse::<i64>().ok()),
            };
            let Some(number) = number else {
                return Ok(Err(KvError::NotANumber(key.clone())));
            };
            let Some(sum) = number.checked_add(delta) else {
                return Ok(Err(KvError::Overflow(key.clone())));
            };
            statements::set(
                connection,
                &bucket.name,
                &key,
                sum.to_string().as_bytes(),
                bucket.expiry(now),
            )?;
            Ok(Ok(sum))
        });
        added.await?
    }

    /// Writes `new` if the value is `expected` (none: missing); else answers what it is.
    pub async fn compare_and_swap(
        &self,
        bucket: &Bucket,
        key: &str,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<Swapped, KvError> {
        self.check_key(key)?;
        self.check_value(&new)?;
        let (bucket, key, clock) = (bucket.clone(), key.to_owned(), self.0.clock.clone());
        let swap = move |connection: &Connection| {
            let now = clock.now();
            let current = statements::get(connection, &bucket.name, &key, now)?;
            if current != expected {
                return Ok(Err(current));
            }
            statements::set(connection, &bucket.name, &key, &new, bucket.expiry(now))?;
            Ok(Ok(()))
        };
        self.write(swap).await
    }

    /// The values in the order of the keys, all of one moment.
    pub async fn get_many(
        &self,
        bucket: &Bucket,
        keys: Vec<String>,
    ) -> Result<Vec<Option<Vec<u8>>>, KvError> {
        self.check_keys(keys.iter())?;
        let (bucket, now) = (bucket.name.clone(), self.0.clock.now());
        self.read(move |connection| {
            statements::get_many(connection, &bucket, &keys, BATCH_BYTES, now)
        })
        .await
    }

    /// All or nothing.
    pub async fn set_many(
        &self,
        bucket: &Bucket,
        values: Vec<(String, Vec<u8>)>,
    ) -> Result<(), KvError> {
        self.check_keys(values.iter().map(|(key, _)| key))?;
        values
            .iter()
            .try_for_each(|(_, value)| self.check_value(value))?;
        let (bucket, clock) = (bucket.clone(), self.0.clock.clone());
        let set = move |connection: &Connection| {
            let expires = bucket.expiry(clock.now());
            values.iter().try_for_each(|(key, value)| {
                statements::set(connection, &bucket.name, key, value, expires)
            })
        };
        self.write(set).await
    }

    /// All or nothing.
    pub async fn delete_many(&self, bucket: &Bucket, keys: Vec<String>) -> Result<(), KvError> {
        self.check_keys(keys.iter())?;
        let bucket = bucket.name.clone();
        let delete = move |connection: &Connection| {
            keys.iter()
                .try_for_each(|key| statements::delete(connection, &bucket, key))
        };
        self.write(delete).await
    }

    /// Removes values whose time is over, some at a time so that writers do not wait. Answers how many.
    pub async fn sweep(&self) -> Result<u64, KvError> {
        if self.0.file.get().is_none() {
            return Ok(0); // and no file for that
        }
        let mut removed = 0;
        loop {
            let clock = self.0.clock.clone();
            let some = self
                .write(move |connection| statements::sweep(connection, clock.now()))
                .await?;
            removed += u64::from(some);
            if some < statements::SWEPT_AT_ONCE {
                return Ok(removed);
            }
        }
    }

    /// Bytes on the disk.
    pub fn size(&self) -> u64 {
        self.0.file.get().map_or(0, |opened| opened.core.size())
    }

    /// Runs the writes that are queued, then closes the file; at most 10 s. Later calls on any handle answer
    /// [`Error::Closed`].
    pub async fn close(self) {
        self.0.file.close().await;
    }

    async fn opened(&self) -> Result<&Opened, KvError> {
        match self.0.file.open().await {
            Ok(Some(opened)) => Ok(opened),
            Ok(None) => Err(KvError::Storage(Error::closed())),
            Err(error) => {
                // With its path, which is not the guest's business. The next call tries again.
                tracing::error!(%error, "a key-value store cannot be opened");
                Err(KvError::Storage(Error::Unavailable(
                    "the store cannot be opened; the host's log says why".into(),
                )))
            }
        }
    }

    /// Reads at once; in memory there is but the writer's connection.
    async fn read<T, F>(&self, mut run: F) -> Result<T, KvError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let core = &self.opened().await?.core;
        if core.settings.path.is_none() {
            return self.write(run).await;
        }
        core.ensure_open().map_err(KvError::Storage)?;
        let until = Instant::now() + PATIENCE;
        let outcome = match core.read_now(until, &mut run) {
            Some(outcome) => outcome,
            None => core.read_later(until, run).await,
        };
        outcome.map_err(|error| self.error(error))
    }

    async fn write<T, F>(&self, run: F) -> Result<T, KvError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let core = &self.opened().await?.core;
        core.ensure_open().map_err(KvError::Storage)?;
        let written = core.writer.submit(Instant::now() + PATIENCE, run).await;
        written.map_err(|error| self.error(error))
    }

    fn error(&self, error: Error) -> KvError {
        match error {
            Error::LimitExceeded(limit) if limit.kind == LimitKind::DatabaseSize => {
                KvError::Full(limit.maximum)
            }
            Error::LimitExceeded(limit) if limit.kind == LimitKind::ResultBytes => {
                KvError::BatchTooLarge
            }
            error => KvError::Storage(error),
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
