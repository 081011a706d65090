//! Warm instances of one build, and the slots that all builds share.

use super::{Error, instance::Instance};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout_at,
};

/// What a pool keeps.
pub(super) trait Warm {
    /// After a call: makes it wait for the next one. `false`: it must not see another.
    fn rest(&mut self, max_requests: u32) -> bool;

    fn idle_since(&self) -> Instant;

    /// That of the configuration which it has.
    fn generation(&self) -> u64 {
        0
    }
}

impl Warm for Instance {
    fn rest(&mut self, max_requests: u32) -> bool {
        if self.uses >= max_requests || !self.store.data_mut().is_reusable() {
            return false;
        }
        self.idle_since = Instant::now();
        self.store.data_mut().rest();
        true
    }

    fn idle_since(&self) -> Instant {
        self.idle_since
    }

    fn generation(&self) -> u64 {
        self.store.data().generation()
    }
}

/// `engine.maxInstances` slots for all plugins together. When none is free, the instance that has been idle longest goes.
pub(super) struct Slots<T = Instance> {
    free: Arc<Semaphore>,
    /// Calls that wait for a slot: an instance that falls idle meanwhile gives up its own.
    waiting: AtomicU32,
    pools: Mutex<Vec<Weak<Pool<T>>>>,
}

impl<T: Warm> Slots<T> {
    pub(super) fn new(max_instances: u32) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(max_instances as usize)),
            waiting: AtomicU32::new(0),
            pools: Mutex::default(),
        })
    }

    /// A slot for a new instance, waited for until `by`.
    pub(super) async fn take(&self, by: Instant) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(slot) = self.free.clone().try_acquire_owned() {
            return Ok(slot);
        }
        // Counted before the look for idle ones; `Pool::put` makes one idle before it looks at the count. So one of the
        // two always sees the other.
        self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        // Another call may take the slot that became free: then one more goes.
        while self.evict() {
            if let Ok(slot) = self.free.clone().try_acquire_owned() {
                return Ok(slot);
            }
        }
        match timeout_at(by.into(), self.free.clone().acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(Error::Overloaded),
        }
    }

    /// Ends the instance that has been idle longest. `false`: none is idle.
    fn evict(&self) -> bool {
        let pools: Vec<_> = self.known().iter().filter_map(Weak::upgrade).collect();
        loop {
            let oldest = pools
                .iter()
                .filter_map(|pool| Some((pool.idle_longest()?, pool)))
                .min_by_key(|(since, _)| *since);
            match oldest {
                Some((_, pool)) if pool.drop_oldest() => return true,
                // A request took it meanwhile: another may be idle.
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// The pools of builds that still exist.
    fn known(&self) -> MutexGuard<'_, Vec<Weak<Pool<T>>>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools
    }
}

struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Instances that wait for their next request, the one used last on top. `None` once the build is retired.
pub(super) struct Pool<T = Instance> {
    idle: Mutex<Option<Vec<Box<T>>>>,
    /// The least generation that is kept. Changed and compared with `idle` locked.
    least: AtomicU64,
    max_requests: u32,
    slots: Arc<Slots<T>>,
}

impl<T: Warm> Pool<T> {
    /// `max_requests`: an instance that has begun this many is not kept.
    pub(super) fn new(slots: &Arc<Slots<T>>, max_requests: u32) -> Arc<Self> {
        let pool = Arc::new(Self {
            idle: Mutex::new(Some(Vec::new())),
            least: AtomicU64::new(0),
            max_requests,
            slots: slots.clone(),
        });
        slots.known().push(Arc::downgrade(&pool));
        pool
    }

    pub(super) fn take(&self) -> Option<Box<T>> {
        self.idle().as_mut()?.pop()
    }

    /// Only for an instance whose last call ended well.
    pub(super) fn put(&self, mut instance: Box<T>) {
        if !instance.rest(self.max_requests) {
            return;
        }
        if let Some(idle) = self.idle().as_mut()
            && instance.generation() >= self.least.load(SeqCst)
        {
            idle.push(instance);
        }
        if self.slots.waiting.load(SeqCst) > 0 {
            self.slots.evict();
        }
    }

    /// Ends the idle instances now, and the busy ones when they come back.
    pub(super) fn retire(&self) {
        let idle = self.idle().take();
        drop(idle);
    }

    /// Ends the idle instances of earlier generations now, and the busy ones when they come back.
    pub(super) fn renew(&self, generation: u64) {
        let mut gone = Vec::new();
        {
            let mut idle = self.idle();
            self.least.store(generation, SeqCst);
            if let Some(idle) = idle.as_mut() {
                gone.extend(idle.extract_if(.., |i| i.generation() < generation));
            }
        }
        drop(gone); // outside the lock: unmapping memory takes a while
    }

    /// Ends instances that have been idle for longer than this.
    pub(super) fn sweep(&self, longest: Duration) {
        let mut gone = Vec::new();
        if let Some(idle) = self.idle().as_mut() {
            let keep_from = idle
                .iter()
                .position(|i| i.idle_since().elapsed() < longest)
                .unwrap_or(idle.len());
            gone.extend(idle.drain(..keep_from));
        }
        drop(gone); // outside the lock: unmapping memory takes a while
    }

    pub(super) fn idle_count(&self) -> usize {
        self.idle().as_ref().map_or(0, Vec::len)
    }

    fn idle_longest(&self) -> Option<Instant> {
        self.idle().as_ref()?.first().map(|i| i.idle_since())
    }

    /// Whether there was one.
    fn drop_oldest(&self) -> bool {
        let oldest = self
            .idle()
            .as_mut()
            .filter(|idle| !idle.is_empty())
            .map(|idle| idle.remove(0));
        oldest.is_some()
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Box<T>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
