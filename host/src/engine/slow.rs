//! Threads of low priority, for guests that run for long: what they take is what the others leave.

use super::clock;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    thread::available_parallelism,
};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// As `nice` counts. By the scheduler's weights such a thread gets a tenth of what one that serves short requests gets,
/// and all of a core that nobody else wants.
const NICE: i32 = 10;

/// Ticks of the clock, milliseconds: a guest that was seen running for longer goes on on a slow thread.
const LONG: u64 = 2;

/// One thread a core.
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(available_parallelism().map_or(1, usize::from))
            .thread_name("slow")
            .on_thread_start(lower_priority)
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs it on the slow threads; its timers and its tasks stay where they are asked for.
    fn run<T: Send + 'static>(&self, work: Work<T>) -> AbortOnDropHandle<T> {
        let runtime = self.0.as_ref().expect("taken in drop alone");
        let at_home = AtHome {
            home: Handle::current(),
            work,
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
}

impl<T> Future for AtHome<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let polled = {
            let _home = this.home.enter();
            this.work.as_mut().poll(cx)
        };
        if polled.is_pending() {
            // The guest yields every millisecond, but the scheduler's own turns are longer.
            std::thread::yield_now();
        }
        polled
    }
}

/// Runs where it is polled, until it was seen running for too long; from then on on a slow thread. Dropped, it ends.
pub struct Watched<T> {
    place: Place<T>,
    engine: super::Engine,
    /// Ticks.
    ran: u64,
}

enum Place<T> {
    Here(Work<T>),
    Slow(AbortOnDropHandle<T>),
    /// Between the two, and after its end.
    Nowhere,
}

impl<T> Watched<T> {
    pub fn new(engine: super::Engine, work: Work<T>) -> Self {
        Self {
            place: Place::Here(work),
            engine,
            ran: 0,
        }
    }
}

impl<T: Send + 'static> Future for Watched<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        if let Place::Here(work) = &mut this.place {
            let begun = clock::ticks();
            let polled = work.as_mut().poll(cx);
            this.ran += clock::ticks().wrapping_sub(begun);
            if polled.is_ready() || this.ran < LONG {
                return polled;
            }
            if let Place::Here(work) = std::mem::replace(&mut this.place, Place::Nowhere) {
                this.place = Place::Slow(this.engine.0.slow.run(work));
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
    use crate::config;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering::SeqCst},
        },
        thread,
        time::Duration,
    };

    fn engine(folder: &std::path::Path) -> super::super::Engine {
        let settings = config::Engine {
            max_instances: 1,
            max_memory: 1 << 20,
        };
        super::super::Engine::new(&settings, folder).unwrap()
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
        let engine = engine(&folder.path().join("cache"));
        let _busy = clock::Busy::begin();
        let home = here();
        assert_eq!(
            Watched::new(engine.clone(), Box::pin(async { here() })).await,
            home
        );
        assert_eq!(Watched::new(engine, Box::pin(work(500))).await, "slow");
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
        let engine = engine(&folder.path().join("cache"));
        let _busy = clock::Busy::begin();
        let ended = Arc::<AtomicBool>::default();
        let told = Told(ended.clone());
        let endless = Watched::new(
            engine.clone(),
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
            engine,
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
