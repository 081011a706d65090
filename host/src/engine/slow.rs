//! Threads of low priority, for guests that run for long: what they take is what the others leave.

use super::{
    clock,
    lane::Lane,
    own_stack::{THREAD_STACK, poll_guest},
};
use rustix::time::{ClockId, clock_gettime};
use std::{
    cell::Cell,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread::available_parallelism,
    time::Duration,
};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// As `nice` counts. By the scheduler's weights such a thread gets a tenth of what one that serves short requests gets,
/// and all of a core that nobody else wants.
const NICE: i32 = 10;

/// Milliseconds, ticks of the clock: a guest that was seen running for longer goes on on a slow thread.
pub(super) const LONG: u64 = 2;

thread_local! {
    /// Whether this is one of the threads.
    static SLOW: Cell<bool> = const { Cell::new(false) };
}

/// One thread a core.
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(available_parallelism().map_or(1, usize::from))
            .thread_name("slow")
            .thread_stack_size(THREAD_STACK)
            .on_thread_start(|| {
                SLOW.set(true);
                lower_priority();
            })
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs it on the slow threads; its timers and its tasks stay where they are asked for. `told`: how long it ran.
    fn run<T: Send + 'static>(
        &self,
        work: Work<T>,
        told: Option<Arc<Lane>>,
    ) -> AbortOnDropHandle<T> {
        let runtime = self.0.as_ref().expect("taken in drop alone");
        let at_home = AtHome {
            home: Handle::current(),
            work,
            ran: Duration::ZERO,
            told,
        };
        AbortOnDropHandle::new(runtime.spawn(at_home))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// For the calling thread. Where it may not, it runs as the others do.
fn lower_priority() {
    let _ = rustix::process::setpriority_process(None, NICE);
}

pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Work that is moved to the slow threads, with the runtime that it came from.
struct AtHome<T> {
    home: Handle,
    work: Work<T>,
    /// Of the thread's own time: these threads wait for others.
    ran: Duration,
    told: Option<Arc<Lane>>,
}

impl<T> Future for AtHome<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let begun = own_time();
        let polled = {
            let _home = this.home.enter();
            poll_guest(this.work.as_mut(), cx)
        };
        this.ran += own_time().saturating_sub(begun);
        if polled.is_pending() {
            // The guest yields every millisecond, but the scheduler's own turns are longer.
            std::thread::yield_now();
        }
        polled
    }
}

impl<T> Drop for AtHome<T> {
    fn drop(&mut self) {
        if let Some(lane) = self.told.take() {
            lane.ended(self.ran >= Duration::from_millis(LONG));
        }
    }
}

/// That this thread has run for, in user mode and in the kernel.
fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Runs where it is polled, until it was seen running for too long; from then on on a slow thread. Where most of its lane
/// did so it starts there. Dropped, it ends.
pub struct Watched<T> {
    place: Place<T>,
    lane: Arc<Lane>,
    /// Ticks.
    ran: u64,
}

enum Place<T> {
    New(Work<T>),
    Here(Work<T>),
    Slow(AbortOnDropHandle<T>),
    /// Between the two, and after its end.
    Nowhere,
}

impl<T> Watched<T> {
    pub fn new(lane: Arc<Lane>, work: Work<T>) -> Self {
        Self {
            place: Place::New(work),
            lane,
            ran: 0,
        }
    }
}

impl<T: Send + 'static> Watched<T> {
    /// Where it is polled first. What is polled on a slow thread is part of what that one runs.
    fn begin(&mut self) {
        let Place::New(work) = std::mem::replace(&mut self.place, Place::Nowhere) else {
            return;
        };
        self.place = if self.lane.expects_long() && !SLOW.get() {
            Place::Slow(self.lane.engine.0.slow.run(work, Some(self.lane.clone())))
        } else {
            Place::Here(work)
        };
    }
}

