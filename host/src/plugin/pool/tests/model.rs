//! Slots and pools beside a model of them, in thousands of orders of asking, giving up, coming back, ending, retiring and
//! sweeping. The futures are polled by hand and the times are made up, so that every order comes again with its seed.

use super::{
    super::{Pool, Slots},
    Build, PATIENCE, PLUGINS, StandIn,
};
use crate::plugin::{Error, tests::Dice};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;

const SCHEDULES: u64 = 5_000;
const STEPS: usize = 80;
/// An instance is used this often: rarely enough that many are used up.
const USES: u32 = 4;
/// Seconds between two steps, as the instances see it.
const STEP: u64 = 60;
/// A schedule began this many steps ago, as the instances see it, which is more than it has.
const AGO: u64 = 1_000;

type Taking = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, Error>>>>;

struct Waiter {
    build: Arc<Build>,
    slot: Taking,
}

impl Waiter {
    fn poll(&mut self) -> Poll<Result<OwnedSemaphorePermit, Error>> {
        let mut nobody = Context::from_waker(Waker::noop());
        self.slot.as_mut().poll(&mut nobody)
    }
}

struct Busy {
    build: Arc<Build>,
    instance: Box<StandIn>,
}

/// How often the rare things happened.
#[derive(Debug, Default)]
struct Seen {
    evicted: usize,
    waited: usize,
    refused: usize,
}

struct World {
    slots: Arc<Slots<StandIn>>,
    all: usize,
    live: Vec<Arc<Build>>,
    alive: Arc<AtomicUsize>,
    builds: usize,
    busy: Vec<Busy>,
    waiting: Vec<Waiter>,
    /// The model: of each build that is not retired, the steps at which its idle instances fell idle, the last on top.
    idle: BTreeMap<usize, Vec<u64>>,
    start: Instant,
    now: u64,
    /// The more, the more asks there are.
    eager: usize,
    seen: Seen,
}

impl World {
    fn new(dice: &mut Dice, seen: Seen) -> Self {
        let all = 1 + dice.below(5);
        let mut world = Self {
            slots: Slots::new(u32::try_from(all).unwrap()),
            all,
            live: Vec::new(),
            alive: Arc::default(),
            builds: 0,
            busy: Vec::new(),
            waiting: Vec::new(),
            idle: BTreeMap::new(),
            start: Instant::now() - Duration::from_secs(AGO * STEP),
            now: 0,
            eager: 1 + dice.below(6),
            seen,
        };
        for _ in 0..PLUGINS {
            let build = world.build();
            world.live.push(build);
        }
        world
    }

    fn build(&mut self) -> Arc<Build> {
        self.builds += 1;
        self.idle.insert(self.builds, Vec::new());
        Arc::new(Build {
            number: self.builds,
            pool: Pool::new(&self.slots, USES),
        })
    }

    fn at(&self, step: u64) -> Instant {
        self.start + Duration::from_secs(STEP * step)
    }

    fn all_idle(&self) -> usize {
        self.idle.values().map(Vec::len).sum()
    }

    /// Slots that no instance has: free, or given to one who waits and has not looked yet. To whom of them is not said.
    fn loose(&self) -> usize {
        self.all - self.busy.len() - self.all_idle()
    }

    /// How many wait and have no slot yet.
    fn lacking(&self) -> usize {
        self.waiting.len().saturating_sub(self.loose())
    }

    /// The one that has been idle longest goes, of whichever build.
    fn evict(&mut self) {
        let oldest = self
            .idle
            .values_mut()
            .filter(|idle| !idle.is_empty())
            .min_by_key(|idle| idle[0]);
        if let Some(idle) = oldest {
            idle.remove(0);
            self.seen.evicted += 1;
        }
    }

    fn ask(&mut self, dice: &mut Dice) {
        let build = self.live[dice.below(PLUGINS)].clone();
        let hurried = dice.below(8) == 0;
        let since = self.idle.get_mut(&build.number).and_then(Vec::pop);
        if let Some(instance) = build.pool.take() {
            let since = since.map(|step| self.at(step));
            assert_eq!(Some(instance.since), since, "the one used last comes first");
            self.begin(build, instance);
        } else {
            assert_eq!(since, None, "one was idle");
            self.wait(build, hurried);
        }
    }

    /// `hurried`: its time is over before it asks. It gets what is there.
    fn wait(&mut self, build: Arc<Build>, hurried: bool) {
        if self.loose() <= self.waiting.len() {
            self.evict();
        }
        let gets = self.loose() > self.waiting.len();
        let by = if hurried {
            self.start
        } else {
            Instant::now() + PATIENCE
        };
        let slots = self.slots.clone();
        let slot = Box::pin(async move { slots.take(by).await });
        let mut waiter = Waiter { build, slot };
        match waiter.poll() {
            Poll::Ready(Ok(slot)) => {
                assert!(gets, "a slot from nowhere");
                self.make(waiter.build, slot);
            }
            Poll::Ready(Err(error)) => {
                assert!(hurried && !gets, "{error:?} at once");
                assert_eq!(error, Error::Overloaded);
                self.seen.refused += 1;
            }
            Poll::Pending => {
                assert!(!gets, "it waits while a slot is free");
                assert!(!hurried, "it waits past its time");
                self.waiting.push(waiter);
            }
        }
    }

    fn make(&mut self, build: Arc<Build>, slot: OwnedSemaphorePermit) {
        let instance = StandIn::new(build.number, slot, &self.alive);
        self.begin(build, instance);
    }

