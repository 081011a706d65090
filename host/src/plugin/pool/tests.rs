//! Pools and slots under threads: stand-ins instead of instances, everything else is real.

use super::*;
use arc_swap::ArcSwap;
use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    thread,
};
use tokio::task::{JoinSet, yield_now};

const PATIENCE: Duration = Duration::from_secs(30);

/// Numbers that look random and are the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

struct StandIn {
    /// The build that it is of.
    build: usize,
    busy: AtomicBool,
    since: Instant,
    reusable: bool,
    uses: u32,
    alive: Arc<AtomicUsize>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl StandIn {
    fn new(build: usize, slot: OwnedSemaphorePermit, alive: &Arc<AtomicUsize>) -> Box<Self> {
        alive.fetch_add(1, SeqCst);
        Box::new(Self {
            build,
            busy: AtomicBool::new(false),
            since: Instant::now(),
            reusable: true,
            uses: 0,
            alive: alive.clone(),
            _slot: Some(slot),
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
        self.since = Instant::now();
        self.reusable && self.uses < max_requests
    }

    fn idle_since(&self) -> Instant {
        self.since
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
#[test]
fn a_slot_is_found_although_the_oldest_was_just_taken() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let slots = Slots::new(2);
    let alive = Arc::default();
    let first = Pool::new(&slots, MAX_REQUESTS);
    // So that the look for the oldest takes a while.
    let empty: Vec<_> = (0..3000).map(|_| Pool::new(&slots, MAX_REQUESTS)).collect();
    let last = Pool::new(&slots, MAX_REQUESTS);
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let rounds = 1000;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice::new(0);
            for round in 1..=rounds {
                wait_for(&begun, round);
                // Of all lengths: how long the other needs, the machine alone knows.
                for _ in 0..dice.below(1 << (round % 14)) {
                    std::hint::spin_loop();
                }
                let taken = first.take();
                // Until the other has its slot.
                wait_for(&ended, round);
                drop(taken);
                ended.store(round + rounds, SeqCst);
            }
        });
        for round in 1..=rounds {
            for pool in [&first, &last] {
                let slot = slots.free.clone().try_acquire_owned().unwrap();
                pool.put(StandIn::new(0, slot, &alive));
            }
            begun.store(round, SeqCst);
            let by = Instant::now() + Duration::from_secs(2);
            let slot = runtime.block_on(slots.take(by));
            ended.store(round, SeqCst);
            wait_for(&ended, round + rounds);
            assert!(slot.is_ok(), "one was idle all the time (round {round})");
            drop(slot);
            drop((first.take(), last.take()));
            ended.store(0, SeqCst);
        }
    });
    drop(empty);
}

fn wait_for(number: &AtomicUsize, value: usize) {
    let until = Instant::now() + PATIENCE;
    while number.load(SeqCst) != value {
        assert!(Instant::now() < until, "the other thread is gone");
        thread::yield_now();
    }
}
