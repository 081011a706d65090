//! Pools and slots under threads: stand-ins instead of instances, everything else is real. [`model`] has every order but
//! that of the machine's own.

mod model;

use super::*;
use crate::plugin::tests::Dice;
use arc_swap::ArcSwap;
use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    task::{Context, Waker},
};
use tokio::task::{JoinSet, yield_now};

const PATIENCE: Duration = Duration::from_secs(30);

struct StandIn {
    /// The build that it is of.
    build: usize,
    busy: AtomicBool,
    since: Instant,
    /// When it falls idle by somebody's own clock.
    now: Option<Instant>,
    reusable: bool,
    generation: u64,
    uses: u32,
    alive: Arc<AtomicUsize>,
    /// Called whenever it is asked how long it has been idle.
    looked_at: Option<Box<dyn Fn() + Send + Sync>>,
    _slot: Option<OwnedSemaphorePermit>,
    /// Fields go in their order: this one right after the slot is free.
    then: Then,
}

/// Does it when it goes.
#[derive(Default)]
struct Then(Option<Box<dyn Fn() + Send + Sync>>);

impl Drop for Then {
    fn drop(&mut self) {
        self.0.iter().for_each(|act| act());
    }
}

impl StandIn {
    fn new(build: usize, slot: OwnedSemaphorePermit, alive: &Arc<AtomicUsize>) -> Box<Self> {
        alive.fetch_add(1, SeqCst);
        Box::new(Self {
            build,
            busy: AtomicBool::new(false),
            since: Instant::now(),
            now: None,
            reusable: true,
            generation: 0,
            uses: 0,
            alive: alive.clone(),
            looked_at: None,
            _slot: Some(slot),
            then: Then::default(),
        })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // As an instance: it is gone before its slot is free.
        self.alive.fetch_sub(1, SeqCst);
    }
}

impl Warm for StandIn {
    fn rest(&mut self, max_requests: u32) -> bool {
        self.since = self.now.unwrap_or_else(Instant::now);
        self.reusable && self.uses < max_requests
    }

    fn idle_since(&self) -> Instant {
        if let Some(looked_at) = &self.looked_at {
            looked_at();
        }
        self.since
    }

    fn generation(&self) -> u64 {
        self.generation
    }
}

struct Build {
    number: usize,
    pool: Arc<Pool<StandIn>>,
}

const MAX_INSTANCES: u32 = 5;
const MAX_REQUESTS: u32 = 20;
const PLUGINS: usize = 3;

struct World {
    slots: Arc<Slots<StandIn>>,
    live: Vec<ArcSwap<Build>>,
    alive: Arc<AtomicUsize>,
    builds: AtomicUsize,
}

impl World {
    fn build(&self) -> Arc<Build> {
        Arc::new(Build {
            number: self.builds.fetch_add(1, SeqCst),
            pool: Pool::new(&self.slots, MAX_REQUESTS),
        })
    }

