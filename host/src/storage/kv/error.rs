//! What can go wrong in a key-value store.

use super::{BATCH, BATCH_BYTES};
use crate::storage::Error;

/// Why a call failed. Nothing of it was applied, unless a write's outcome is not known ([`Error::OutcomeUnknown`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    #[error("{0:?} is no bucket name: it takes 1 to 64 of a-z, 0-9, '.', '_' and '-'")]
    InvalidBucket(String),
    #[error("a plugin has at most {0} buckets; raise limits.keyvalue.buckets or use fewer")]
    TooManyBuckets(u32),
    #[error("a key has 1 to {0} bytes")]
    InvalidKey(u64),
    #[error("a value has at most {0} bytes")]
    ValueTooLarge(u64),
    #[error(
        "a bucket has at most {0} keys; delete some, give the bucket a ttl, or raise limits.keyvalue.keys"
    )]
    TooManyKeys(u32),
    #[error("a batch has at most {BATCH} keys and answers at most {BATCH_BYTES} bytes; split it")]
    BatchTooLarge,
    /// `limit`: its key below `limits.keyvalue`.
    #[error("the store is full: {bytes} bytes; delete something or raise limits.keyvalue.{limit}")]
    Full { bytes: u64, limit: &'static str },
    #[error(
        "the value of {0:?} is not a whole number of 64 bits as text, so it cannot be incremented"
    )]
    NotANumber(String),
    #[error("incrementing {0:?} would pass the range of 64 bits")]
    Overflow(String),
    #[error("the cursor is none that list-keys gave")]
    InvalidCursor,
    #[error(transparent)]
    Storage(Error),
}

impl KvError {
    /// Whether the sweep may make room for what was refused.
    pub(super) fn wants_room(&self) -> bool {
        matches!(self, Self::TooManyKeys(_) | Self::Full { .. })
    }
}

/// A name or key for a message: the first of its characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
