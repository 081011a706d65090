//! Buckets: parsed once, trusted afterwards.

use std::{sync::Arc, time::Duration};

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
        let ttl = self.ttl?.as_millis();
        Some(now.saturating_add(i64::try_from(ttl).unwrap_or(i64::MAX)))
    }
}
