//! Work that a host call has done on the thread's own stack.
//!
//! A host call runs on its guest's stack, of which only the engine knows where it ends. Whoever polls its guest's call is on
//! the thread's: a host call leaves such work to that one, and is pending; the poller does it and polls again at once.

use std::{
    any::Any,
    cell::RefCell,
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// Bytes of the stack of a thread that polls guests: room for a decision of the policies (`permissions/stack.rs`) below
/// all that has called it. Memory is what was used of it once.
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

/// Has `work` done on the thread's own stack, and gives what it made of it. Where nobody polls a guest, which is in tests
/// alone, a thread that may block does it. A panic comes back.
///
/// Bound: that of `work` itself, it cannot be cut short. For a future that is polled each time its guest's call is: one
/// that waits for its own waker would wait for ever.
pub async fn on_own_stack<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, mut receiver) = oneshot::channel::<Result<R, Box<dyn Any + Send>>>();
    let job: Job = Box::new(move || {
        // Nobody may want it any more.
        _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
    });
    match leave(job) {
        Ok(()) => pending_once().await,
        Err(job) => _ = tokio::task::spawn_blocking(job).await,
    }
    let made = receiver.try_recv().expect("the work has been done");
    made.unwrap_or_else(|panic| resume_unwind(panic))
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
pub(super) fn poll_guest<F>(mut call: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output>
where
    F: Future + ?Sized,
{
    let _poller = Poller::begin();
    loop {
        let polled = call.as_mut().poll(cx);
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
        drop(LEFT.replace(mem::replace(&mut self.0, Left::NoPoller)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::{thread, time::Duration};
    use tokio::time::timeout;

    /// A guest's call, as it is polled.
    async fn guest<F: Future>(call: F) -> F::Output {
        let mut call = Box::pin(call);
        let call = poll_fn(move |cx| poll_guest(call.as_mut(), cx));
        let patience = Duration::from_secs(60);
        timeout(patience, call).await.expect("nothing is lost")
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
        fn far_down<F: Future>(work: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
            let room = std::hint::black_box([0u8; 64 << 10]);
            let polled = work.poll(cx);
            std::hint::black_box(&room);
            polled
        }
        let mut inner = Box::pin(async {
            let asked = frame();
            (asked, on_own_stack(frame).await)
        });
        let (asked, done) = guest(poll_fn(move |cx| far_down(inner.as_mut(), cx))).await;
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
    async fn a_panic_comes_back_to_who_asked_and_leaves_nothing_behind() {
        let told = guest(async {
            let panics = on_own_stack(|| panic!("as it was told"));
            let panic = AssertUnwindSafe(panics).catch_unwind().await.unwrap_err();
            *panic.downcast::<&str>().unwrap()
        });
        assert_eq!(told.await, "as it was told");
        // The poller's own: it has no work left, and is none any more.
        let dies = AssertUnwindSafe(guest(async {
            _ = on_own_stack(|| 1).now_or_never();
            panic!("with work left")
        }));
        assert!(dies.catch_unwind().await.is_err());
        let home = thread::current().id();
        assert_ne!(on_own_stack(|| thread::current().id()).await, home);
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
