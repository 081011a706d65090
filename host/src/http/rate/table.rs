//! How often each client came in its window.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Clients that are counted at once, about 15 MB of them. One more, and the client whose window is the oldest is forgotten:
/// it may come as often again.
const MOST_CLIENTS: usize = 100_000;
/// Parts with a lock each, so that requests of different clients seldom wait for each other. A power of two.
const SHARDS: usize = 64;
/// Windows that are over and are cleared away for each one that begins: what has piled up goes in steps.
const CLEARED: usize = 8;
/// One subscriber has at least so much of an IPv6 address to choose from.
const SUBSCRIBER: u32 = 64;

/// Windows of one length, for up to [`MOST_CLIENTS`] clients.
pub(in crate::http) struct Table {
    window: Duration,
    limit: u32,
    /// Clients of one shard.
    room: usize,
    /// Keyed at random, so that nobody chooses whose shard is theirs as well.
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

#[derive(Default)]
struct Shard {
    clients: HashMap<IpAddr, Count>,
    /// In the order in which the windows began. Those of clients that came again after their window are there twice.
    begun: VecDeque<(Instant, IpAddr)>,
}

struct Count {
    since: Instant,
    /// At most the limit.
    used: u32,
    refused: bool,
}

/// How a client stands after one request.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Turn {
    pub(in crate::http) allowed: bool,
    /// It is the first of its window that is refused.
    pub(in crate::http) first_refused: bool,
    /// Requests that this window has left.
    pub(super) left: u32,
    /// Until the window ends.
    pub(super) reset: Duration,
    since: Instant,
}

impl Table {
    /// `limit`: requests of one client in one window, at least 1.
    pub(in crate::http) fn new(window: Duration, limit: u32) -> Self {
        Self::with_room(window, limit, MOST_CLIENTS)
    }

    fn with_room(window: Duration, limit: u32, clients: usize) -> Self {
        Self {
            window,
            limit,
            room: clients.div_ceil(SHARDS),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Counts a request, unless the client has had all of its window.
    pub(in crate::http) fn count(&self, client: IpAddr, now: Instant) -> Turn {
        let client = subscriber(client);
        let mut shard = self
            .shard(client)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shard.clients.get_mut(&client)
            && now.saturating_duration_since(count.since) < self.window
        {
            let allowed = count.used < self.limit;
            count.used += u32::from(allowed);
            let first_refused = !allowed && !std::mem::replace(&mut count.refused, true);
            return Turn {
                allowed,
                first_refused,
                left: self.limit - count.used,
                reset: (count.since + self.window).saturating_duration_since(now),
                since: count.since,
            };
        }
        shard.make_room(now, self.window, self.room);
        let count = Count {
            since: now,
            used: 1,
            refused: false,
        };
        shard.clients.insert(client, count);
        shard.begun.push_back((now, client));
        Turn {
            allowed: true,
            first_refused: false,
            left: self.limit - 1,
            reset: self.window,
            since: now,
        }
    }

    /// The request that was allowed then does not count after all.
    pub(super) fn take_back(&self, client: IpAddr, turn: &Turn) {
        let client = subscriber(client);
        let mut shard = self
            .shard(client)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shard.clients.get_mut(&client)
            && count.since == turn.since
        {
            count.used = count.used.saturating_sub(1);
        }
    }

    fn shard(&self, client: IpAddr) -> &Mutex<Shard> {
        let hash = self.hasher.hash_one(client).to_ne_bytes();
        &self.shards[usize::from(hash[0]) % SHARDS]
    }
}

impl Shard {
    /// For one more.
    fn make_room(&mut self, now: Instant, window: Duration, room: usize) {
        for _ in 0..CLEARED {
            match self.begun.front() {
                Some((since, _)) if now.saturating_duration_since(*since) >= window => {
                    self.forget_oldest();
                }
                _ => break,
            }
        }
        while self.clients.len() >= room && self.forget_oldest() {}
    }

    /// `false`: there is none.
    fn forget_oldest(&mut self) -> bool {
        let Some((since, client)) = self.begun.pop_front() else {
            return false;
        };
        // One that came again has a window of its own further back.
        if (self.clients.get(&client)).is_some_and(|count| count.since == since) {
            self.clients.remove(&client);
        }
        true
    }
}

/// What counts as one client: addresses of IPv6 are given out by the network.
fn subscriber(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & (u128::MAX << (128 - SUBSCRIBER));
            Ipv6Addr::from_bits(network).into()
        }
    }
}

#[cfg(test)]
mod tests;
