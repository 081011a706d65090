//! The gate beside a model of it, in thousands of orders of entering, giving up, leaving, holding and letting go. The
//! futures are polled by hand, so that every order comes again with its seed.

use super::super::{Gate, Hold, Place};
use crate::{
    config::Limits,
    plugin::{Error, tests::Dice},
};
use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::Duration,
};

const SCHEDULES: u64 = 20_000;
const STEPS: usize = 80;

/// Who waits: first come first served, a hold among them, which keeps what it has while it waits for more.
struct Waiter {
    id: usize,
    needs: usize,
    has: usize,
}

#[derive(Default)]
struct Model {
    free: usize,
    queue: VecDeque<Waiter>,
    /// May go on, and does when it is polled.
    served: HashSet<usize>,
}

impl Model {
    fn give_back(&mut self, mut places: usize) {
        while let Some(first) = self.queue.front_mut() {
            let takes = places.min(first.needs - first.has);
            first.has += takes;
            places -= takes;
            if first.has < first.needs {
                break;
            }
            self.served.insert(first.id);
            self.queue.pop_front();
        }
        self.free += places;
    }

    fn wait(&mut self, id: usize, needs: usize) {
        let has = self.free.min(needs);
        self.free -= has;
        if has == needs {
            self.served.insert(id);
        } else {
            self.queue.push_back(Waiter { id, needs, has });
        }
    }

    fn give_up(&mut self, id: usize, needs: usize) {
        if self.served.remove(&id) {
            self.give_back(needs);
        } else if let Some(at) = self.queue.iter().position(|waiter| waiter.id == id) {
            let gone = self.queue.remove(at).unwrap();
            self.give_back(gone.has);
        }
    }
}

enum Got {
    Place(Result<Place, Error>),
    Hold(Option<Hold>),
}

struct Pending {
    id: usize,
    needs: usize,
    future: Pin<Box<dyn Future<Output = Got>>>,
}

impl Pending {
    fn poll(&mut self) -> Poll<Got> {
        let mut context = Context::from_waker(Waker::noop());
        self.future.as_mut().poll(&mut context)
    }
}

struct World {
    gate: Arc<Gate>,
    model: Model,
    all: usize,
    queue: usize,
    pending: Vec<Pending>,
    inside: Vec<Place>,
    hold: Option<Hold>,
    next: usize,
}

impl World {
    fn new(dice: &mut Dice) -> Self {
        let (all, queue) = (1 + dice.below(4), dice.below(6));
        let limits = Limits {
            concurrency: u32::try_from(all).unwrap(),
            queue: u32::try_from(queue).unwrap(),
            // No clock runs: nobody ends by it.
            queue_timeout: Duration::from_secs(1000),
            hold_timeout: Duration::from_secs(1000),
            ..Limits::default()
        };
        Self {
            gate: Arc::new(Gate::new(&limits)),
            model: Model {
                free: all,
                ..Model::default()
            },
            all,
            queue,
            pending: Vec::new(),
            inside: Vec::new(),
            hold: None,
            next: 0,
        }
    }

    fn entering(&self) -> usize {
        self.pending.iter().filter(|p| !self.is_hold(p)).count()
    }

    fn is_hold(&self, pending: &Pending) -> bool {
        pending.id.is_multiple_of(2)
    }

    fn holding(&self) -> bool {
        self.hold.is_some() || self.pending.iter().any(|p| self.is_hold(p))
    }

    /// Ids of holds are even, of requests odd.
    fn id(&mut self, hold: bool) -> usize {
        self.next += 2;
        self.next + usize::from(!hold)
    }

    fn enter(&mut self) {
        let id = self.id(false);
        let gate = self.gate.clone();
        let future = Box::pin(async move { Got::Place(gate.enter().await) });
        let refused = self.model.free == 0 && self.entering() >= self.queue;
        let mut pending = Pending {
            id,
            needs: 1,
            future,
        };
        let got = pending.poll();
        if refused {
            assert!(
                matches!(got, Poll::Ready(Got::Place(Err(Error::Overloaded)))),
                "the queue is full"
            );
            return;
        }
        self.model.wait(id, 1);
        self.take(pending, got);
    }