    fn begin(&mut self, build: Arc<Build>, mut instance: Box<StandIn>) {
        assert_eq!(instance.build, build.number, "an instance of another build");
        assert!(self.alive.load(SeqCst) <= self.all, "too many");
        assert!(instance.reusable, "a broken one was kept");
        instance.uses += 1;
        assert!(instance.uses <= USES, "used too often");
        self.busy.push(Busy { build, instance });
    }

    /// A call ended well. Its instance is kept if it may see another, nobody waits and its build still serves.
    fn come_back(&mut self, dice: &mut Dice) {
        let (waiting, lacking) = (self.waiting.len(), self.lacking());
        let Busy {
            build,
            mut instance,
        } = self.busy.swap_remove(dice.below(self.busy.len()));
        instance.reusable = dice.below(6) > 0;
        instance.now = Some(self.at(self.now));
        let kept = instance.reusable && instance.uses < USES;
        build.pool.put(instance);
        match self.idle.get_mut(&build.number) {
            Some(idle) if kept => idle.push(self.now),
            Some(_) => {}
            None => assert_eq!(build.pool.idle_count(), 0, "kept for a build that is gone"),
        }
        // While all who wait have a slot and only have not looked yet, it may be kept or not.
        let idle: usize = self.live.iter().map(|b| b.pool.idle_count()).sum();
        if lacking > 0 || (waiting > 0 && idle < self.all_idle()) {
            self.evict();
        }
    }

    /// Some of those who wait look whether it is their turn, or all.
    fn look(&mut self, dice: &mut Dice, all: bool) {
        let before = self.waiting.len();
        let have = before - self.lacking();
        let (mut looked, mut got) = (0, 0);
        for mut waiter in std::mem::take(&mut self.waiting) {
            if !all && dice.below(2) == 0 {
                self.waiting.push(waiter);
                continue;
            }
            looked += 1;
            match waiter.poll() {
                Poll::Pending => self.waiting.push(waiter),
                Poll::Ready(slot) => {
                    got += 1;
                    self.make(waiter.build, slot.expect("its time is not over"));
                }
            }
        }
        assert!(got <= have, "a slot from nowhere");
        // Those who have one and got none now are among those who did not look.
        assert!(have - got <= before - looked, "one waits beside a slot");
        self.seen.waited += got;
    }

    /// As a deploy does it.
    fn retire(&mut self, dice: &mut Dice) {
        let new = self.build();
        let old = std::mem::replace(&mut self.live[dice.below(PLUGINS)], new);
        old.pool.retire();
        self.idle.remove(&old.number);
        assert_eq!(old.pool.idle_count(), 0, "idle for a build that is gone");
    }

    fn sweep(&mut self, dice: &mut Dice) {
        let build = &self.live[dice.below(PLUGINS)];
        let kept_from = self.now.saturating_sub(dice.below(20) as u64);
        // Half a step more, since the machine's clock runs meanwhile.
        let longest = Duration::from_secs((AGO - kept_from) * STEP + STEP / 2);
        build.pool.sweep(longest);
        if let Some(idle) = self.idle.get_mut(&build.number) {
            idle.retain(|since| *since >= kept_from);
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        self.now += 1;
        match dice.below(10 + self.eager) {
            0..=3 if !self.busy.is_empty() => self.come_back(dice),
            // It trapped, or its client is gone.
            4 if !self.busy.is_empty() => {
                drop(self.busy.swap_remove(dice.below(self.busy.len())));
            }
            5 if !self.waiting.is_empty() => {
                drop(self.waiting.swap_remove(dice.below(self.waiting.len())));
            }
            6 => self.retire(dice),
            7 => self.sweep(dice),
            8 | 9 => self.look(dice, false),
            _ => self.ask(dice),
        }
        self.check();
    }

    fn check(&self) {
        for build in &self.live {
            let steps = self.idle[&build.number].iter();
            let expected: Vec<_> = steps.map(|step| self.at(*step)).collect();
            let idle: Vec<_> = build
                .pool
                .idle()
                .iter()
                .flatten()
                .map(|i| i.since)
                .collect();
            assert_eq!(idle, expected, "the idle ones of build {}", build.number);
        }
        let (idle, waiting) = (self.all_idle(), self.waiting.len());
        assert_eq!(self.alive.load(SeqCst), self.busy.len() + idle);
        assert_eq!(self.slots.waiting.load(SeqCst) as usize, waiting);
        let free = self.slots.free.available_permits();
        assert_eq!(free, self.loose().saturating_sub(waiting));
        let lacking = self.lacking();
        assert!(lacking == 0 || idle == 0, "{lacking} wait beside {idle}");
    }

    /// Everybody comes to an end, and nothing is left of them.
    fn end(mut self, dice: &mut Dice) -> Seen {
        while !(self.busy.is_empty() && self.waiting.is_empty()) {
            self.now += 1;
            self.look(dice, true);
            if !self.busy.is_empty() {
                self.come_back(dice);
            }
            self.check();
        }
        for build in &self.live {
            build.pool.retire();
        }
        assert_eq!(self.alive.load(SeqCst), 0);
        assert_eq!(self.slots.free.available_permits(), self.all);
        let known = self.slots.known().len();
        assert_eq!(known, PLUGINS, "pools of builds that are gone");
        self.seen
    }
}

#[test]
fn in_any_order_slots_and_pools_are_as_their_model() {
    // For the timers: nobody turns them, so that only a time that was over before ends a wait.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let mut seen = Seen::default();
    for seed in 0..SCHEDULES {
        let mut dice = Dice::new(seed);
        let mut world = World::new(&mut dice, seen);
        for _ in 0..STEPS {
            world.step(&mut dice);
        }
        seen = world.end(&mut dice);
    }
    let rarest = seen.evicted.min(seen.waited).min(seen.refused);
    assert!(rarest > 100, "{seen:?}: hardly tested");
}
