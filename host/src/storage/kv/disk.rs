//! A store in a SQLite file, on the machinery of the plugins' databases.

use super::{
    BATCH_BYTES, Pair, Verdict,
    bucket::{Bucket, Lifetimes},
    clock::{Clock, milliseconds},
    error::KvError,
    file::{File, Opened},
    page::Page,
    statements,
};
use crate::{
    config::{KeyvalueLimits, SqlLimits},
    storage::{
        Durability, Error, LimitKind, OpenError,
        sqlite::{Connection, Settings},
    },
};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the file for the host's own tables, beside `limits.keyvalue.total`: a file that is full opens all the same
/// when a later host adds one.
const OWN: u64 = 256 << 10;

pub(super) struct Disk {
    file: Arc<File>,
    limits: KeyvalueLimits,
    clock: Clock,
}

impl Disk {
    pub(super) async fn open(
        path: PathBuf,
        durability: Durability,
        limits: KeyvalueLimits,
        lifetimes: Arc<Lifetimes>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let settings = Settings {
            path,
            durability,
            limits: SqlLimits {
                value: limits.value,
                database: limits.total.saturating_add(OWN),
                timeout: PATIENCE,
                ..SqlLimits::default()
            },
            guest: false,
            file: None,
        };
        let file = File::new(settings, lifetimes, clock.clone());
        if file.is_there() {
            file.open().await?;
        }
        Ok(Self {
            file,
            limits,
            clock,
        })
    }

    /// False: there are as many as there may be.
    pub(super) async fn make_bucket(
        &self,
        name: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, KvError> {
        let opened = self.opened().await?;
        if opened.buckets().contains(name) {
            return Ok(true);
        }
        let (made, most) = (name.to_owned(), self.limits.buckets);
        let ttl = ttl.map(milliseconds);
        let is_there = self
            .write(move |connection| statements::make_bucket(connection, &made, ttl, most))
            .await?;
        if is_there {
            opened.buckets().insert(name.to_owned());
        }
        Ok(is_there)
    }

    pub(super) async fn get(&self, bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        let (bucket, key, now) = (bucket.name.clone(), key.to_owned(), self.clock.now());
        self.read(move |connection| statements::get(connection, &bucket, &key, now))
            .await
    }

    pub(super) async fn exists(&self, bucket: &Bucket, key: &str) -> Result<bool, KvError> {
        let (bucket, key, now) = (bucket.name.clone(), key.to_owned(), self.clock.now());
        self.read(move |connection| statements::exists(connection, &bucket, &key, now))
            .await
    }

    pub(super) async fn get_many(
        &self,
        bucket: &Bucket,
        keys: Vec<String>,
    ) -> Result<Vec<Option<Vec<u8>>>, KvError> {
        let (bucket, now) = (bucket.name.clone(), self.clock.now());
        self.read(move |connection| {
            statements::get_many(connection, &bucket, &keys, BATCH_BYTES, now)
        })
        .await
    }

    pub(super) async fn keys_by_name(
        &self,
        bucket: &Bucket,
        after: String,
    ) -> Result<Page, KvError> {
        let (bucket, now) = (bucket.name.clone(), self.clock.now());
        self.read(move |connection| statements::keys_by_name(connection, &bucket, &after, now))
            .await
    }

    pub(super) async fn keys_by_age(&self, bucket: &Bucket, after: u64) -> Result<Page, KvError> {
        let (bucket, now) = (bucket.name.clone(), self.clock.now());
        self.read(move |connection| statements::keys_by_age(connection, &bucket, after, now))
            .await
    }

    pub(super) async fn set_many(&self, bucket: Bucket, pairs: Arc<[Pair]>) -> Result<(), KvError> {
        let (clock, most) = (self.clock.clone(), self.limits.keys);
        let done = self.write(move |connection| {
            let keys = pairs.iter().map(|(key, _)| key.as_str());
            if !statements::has_room(connection, &bucket.name, keys, most)? {
                return Ok(false);
            }
            let expires = bucket.expiry(clock.now());
            for (key, value) in pairs.iter() {
                statements::set(connection, &bucket.name, key, value, expires)?;
            }
            Ok(true)
        });
        if done.await? {
            Ok(())
        } else {
            Err(KvError::TooManyKeys(most))
        }
    }

    pub(super) async fn delete_many(
        &self,
        bucket: &Bucket,
        keys: Vec<String>,
    ) -> Result<(), KvError> {
        let bucket = bucket.name.clone();
        self.write(move |connection| {
            keys.iter()
                .try_for_each(|key| statements::delete(connection, &bucket, key))
        })
        .await
    }

    pub(super) async fn update<T, F>(
        &self,
        bucket: Bucket,
        key: String,
        run: F,
    ) -> Result<T, KvError>
    where
        T: Send + 'static,
        F: Fn(Option<&[u8]>) -> Verdict<T> + Send + 'static,
    {
        let (clock, most) = (self.clock.clone(), self.limits.keys);
        let done = self.write(move |connection| {
            let now = clock.now();
            let current = statements::get(connection, &bucket.name, &key, now)?;
            let (value, answer) = match run(current.as_deref()) {
                Verdict::Keep(answer) => return Ok(Some(answer)),
                Verdict::Set(value, answer) => (value, answer),
            };
            let name = std::iter::once(key.as_str());
            if !statements::has_room(connection, &bucket.name, name, most)? {
                return Ok(None);
            }
            let expires = bucket.expiry(now);
            statements::set(connection, &bucket.name, &key, &value, expires)?;
            Ok(Some(answer))
        });
        done.await?.ok_or(KvError::TooManyKeys(most))
    }

    /// Removes some values whose time is over; answers how many.
    pub(super) async fn sweep(&self) -> Result<u32, KvError> {
        if self.file.get().is_none() {
            return Ok(0); // and no file for that
        }
        let clock = self.clock.clone();
        self.write(move |connection| statements::sweep(connection, clock.now()))
            .await
    }

    pub(super) fn size(&self) -> u64 {
        self.file.get().map_or(0, |opened| opened.core.size())
    }

    pub(super) async fn close(&self) {
        self.file.close().await;
    }

    async fn opened(&self) -> Result<&Opened, KvError> {
        match self.file.open().await {
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

    /// Reads at once.
    async fn read<T, F>(&self, mut run: F) -> Result<T, KvError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let core = &self.opened().await?.core;
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
            Error::LimitExceeded(limit) if limit.kind == LimitKind::DatabaseSize => KvError::Full {
                bytes: self.limits.total,
                limit: "total",
            },
            Error::LimitExceeded(limit) if limit.kind == LimitKind::ResultBytes => {
                KvError::BatchTooLarge
            }
            error => KvError::Storage(error),
        }
    }
}