    /// Deploys take turns: there is one at a time.
    fn begin_hold(&mut self) {
        if self.holding() {
            return;
        }
        let (id, needs) = (self.id(true), self.all);
        let gate = self.gate.clone();
        let future = Box::pin(async move { Got::Hold(gate.hold().await) });
        let mut pending = Pending { id, needs, future };
        let got = pending.poll();
        self.model.wait(id, needs);
        self.take(pending, got);
    }

    /// After a poll: it went on just when the model says so.
    fn take(&mut self, pending: Pending, got: Poll<Got>) {
        let served = self.model.served.remove(&pending.id);
        match got {
            Poll::Pending => {
                assert!(!served, "{} has its turn and does not get it", pending.id);
                self.pending.push(pending);
            }
            Poll::Ready(Got::Place(place)) => {
                assert!(served, "{} came out of turn", pending.id);
                self.inside.push(place.expect("it is its turn"));
            }
            Poll::Ready(Got::Hold(hold)) => {
                assert!(served, "the hold came out of turn");
                self.hold = Some(hold.expect("it is its turn"));
            }
        }
    }

    /// Some of those who wait look, in any order.
    fn look(&mut self, dice: &mut Dice, all: bool) {
        let mut waiting = std::mem::take(&mut self.pending);
        while !waiting.is_empty() {
            let mut one = waiting.swap_remove(dice.below(waiting.len()));
            if all || dice.below(2) == 0 {
                let got = one.poll();
                self.take(one, got);
            } else {
                self.pending.push(one);
            }
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        match dice.below(12) {
            0..=4 => self.enter(),
            5..=7 if !self.inside.is_empty() => {
                let at = dice.below(self.inside.len());
                drop(self.inside.swap_remove(at));
                self.model.give_back(1);
            }
            8 if !self.pending.is_empty() => {
                let at = dice.below(self.pending.len());
                let gone = self.pending.swap_remove(at);
                self.model.give_up(gone.id, gone.needs);
            }
            9 => self.begin_hold(),
            10 if self.hold.take().is_some() => self.model.give_back(self.all),
            _ => self.look(dice, false),
        }
        self.check();
    }

    fn check(&self) {
        assert!(self.inside.len() <= self.all, "too many");
        assert!(
            self.hold.is_none() || self.inside.is_empty(),
            "beside a hold"
        );
        assert_eq!(self.gate.places.available_permits(), self.model.free);
        assert_eq!(self.gate.running(), self.all - self.model.free);
        assert_eq!(self.gate.waiting.load(Relaxed) as usize, self.entering());
        assert_eq!(self.gate.held.load(Relaxed), self.holding());
    }
}

#[test]
fn in_any_order_the_gate_is_as_its_model() {
    // For the timers, which never come.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    for seed in 0..SCHEDULES {
        let mut dice = Dice::new(seed);
        let mut world = World::new(&mut dice);
        for _ in 0..STEPS {
            world.step(&mut dice);
        }
        if seed % 2 == 0 {
            // Everybody comes to an end, one after the other.
            while !(world.pending.is_empty() && world.inside.is_empty() && world.hold.is_none()) {
                world.look(&mut dice, true);
                if world.hold.take().is_some() {
                    world.model.give_back(world.all);
                } else if world.inside.pop().is_some() {
                    world.model.give_back(1);
                }
                world.check();
            }
            assert_eq!(world.gate.places.available_permits(), world.all);
        } else {
            world.gate.close();
            for mut one in std::mem::take(&mut world.pending) {
                match one.poll() {
                    Poll::Ready(Got::Place(Err(Error::Unavailable)) | Got::Hold(None)) => {}
                    // Its turn had come before.
                    Poll::Ready(Got::Place(Ok(_)) | Got::Hold(Some(_))) => {
                        assert!(world.model.served.contains(&one.id), "behind a closed gate");
                    }
                    _ => panic!("{} waits at a closed gate", one.id),
                }
            }
            world.inside.clear();
            world.hold = None;
            assert_eq!(world.gate.waiting.load(Relaxed), 0);
            assert!(!world.gate.held.load(Relaxed));
        }
    }
}
