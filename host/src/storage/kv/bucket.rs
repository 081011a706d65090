//! Buckets: parsed once, trusted afterwards.

use super::clock::milliseconds;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long values live after they were written; `None`: they do not end.
#[derive(Debug, Clone, Default)]
pub struct Lifetimes {
    /// By bucket.
    pub buckets: BTreeMap<String, Option<Duration>>,
    /// In buckets that are not named.
    pub default: Option<Duration>,
}

impl Lifetimes {
    pub(super) fn of(&self, bucket: &str) -> Option<Duration> {
        self.buckets.get(bucket).copied().unwrap_or(self.default)
    }

    /// Of those that end; `None` where none does.
    pub(super) fn longest(&self) -> Option<Duration> {
        let all = self.buckets.values().chain([&self.default]);
        all.copied().flatten().max()
    }
}

/// The name of a bucket that exists, and how long its values live.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub(super) name: Arc<str>,
    ttl: Option<Duration>,
}

impl Bucket {
    pub(super) fn new(name: &str, ttl: Option<Duration>) -> Self {
        Self {
            name: name.into(),
            ttl,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `[a-z0-9._-]{1,64}`
    pub(super) fn is_name(text: &str) -> bool {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(allowed)
    }

    /// When a value that is written now ends, in milliseconds since 1970; none: never.
    pub(super) fn expiry(&self, now: i64) -> Option<i64> {
        Some(now.saturating_add(milliseconds(self.ttl?)))
    }
}
