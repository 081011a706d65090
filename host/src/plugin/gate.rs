//! How many requests run in a plugin at once, and how many wait for a place. The places belong to the plugin, not to a
//! build: a swap neither gives more nor loses any.

use super::Error;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

pub(super) struct Gate {
    places: Arc<Semaphore>,
    all: u32,
    waiting: AtomicU32,
    queue: u32,
    wait: Duration,
    hold: Duration,
    held: AtomicBool,
}

/// A request's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    /// One of `limits.streams`, when the request's body is too large to collect.
    stream: Option<OwnedSemaphorePermit>,
}

impl Place {
    fn new(place: OwnedSemaphorePermit) -> Self {
        Self {
            _place: place,
            stream: None,
        }
    }

    /// For a request with a body, in or out, that is too large to collect: refused at once when `limits.streams` have one
    /// already. A request counts once.
    pub(super) fn streaming(mut self, streams: &Arc<Semaphore>) -> Result<Self, Error> {
        if self.stream.is_some() {
            return Ok(self);
        }
        let stream = streams.clone().try_acquire_owned();
        self.stream = Some(stream.map_err(|_| Error::Overloaded)?);
        Ok(self)
    }
}

/// All places: nothing runs and new requests wait, until it is dropped.
pub(super) struct Hold {
    gate: Arc<Gate>,
    _places: OwnedSemaphorePermit,
}

impl Gate {
    pub(super) fn new(limits: &crate::config::Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.concurrency as usize)),
            all: limits.concurrency,
            waiting: AtomicU32::new(0),
            queue: limits.queue,
            wait: limits.queue_timeout,
            hold: limits.hold_timeout,
            held: AtomicBool::new(false),
        }
    }

    /// Waits for a place, first come first served: at most `queueTimeout`, or while the plugin is held `holdTimeout`.
    pub(super) async fn enter(&self) -> Result<Place, Error> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(Place::new(place));
        }
        // Boxed: the wait is rare, and its state would be part of every request's.
        Box::pin(self.wait()).await
    }

    async fn wait(&self) -> Result<Place, Error> {
        let _waiting = self.queue_up()?;
        let start = Instant::now();
        let mut place = std::pin::pin!(self.places.clone().acquire_owned());
        let bound = if self.held.load(Relaxed) {
            self.hold
        } else {
            self.wait
        };
        if let Ok(place) = timeout_at(start + bound, &mut place).await {
            return place.map(Place::new).map_err(|_| Error::Unavailable);
        }
        // A hold that began while it waited.
        if self.held.load(Relaxed)
            && let Ok(place) = timeout_at(start + self.hold, &mut place).await
        {
            return place.map(Place::new).map_err(|_| Error::Unavailable);
        }
        Err(Error::Overloaded)
    }

    fn queue_up(&self) -> Result<Waiting<'_>, Error> {
        let before = self.waiting.fetch_add(1, Relaxed);
        let waiting = Waiting(&self.waiting);
        if before >= self.queue {
            Err(Error::Overloaded)
        } else {
            Ok(waiting)
        }
    }

    /// Lets what runs finish, at most `holdTimeout`, while new requests wait. `None`: something still runs.
    pub(super) async fn hold(self: &Arc<Self>) -> Option<Hold> {
        self.held.store(true, Relaxed);
        let held = HeldFlag(self);
        let places = self.places.clone().acquire_many_owned(self.all);
        let places = timeout_at(Instant::now() + self.hold, places)
            .await
            .ok()?
            .ok()?;
        std::mem::forget(held);
        Some(Hold {
            gate: self.clone(),
            _places: places,
        })
    }

    /// For good: whoever waits is answered, nobody enters again.
    pub(super) fn close(&self) {
        self.places.close();
    }

    /// Requests that run now.
    pub(super) fn running(&self) -> usize {
        (self.all as usize).saturating_sub(self.places.available_permits())
    }
}

/// Takes the mark back when a hold does not come about.
struct HeldFlag<'a>(&'a Gate);

impl Drop for HeldFlag<'_> {
    fn drop(&mut self) {
        self.0.held.store(false, Relaxed);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.held.store(false, Relaxed);
    }
}

struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests;