impl<T: Send + 'static> Future for Watched<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        if matches!(this.place, Place::New(_)) {
            this.begin();
        }
        if let Place::Here(work) = &mut this.place {
            if SLOW.get() {
                return poll_guest(work.as_mut(), cx);
            }
            let begun = clock::ticks();
            let polled = poll_guest(work.as_mut(), cx);
            this.ran += clock::ticks().wrapping_sub(begun);
            if polled.is_ready() {
                this.lane.ended(false);
                return polled;
            }
            if this.ran < LONG {
                return polled;
            }
            this.lane.ended(true);
            if let Place::Here(work) = std::mem::replace(&mut this.place, Place::Nowhere) {
                this.place = Place::Slow(this.lane.engine.0.slow.run(work, None));
            }
        }
        let Place::Slow(handle) = &mut this.place else {
            panic!("polled after its end");
        };
        match Pin::new(handle).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(output)) => Poll::Ready(output),
            Poll::Ready(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The threads end with the process alone.
                Err(_) => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, engine::on_own_stack};
    use std::{
        sync::atomic::{AtomicBool, Ordering::SeqCst},
        thread,
    };

    fn lane(folder: &std::path::Path) -> Arc<Lane> {
        let settings = config::Engine {
            max_instances: 1,
            max_memory: 1 << 20,
        };
        Lane::new(&super::super::Engine::new(&settings, folder).unwrap())
    }

    fn here() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    /// Works for so many milliseconds at a time, as a guest between two of its ticks, and tells where it was at the end.
    async fn work(turns: u32) -> String {
        for _ in 0..turns {
            thread::sleep(Duration::from_millis(2));
            tokio::task::yield_now().await;
        }
        // A timer of the runtime that it came from: the slow threads have none.
        tokio::time::sleep(Duration::from_millis(1)).await;
        here()
    }

    #[tokio::test]
    async fn what_runs_for_long_goes_on_elsewhere_and_what_does_not_stays() {
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(&folder.path().join("cache"));
        let _busy = clock::Busy::begin();
        let home = here();
        assert_eq!(
            Watched::new(lane.clone(), Box::pin(async { here() })).await,
            home
        );
        assert_eq!(Watched::new(lane, Box::pin(work(500))).await, "slow");
    }

    #[tokio::test]
    async fn where_most_ran_for_long_the_next_start_elsewhere_until_they_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(&folder.path().join("cache"));
        let home = here();
        let short = || Watched::new(lane.clone(), Box::pin(async { here() }));
        let long = || {
            let work = async {
                let begun = own_time();
                while own_time() - begun < Duration::from_millis(LONG + 1) {}
                here()
            };
            Watched::new(lane.clone(), Box::pin(work))
        };
        assert_eq!(short().await, home);
        while !lane.expects_long() {
            lane.ended(true);
        }
        for _ in 0..20 {
            assert_eq!(long().await, "slow");
        }
        assert_eq!(short().await, "slow");
        let mut shorts = 1;
        while short().await != home {
            shorts += 1;
        }
        assert!((10..100).contains(&shorts), "{shorts} to come back");
    }

    #[tokio::test]
    async fn host_calls_find_the_stack_of_the_thread_that_runs_their_guest() {
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(&folder.path().join("cache"));
        let _busy = clock::Busy::begin();
        let home = here();
        let call = async {
            let first = on_own_stack(here).await;
            work(500).await;
            let left = || (here(), stacker::remaining_stack());
            (first, on_own_stack(left).await)
        };
        let (first, (then, left)) = Watched::new(lane.clone(), Box::pin(call)).await;
        assert_eq!((first, &*then), (home, "slow"));
        assert!(left > Some(THREAD_STACK / 8 * 7), "{left:?}");
        while !lane.expects_long() {
            lane.ended(true);
        }
        let call = async { on_own_stack(here).await };
        assert_eq!(Watched::new(lane, Box::pin(call)).await, "slow");
    }

    #[tokio::test]
    async fn dropped_it_ends_and_a_panic_comes_back() {
        struct Told(Arc<AtomicBool>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(&folder.path().join("cache"));
        let _busy = clock::Busy::begin();
        let ended = Arc::<AtomicBool>::default();
        let told = Told(ended.clone());
        let endless = Watched::new(
            lane.clone(),
            Box::pin(async move {
                let _told = told;
                work(u32::MAX).await
            }),
        );
        let cut = tokio::time::timeout(Duration::from_millis(200), endless).await;
        assert!(cut.is_err());
        while !ended.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let panics = Watched::<()>::new(
            lane,
            Box::pin(async {
                work(500).await;
                panic!("as it was told")
            }),
        );
        let outcome = tokio::spawn(panics).await.unwrap_err();
        assert_eq!(
            *outcome.into_panic().downcast::<&str>().unwrap(),
            "as it was told"
        );
    }
}
