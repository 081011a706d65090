//! Tokens that were found to be good a moment ago: to check a signature takes a tenth of a millisecond.

use super::Principal;
use crate::id::PluginId;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};

/// Tokens that are remembered.
const MOST: u64 = 10_000;
/// How long one is, whatever becomes of its key meanwhile.
const FOR: Duration = Duration::from_secs(60);

pub(super) struct Verified(Cache<[u8; 32], Principal>);

impl Verified {
    pub(super) fn new() -> Self {
        let cache = Cache::builder().max_capacity(MOST).time_to_live(FOR);
        Self(cache.build())
    }

    /// Of a token and the plugin that it is for: what is kept is no token.
    pub(super) fn hash(token: &str, plugin: &PluginId) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(plugin.as_str());
        hash.update([0]);
        hash.update(token);
        hash.finalize().into()
    }

    pub(super) fn get(&self, hash: &[u8; 32], now: SystemTime) -> Option<Principal> {
        let found = self.0.get(hash)?;
        // The leeway is not for those that are remembered: at their end they are checked again.
        found
            .until()
            .is_none_or(|until| now < until)
            .then_some(found)
    }

    pub(super) fn put(&self, hash: [u8; 32], principal: &Principal) {
        self.0.insert(hash, principal.clone());
    }
}