    /// As `Mount` and `Build` go about it.
    async fn call(&self, dice: &mut Dice) {
        let build = self.live[dice.below(PLUGINS)].load_full();
        let mut instance = match build.pool.take() {
            Some(instance) => instance,
            None => {
                // Some have no time at all, and may get none.
                let hurried = dice.below(10) == 0;
                let patience = if hurried { Duration::ZERO } else { PATIENCE };
                match self.slots.take(Instant::now() + patience).await {
                    Ok(slot) => StandIn::new(build.number, slot, &self.alive),
                    Err(_) => {
                        assert!(hurried, "no slot in all that time");
                        return;
                    }
                }
            }
        };
        assert!(!instance.busy.swap(true, SeqCst), "two at one instance");
        assert_eq!(instance.build, build.number, "an instance of another build");
        assert!(instance.uses < MAX_REQUESTS, "used too often");
        assert!(instance.reusable, "a broken one was kept");
        assert!(
            self.alive.load(SeqCst) <= MAX_INSTANCES as usize,
            "too many"
        );
        for _ in 0..dice.below(3) {
            yield_now().await;
        }
        instance.uses += 1;
        instance.busy.store(false, SeqCst);
        match dice.below(10) {
            0 => drop(instance), // it trapped, or its client is gone
            1 => {
                instance.reusable = false;
                build.pool.put(instance);
            }
            _ => build.pool.put(instance),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_are_used_by_one_and_slots_come_back() {
    let mut world = World {
        slots: Slots::new(MAX_INSTANCES),
        live: Vec::new(),
        alive: Arc::default(),
        builds: AtomicUsize::new(0),
    };
    world.live = (0..PLUGINS).map(|_| ArcSwap::new(world.build())).collect();
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for client in 0..12 {
        let world = world.clone();
        tasks.spawn(async move {
            let mut dice = Dice::new(client);
            for _ in 0..2000 {
                world.call(&mut dice).await;
            }
        });
    }
    let mut deploys = JoinSet::new();
    deploys.spawn({
        let world = world.clone();
        async move {
            let mut dice = Dice::new(1000);
            let mut retired = Vec::new();
            for turn in 0..500 {
                let old = world.live[dice.below(PLUGINS)].swap(world.build());
                old.pool.retire();
                retired.push(old);
                if turn % 5 == 0 {
                    world.live[dice.below(PLUGINS)]
                        .load()
                        .pool
                        .sweep(Duration::ZERO);
                }
                yield_now().await;
                for old in &retired {
                    assert_eq!(old.pool.idle_count(), 0, "kept for a build that is gone");
                }
            }
        }
    });
    for set in [&mut tasks, &mut deploys] {
        while let Some(ended) = set.join_next().await {
            ended.unwrap();
        }
    }
    let idle: usize = world.live.iter().map(|b| b.load().pool.idle_count()).sum();
    assert_eq!(world.alive.load(SeqCst), idle, "what is not idle is gone");
    for build in &world.live {
        build.load().pool.retire();
    }
    assert_eq!(world.alive.load(SeqCst), 0);
    assert_eq!(world.slots.free.available_permits(), MAX_INSTANCES as usize);
    assert_eq!(world.slots.waiting.load(SeqCst), 0);
}

/// The one that has been idle longest is taken by a request just when it is to give up its slot: another does.
#[tokio::test]
async fn a_slot_is_found_although_the_oldest_was_just_taken() {
    let (slots, alive) = (Slots::new(2), Arc::default());
    let [first, last] = [(); 2].map(|()| Pool::new(&slots, MAX_REQUESTS));
    let taken = Arc::new(Mutex::new(None));
    for pool in [&first, &last] {
        let slot = slots.free.clone().try_acquire_owned().unwrap();
        pool.put(StandIn::new(0, slot, &alive));
    }
    // The oldest has been seen by the time that the other is looked at.
    last.idle().as_mut().unwrap()[0].looked_at = Some(Box::new({
        let (first, taken) = (first.clone(), taken.clone());
        move || {
            let mut taken = taken.lock().unwrap();
            *taken = taken.take().or_else(|| first.take());
        }
    }));
    let slot = slots.take(Instant::now() + PATIENCE).await;
    assert!(slot.is_ok(), "one was idle all the time");
    assert!(taken.lock().unwrap().is_some());
    assert_eq!(last.idle_count(), 0);
}

/// Another request takes the slot that was made free for this one: one more is made free.
#[tokio::test]
async fn a_slot_is_found_although_the_one_made_free_was_just_taken() {
    let (slots, alive) = (Slots::new(2), Arc::default());
    let pool = Pool::new(&slots, MAX_REQUESTS);
    let taken = Arc::new(Mutex::new(None));
    for _ in 0..2 {
        let slot = slots.free.clone().try_acquire_owned().unwrap();
        let mut instance = StandIn::new(0, slot, &alive);
        let (free, taken) = (slots.free.clone(), taken.clone());
        instance.then.0 = Some(Box::new(move || {
            let mut taken = taken.lock().unwrap();
            *taken = taken
                .take()
                .or_else(|| free.clone().try_acquire_owned().ok());
        }));
        pool.put(instance);
    }
    let slot = slots.take(Instant::now() + PATIENCE).await;
    assert!(slot.is_ok(), "one was idle all the time");
    assert!(taken.lock().unwrap().is_some());
    assert_eq!(pool.idle_count(), 0);
}

/// All slots are in use when one is asked for: the first instance that falls idle gives up its own.
#[tokio::test]
async fn what_falls_idle_makes_room_for_who_waits() {
    let (slots, alive) = (Slots::new(1), Arc::default());
    let pool = Pool::new(&slots, MAX_REQUESTS);
    let busy = StandIn::new(0, slots.free.clone().try_acquire_owned().unwrap(), &alive);
    let mut waiter = Box::pin(slots.take(Instant::now() + PATIENCE));
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(waiter.as_mut().poll(&mut nobody).is_pending());
    pool.put(busy);
    assert!(waiter.await.is_ok());
    assert_eq!((pool.idle_count(), alive.load(SeqCst)), (0, 0));
    assert_eq!(slots.waiting.load(SeqCst), 0);
    // Nobody waits any more.
    let slot = slots.take(Instant::now() + PATIENCE).await.unwrap();
    pool.put(StandIn::new(0, slot, &alive));
    assert_eq!(pool.idle_count(), 1);
}

#[tokio::test]
async fn instances_of_an_earlier_generation_are_not_kept() {
    let slots = Slots::new(MAX_INSTANCES);
    let alive: Arc<AtomicUsize> = Arc::default();
    let pool = Pool::new(&slots, MAX_REQUESTS);
    let made = async |generation| {
        let slot = slots.take(Instant::now() + PATIENCE).await.unwrap();
        let mut instance = StandIn::new(0, slot, &alive);
        instance.generation = generation;
        instance
    };
    pool.put(made(0).await);
    pool.put(made(1).await);
    let busy = made(0).await;
    pool.renew(1);
    assert_eq!((pool.idle_count(), alive.load(SeqCst)), (1, 2));
    // It worked on while the others went.
    pool.put(busy);
    assert_eq!((pool.idle_count(), alive.load(SeqCst)), (1, 1));
    assert_eq!(pool.take().map(|instance| instance.generation), Some(1));
}
