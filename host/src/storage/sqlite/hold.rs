//! A caller's transaction that writes, on the writer's thread: it holds the writer from BEGIN to its end.

use super::{
    call::{Call, Caller},
    connection::Connection,
    mailbox::{Mailbox, Post, Undelivered, mailbox},
    readers::Audience,
};
use crate::storage::Error;
use crossbeam_channel::{Receiver, select};
use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// A step under way ends at its deadline; this is for the answer, and for the disk at COMMIT.
const GRACE: Duration = Duration::from_secs(30);

/// In the writer's queue.
pub(super) struct Hold {
    pub(super) call: Arc<Call>,
    pub(super) reply: oneshot::Sender<Result<Held, Error>>,
}

/// The caller's end. Dropped, the transaction rolls back.
pub(super) struct Held {
    steps: Post<Step>,
    /// Why the transaction ended, when it was not the caller who ended it.
    ended: Arc<OnceLock<Error>>,
}

/// Gets the connection and the end of the transaction.
type Run = Box<dyn FnOnce(&Connection, Instant) + Send>;

enum Step {
    Run(Run),
    Commit(oneshot::Sender<Result<(), Error>>),
    RollBack(oneshot::Sender<Result<(), Error>>),
}

impl Hold {
    /// Runs the transaction to its end.
    pub(super) fn run(
        self,
        connection: &Connection,
        audience: &Audience,
        stopped: &Receiver<Infallible>,
    ) {
        if !self.call.start() {
            let _ = self.reply.send(Err(Error::TimedOut));
            return;
        }
        if let Err(error) = connection.begin_write() {
            let _ = self.reply.send(Err(error));
            return;
        }
        let (steps, queue) = mailbox(4);
        let ended = Arc::new(OnceLock::new());
        if self
            .reply
            .send(Ok(Held {
                steps,
                ended: ended.clone(),
            }))
            .is_ok()
        {
            // Set before the queue is dropped, so that a waiting caller finds the reason.
            if let Err(reason) = serve(connection, audience, &queue, stopped) {
                let _ = ended.set(reason);
            }
        }
        connection.roll_back();
    }
}

/// Error: why it ended without the caller.
fn serve(
    connection: &Connection,
    audience: &Audience,
    steps: &Mailbox<Step>,
    stopped: &Receiver<Infallible>,
) -> Result<(), Error> {
    let end = Instant::now() + connection.limits.transaction_time;
    loop {
        let idle_end = (Instant::now() + connection.limits.transaction_idle).min(end);
        let step = select! {
            recv(steps.queue()) -> step => match step {
                Ok(step) => step,
                Err(_) => return Ok(()),
            },
            recv(stopped) -> _ => return Err(Error::closed()),
            default(idle_end.saturating_duration_since(Instant::now())) => return Err(Error::TimedOut),
        };
        match step {
            Step::Run(run) => {
                let panicked = catch_unwind(AssertUnwindSafe(|| run(connection, end))).is_err();
                connection.watch.disarm();
                if panicked || connection.is_autocommit() {
                    return Err(Error::Closed(
                        "an error rolled the transaction back; run it again from its begin".into(),
                    ));
                }
            }
            Step::Commit(reply) => {
                let outcome = connection.control("COMMIT");
                connection.roll_back();
                audience.count_commit();
                let _ = reply.send(outcome);
                return Ok(());
            }
            Step::RollBack(reply) => {
                connection.roll_back();
                let _ = reply.send(Ok(()));
                return Ok(());
            }
        }
    }
}

impl Held {
    /// Runs one step inside the transaction.
    pub(super) async fn step<T: Send + 'static>(
        &self,
        until: Instant,
        run: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let call = Call::new(until);
        let _caller = Caller(call.clone());
        let (reply, answer) = oneshot::channel();
        let step = Step::Run(Box::new(move |connection, end| {
            let outcome = if call.start() {
                connection.watch.arm(until.min(end), None, Some(call));
                run(connection)
            } else {
                Err(Error::TimedOut)
            };
            let _ = reply.send(outcome);
        }));
        self.send(step)?;
        self.wait(until, answer).await
    }

    pub(super) async fn commit(&self, until: Instant) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Step::Commit(reply))?;
        self.wait(until, answer).await
    }

    pub(super) async fn roll_back(&self, until: Instant) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Step::RollBack(reply))?;
        self.wait(until, answer).await
    }

    fn send(&self, step: Step) -> Result<(), Error> {
        self.steps.send(step).map_err(|error| match error {
            Undelivered::Full => {
                Error::Denied("an earlier call of this transaction still runs; wait for it".into())
            }
            Undelivered::Closed => self.reason(),
        })
    }

    async fn wait<T>(
        &self,
        until: Instant,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout_at((until + GRACE).into(), answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(self.reason()),
            Err(_) => Err(Error::OutcomeUnknown(
                "the disk did not answer in time".into(),
            )),
        }
    }

    fn reason(&self) -> Error {
        self.ended.get().cloned().unwrap_or_else(Error::closed)
    }
}
