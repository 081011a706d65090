//! Work that a host call has done on the thread's own stack. Its own is its guest's, of which nobody but the engine knows
//! where it ends.
//!
//! A guest's call is polled on its own stack, and whoever polls it is on the thread's. So the host call leaves its work on
//! the thread and is pending; the poller does it and polls again at once. No other thread is asked, nothing waits.

use super::slow::Work;
use std::{
    any::Any,
    cell::RefCell,
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// Bytes of the stack of a thread that polls guests: room for a decision of the policies (`permissions/stack.rs`) below
/// all that has called it. Only what is used of it is memory.
pub const THREAD_STACK: usize = 8 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// What is left for the poller.
enum Left {
    /// No guest is polled here.
    NoPoller,
    Nothing,
    Job(Job),
}

thread_local! {
    static LEFT: RefCell<Left> = const { RefCell::new(Left::NoPoller) };
}

/// Has `work` done on the thread's own stack, and gives what it made of it. Where no guest is polled, a thread that may
/// block does it. A panic comes back.
///
/// Bound: that of `work` itself, it cannot be cut short. For a future that is polled each time its guest's call is: one
/// that waits for its own waker would wait for ever.
pub async fn on_own_stack<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, mut receiver) = oneshot::channel::<Result<R, Box<dyn Any + Send>>>();
    let job: Job = Box::new(move || {
        // Nobody may want it any more.
        _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
    });
    let made = match leave(job) {
        Ok(()) => {
            pending_once().await;
            receiver.try_recv().ok()
        }
        Err(job) => {
            tokio::task::spawn_blocking(job);
            receiver.await.ok()
        }
    };
    made.expect("done before the guest is polled again")
        .unwrap_or_else(|panic| resume_unwind(panic))
}

fn leave(job: Job) -> Result<(), Job> {
    LEFT.with_borrow_mut(|left| match left {
        Left::Nothing => {
            *left = Left::Job(job);
            Ok(())
        }
        Left::NoPoller | Left::Job(_) => Err(job),
    })
}

/// Without a waker: the poller is there.
async fn pending_once() {
    let mut been = false;
    poll_fn(|_| match mem::replace(&mut been, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// Polls a guest's call, and does what it leaves.
pub(super) fn poll<T>(work: &mut Work<T>, cx: &mut Context<'_>) -> Poll<T> {
    let _poller = Poller::begin();
    loop {
        let polled = work.as_mut().poll(cx);
        let left = LEFT.with_borrow_mut(|left| mem::replace(left, Left::Nothing));
        match left {
            Left::Job(job) if polled.is_pending() => job(),
            _ => return polled,
        }
    }
}

/// One call may be polled by another: each has its own work left.
struct Poller(Left);

impl Poller {
    fn begin() -> Self {
        Self(LEFT.replace(Left::Nothing))
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        LEFT.set(mem::replace(&mut self.0, Left::NoPoller));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// A guest's call, as `Watched` polls it.
    async fn guest<T>(work: impl Future<Output = T> + Send + 'static) -> T {
        let mut work: Work<T> = Box::pin(work);
        poll_fn(move |cx| poll(&mut work, cx)).await
    }

    /// Where the frame of who calls it is.
    #[inline(never)]
    fn frame() -> usize {
        let here = 0u8;
        std::hint::black_box(&raw const here).addr()
    }

    #[tokio::test]
    async fn it_is_done_by_the_poller_and_at_once() {
        let home = thread::current().id();
        let done = guest(async {
            let first = on_own_stack(|| thread::current().id()).await;
            let second = on_own_stack(|| thread::current().id()).await;
            [first, second]
        });
        let mut done = Box::pin(done);
        let polled = poll_fn(|cx| Poll::Ready(done.as_mut().poll(cx))).await;
        assert_eq!(polled, Poll::Ready([home; 2]));
    }

    /// The future stands for the guest's stack: it is polled far down, the work is not.
    #[tokio::test]
    async fn it_is_not_done_where_it_is_asked_for() {
        #[inline(never)]
        fn far_down<T>(work: &mut Work<T>, cx: &mut Context<'_>) -> Poll<T> {
            let room = std::hint::black_box([0u8; 64 << 10]);
            let polled = work.as_mut().poll(cx);
            std::hint::black_box(&room);
            polled
        }
        let mut inner: Work<(usize, usize)> = Box::pin(async {
            let asked = frame();
            (asked, on_own_stack(frame).await)
        });
        let (asked, done) = guest(poll_fn(move |cx| far_down(&mut inner, cx))).await;
        assert!(done > asked + (32 << 10), "{asked:#x} {done:#x}");
    }

    #[tokio::test]
    async fn each_of_two_that_are_polled_together_gets_its_own() {
        let both = guest(async {
            let outer = on_own_stack(|| "outer");
            let inner = guest(async { on_own_stack(|| "inner").await });
            tokio::join!(outer, inner)
        });
        assert_eq!(both.await, ("outer", "inner"));
    }

    #[tokio::test]
    async fn without_a_poller_another_thread_does_it() {
        let home = thread::current().id();
        assert_ne!(on_own_stack(|| thread::current().id()).await, home);
        assert!(guest(async { on_own_stack(|| true).await }).await);
        assert_ne!(on_own_stack(|| thread::current().id()).await, home);
    }

    #[tokio::test]
    async fn a_panic_comes_back_and_leaves_nothing_behind() {
        let panics = tokio::spawn(guest(async {
            on_own_stack(|| panic!("as it was told")).await;
        }));
        let panic = panics.await.unwrap_err().into_panic();
        assert_eq!(*panic.downcast::<&str>().unwrap(), "as it was told");
        assert_eq!(guest(async { on_own_stack(|| 1).await }).await, 1);
    }

    #[tokio::test]
    async fn what_nobody_wants_any_more_does_no_harm() {
        let left = guest(async {
            let dropped = tokio::select! {
                biased;
                _ = on_own_stack(|| 1) => false,
                () = std::future::ready(()) => true,
            };
            (dropped, on_own_stack(|| 2).await)
        });
        assert_eq!(left.await, (true, 2));
    }
}
