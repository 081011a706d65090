//! The public keys of one issuer: fetched at first need, fetched again when they are old or one is missing.

use super::{
    Refused,
    fetch::{Fetcher, PATIENCE},
    token::Token,
};
use arc_swap::ArcSwapOption;
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{Jwk, PublicKeyUse},
};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Mutex, time::timeout};

/// A set this old is fetched anew beside the requests that still use it.
const FRESH: Duration = Duration::from_secs(600);
/// A set that could not be fetched anew is used for so long: an issuer that is down locks nobody out at once.
const USABLE: Duration = Duration::from_secs(4200);
/// Between two fetches. A token can name any key, so that anybody can make this host ask.
const GAP: Duration = Duration::from_secs(1);
/// Fetches within [`WINDOW`], as Backstage.
const MOST: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Keys of one set; an issuer that rotates has a few.
const MAX_KEYS: usize = 64;

pub(super) struct Keys {
    url: String,
    fetcher: Arc<Fetcher>,
    set: ArcSwapOption<Set>,
    /// Held while a fetch is under way: who needs the same keys waits for it, and asks no second time.
    attempts: Arc<Mutex<Attempts>>,
}

struct Set {
    keys: Vec<Key>,
    at: Instant,
}

struct Key {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    decoding: DecodingKey,
}

#[derive(Default)]
struct Attempts {
    recent: VecDeque<Instant>,
    failed: bool,
}

impl Keys {
    pub(super) fn new(url: String, fetcher: &Arc<Fetcher>) -> Arc<Self> {
        Arc::new(Self {
            url,
            fetcher: fetcher.clone(),
            set: ArcSwapOption::empty(),
            attempts: Arc::default(),
        })
    }

    /// One that has its keys, and is asked for no others.
    #[cfg(test)]
    pub(super) fn holding(jwks: &[Jwk]) -> Arc<Self> {
        let keys = Self::new("http://127.0.0.1:1/".into(), &Arc::new(Fetcher::new(false)));
        keys.set.store(Some(Arc::new(Set {
            keys: jwks.iter().filter_map(Key::new).collect(),
            at: Instant::now(),
        })));
        keys
    }

    /// The key that a token names. Waits for a fetch where it is not here: twice [`PATIENCE`] at most.
    pub(super) async fn of(self: &Arc<Self>, token: &Token<'_>) -> Result<DecodingKey, Refused> {
        let known = self.usable();
        if let Some(set) = &known
            && let Some(key) = set.key(token)
        {
            if set.at.elapsed() > FRESH {
                self.renew(set.at);
            }
            return Ok(key);
        }
        if let Ok(mut attempts) = timeout(PATIENCE, self.attempts.lock()).await {
            self.fetch(&mut attempts, known.map(|set| set.at)).await;
        }
        match self.usable() {
            Some(set) => set
                .key(token)
                .ok_or(Refused::Invalid("its key is none of its issuer's")),
            None => Err(Refused::Unreachable),
        }
    }

    fn usable(&self) -> Option<Arc<Set>> {
        self.set.load_full().filter(|set| set.at.elapsed() < USABLE)
    }

    /// Fetches beside the request, unless somebody does.
    fn renew(self: &Arc<Self>, seen: Instant) {
        if let Ok(mut attempts) = self.attempts.clone().try_lock_owned()
            && attempts.may(Instant::now())
        {
            let keys = self.clone();
            tokio::spawn(async move { keys.fetch(&mut attempts, Some(seen)).await });
        }
    }

    /// `seen`: when the set was fetched that did not do. Another one is here already where somebody else was first.
    async fn fetch(&self, attempts: &mut Attempts, seen: Option<Instant>) {
        let now = Instant::now();
        let newer = self.set.load().as_ref().map(|set| set.at) != seen;
        if newer && self.usable().is_some() || !attempts.may(now) {
            return;
        }
        attempts.recent.push_back(now);
        match self.fetcher.keys(&self.url).await {
            Ok(found) => {
                let keys: Vec<_> = found.iter().filter_map(Key::new).take(MAX_KEYS).collect();
                if keys.is_empty() && self.usable().is_some_and(|set| !set.keys.is_empty()) {
                    // A proxy before an issuer that starts, most likely.
                    tracing::warn!(
                        url = self.url,
                        "no keys are at this URL any more; those from before are used for an hour"
                    );
                    return;
                }
                if keys.is_empty() {
                    tracing::warn!(
                        url = self.url,
                        "no keys are at this URL; tokens of that issuer are refused"
                    );
                } else if attempts.failed || seen.is_none() {
                    tracing::info!(url = self.url, keys = keys.len(), "an issuer's keys");
                }
                attempts.failed = false;
                let at = Instant::now();
                self.set.store(Some(Arc::new(Set { keys, at })));
            }
            Err(why) => {
                if !attempts.failed {
                    tracing::warn!(
                        url = self.url,
                        why,
                        "an issuer's keys cannot be had; its tokens are refused once those that are here are too old"
                    );
                }
                attempts.failed = true;
            }
        }
    }
}

impl Attempts {
    fn may(&mut self, now: Instant) -> bool {
        while self
            .recent
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW)
        {
            self.recent.pop_front();
        }
        let rested = |at: &Instant| now.saturating_duration_since(*at) >= GAP;
        self.recent.len() < MOST && self.recent.back().is_none_or(rested)
    }
}

impl Set {
    /// The key by its id. A token without one is checked by the only key that its algorithm fits, where there is one.
    fn key(&self, token: &Token<'_>) -> Option<DecodingKey> {
        let algorithm = token.algorithm();
        let mut fitting = self.keys.iter().filter(|key| {
            let named = token.key_id().is_none() || key.id.as_deref() == token.key_id();
            named && key.fits(algorithm)
        });
        let found = fitting.next()?;
        (token.key_id().is_some() || fitting.next().is_none()).then(|| found.decoding.clone())
    }
}

impl Key {
    /// `None`: of a kind that checks no signatures here, or a secret one.
    fn new(jwk: &Jwk) -> Option<Self> {
        if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
            return None;
        }
        let algorithm = match jwk.common.key_algorithm {
            Some(named) => Some(Algorithm::try_from(named).ok()?),
            None => None,
        };
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        if decoding.family() == AlgorithmFamily::Hmac {
            return None;
        }
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithm,
            decoding,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm)
            && self.decoding.family() == algorithm.family()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetches_have_a_gap_and_a_number() {
        let mut attempts = Attempts::default();
        let start = Instant::now();
        let mut made = 0;
        for tenths in 0..599 {
            let now = start + Duration::from_millis(100 * tenths);
            if attempts.may(now) {
                attempts.recent.push_back(now);
                made += 1;
            }
        }
        assert_eq!(made, MOST);
        assert_eq!(attempts.recent[1] - attempts.recent[0], GAP);
        assert!(attempts.may(start + WINDOW));
    }
}
