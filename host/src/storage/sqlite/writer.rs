//! The one thread that writes to a database. Jobs that wait together are committed together: they run in one
//! transaction, and are answered after its COMMIT. Savepoints, which cost as much as a small INSERT, are left out until a
//! job fails: then the group starts over with one for each, and only the failed job is undone.

use super::{
    call::{Call, Caller},
    connection::Connection,
    hold::{Held, Hold},
    job::{Job, Work},
    mailbox::{Mailbox, Post, Undelivered, mailbox},
    readers::Audience,
};
use crate::storage::Error;
use crossbeam_channel::{Receiver, Sender, select_biased};
use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// Jobs that wait for the writer.
const QUEUE: usize = 1024;

/// Jobs of one group.
const GROUP: usize = 256;

/// A group takes no further job after this time: who is in it waits for its COMMIT.
const LONGEST_GROUP: Duration = Duration::from_millis(20);

/// Between two looks for idle connections.
const TICK: Duration = Duration::from_secs(10);

/// Groups with a savepoint for every job, after one failed without: where one fails, others will.
const CAREFUL_GROUPS: u32 = 64;

/// For the COMMIT and what runs again, after the deadline of a job that was under way.
const COMMIT_GRACE: Duration = Duration::from_secs(30);

enum Command {
    Job(Box<dyn Work>),
    Hold(Hold),
    /// Runs with no transaction open.
    Alone(Box<dyn FnOnce(&mut Connection) -> Answer + Send>),
}

/// Sends an answer.
type Answer = Box<dyn FnOnce()>;

pub(crate) struct Writer {
    queue: Post<Command>,
    /// Dropped by `close`: whoever holds the writer then ends.
    stop: Mutex<Option<Sender<Infallible>>>,
}

impl Writer {
    /// `alive` is dropped when the thread has ended.
    pub(super) fn start(
        connection: Connection,
        audience: Audience,
        alive: mpsc::Sender<()>,
    ) -> std::io::Result<Self> {
        let (queue, commands) = mailbox(QUEUE);
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let mut thread = Thread {
            connection,
            audience,
            commands,
            stopped,
            group: Vec::with_capacity(GROUP),
            careful: 0,
        };
        std::thread::Builder::new()
            .name("sql-writer".into())
            .spawn(move || {
                thread.run();
                drop(thread);
                drop(alive);
            })?;
        Ok(Self {
            queue,
            stop: Mutex::new(Some(stop)),
        })
    }

    /// Runs `run` in the next group. It may be called more than once; the last call counts.
    pub(crate) async fn submit<T, F>(&self, until: Instant, run: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let call = Call::new(until);
        let caller = Caller(call.clone());
        let (reply, answer) = oneshot::channel();
        self.send(Command::Job(Box::new(Job {
            call,
            run,
            found: None,
            reply,
        })))?;
        wait(caller, answer).await
    }

    /// Takes the writer for a transaction that the caller drives.
    pub(super) async fn hold(&self, until: Instant) -> Result<Held, Error> {
        let call = Call::new(until);
        let caller = Caller(call.clone());
        let (reply, answer) = oneshot::channel();
        self.send(Command::Hold(Hold { call, reply }))?;
        wait(caller, answer).await
    }

    /// Runs `run` between groups. Waits as long as it takes: what runs there bounds itself.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Alone(Box::new(move |connection| {
            let outcome = run(connection);
            Box::new(move || drop(reply.send(outcome)))
        })))?;
        answer.await.map_err(|_| Error::closed())
    }

    fn send(&self, command: Command) -> Result<(), Error> {
        self.queue.send(command).map_err(|error| match error {
            Undelivered::Full => {
                Error::Unavailable(format!("{QUEUE} writes wait already; try again later"))
            }
            Undelivered::Closed => Error::closed(),
        })
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Ends the thread after the jobs that wait already.
    pub(super) fn close(&self) {
        self.stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

/// Waits for the writer's answer: until the deadline while the job still queues, and for the outcome once it runs.
async fn wait<T>(
    caller: Caller,
    mut answer: oneshot::Receiver<Result<T, Error>>,
) -> Result<T, Error> {
    let until = caller.0.until;
    if let Ok(answer) = tokio::time::timeout_at(until.into(), &mut answer).await {
        return answer.unwrap_or_else(|_| Err(Error::closed()));
    }
    if caller.0.withdraw() {
        return Err(Error::TimedOut);
    }
    match tokio::time::timeout_at((until + COMMIT_GRACE).into(), answer).await {
        Ok(answer) => answer.unwrap_or_else(|_| Err(Error::closed())),
        Err(_) => Err(Error::OutcomeUnknown(
            "the disk did not finish the commit in time".into(),
        )),
    }
}

enum Next {
    Command(Command),
    Idle,
    /// Nobody can or may send any more.
    Closed,
}

struct Thread {
    connection: Connection,
    audience: Audience,
    commands: Mailbox<Command>,
    stopped: Receiver<Infallible>,
    /// Jobs that ran in the open group, in order, with what came of them.
    group: Vec<(Box<dyn Work>, Result<(), Error>)>,
    /// Groups from this one on in which every job has a savepoint.
    careful: u32,
}

impl Thread {
    fn run(&mut self) {
        let mut next = None;
        loop {
            let command = match next
                .take()
                .map_or_else(|| self.next_command(), Next::Command)
            {
                Next::Command(command) => command,
                Next::Idle => {
                    self.audience.rest();
                    continue;
                }
                Next::Closed => return,
            };
            match command {
                Command::Job(job) => next = self.run_group(job),
                Command::Hold(hold) => hold.run(&self.connection, &self.audience, &self.stopped),
                Command::Alone(run) => self.run_alone(run),
            }
            self.audience.look_away();
        }
    }

    /// It may change the file on other connections: before and after it the readers look anew.
    fn run_alone(&mut self, run: impl FnOnce(&mut Connection) -> Answer) {
        self.audience.count_commit();
        self.audience.look_away();
        let answer = catch_unwind(AssertUnwindSafe(|| run(&mut self.connection)));
        self.connection.roll_back();
        self.audience.count_commit();
        match answer {
            Ok(answer) => answer(),
            Err(_) => tracing::error!("a task of the database's writer panicked"),
        }
    }

    fn next_command(&self) -> Next {
        select_biased! {
            recv(self.commands.queue()) -> command => command.map_or(Next::Closed, Next::Command),
            // After `close` only what waits already is run.
            recv(self.stopped) -> _ => self.commands.queue().try_recv().map_or(Next::Closed, Next::Command),
            default(TICK) => Next::Idle,
        }
    }

    /// Runs this job and those that wait behind it. Answers the command that is not for a group, if one came.
    fn run_group(&mut self, first: Box<dyn Work>) -> Option<Command> {
        if let Err(error) = self.connection.begin_write() {
            first.answer(Err(error));
            return None;
        }
        let started = Instant::now();
        let mut next = Some(first);
        let mut other = None;
        while let Some(mut job) = next.take() {
            if !job.call().start() {
                job.answer(Err(Error::TimedOut));
            } else {
                let bare = self.careful == 0;
                let outcome = if bare {
                    self.run_watched(&mut *job)
                } else {
                    self.run_in_savepoint(&mut *job)
                };
                let failed = bare && outcome.is_err();
                if self.connection.is_autocommit() || (failed && !self.start_over()) {
                    // The group's transaction is gone, by this job or because it could not start over. This job's own
                    // error stands; the others run again, each alone.
                    job.answer(
                        outcome.and(Err(Error::other("the transaction ended unexpectedly"))),
                    );
                    self.run_group_again();
                    return other;
                }
                self.group.push((job, outcome));
            }
            if self.group.len() < GROUP && started.elapsed() < LONGEST_GROUP {
                match self.commands.queue().try_recv() {
                    Ok(Command::Job(job)) => next = Some(job),
                    Ok(command) => other = Some(command),
                    Err(_) => {}
                }
            }
        }
        self.careful = self.careful.saturating_sub(1);
        match self.connection.control("COMMIT") {
            Ok(()) => {
                self.audience.count_commit();
                self.group
                    .drain(..)
                    .for_each(|(job, outcome)| job.answer(outcome));
            }
            Err(error) => {
                self.connection.roll_back();
                tracing::debug!(%error, jobs = self.group.len(), "a group could not be committed; its jobs run one by one");
                self.run_group_again();
            }
        }
        other
    }

    /// Takes back the group, and runs its jobs again in a new transaction, with savepoints. False: that did not work
    /// either, and no transaction is open.
    ///
    /// SQLite alone takes back only some of what a failed statement did: after a value of the wrong type in a STRICT
    /// table, a cascade that is too deep or `OR FAIL` the rows before are still there.
    fn start_over(&mut self) -> bool {
        self.careful = CAREFUL_GROUPS;
        self.connection.roll_back();
        if self.connection.begin_write().is_err() {
            return false;
        }
        let mut group = std::mem::take(&mut self.group);
        let done = group.iter_mut().all(|(job, outcome)| {
            *outcome = if job.call().is_in_time() {
                self.run_in_savepoint(&mut **job)
            } else {
                Err(Error::TimedOut)
            };
            !self.connection.is_autocommit()
        });
        self.group = group;
        if !done {
            self.connection.roll_back();
        }
        done
    }

    fn run_in_savepoint(&self, job: &mut dyn Work) -> Result<(), Error> {
        self.connection.control("SAVEPOINT _greenroom_job")?;
        let outcome = self.run_watched(job);
        if self.connection.is_autocommit() {
            return outcome;
        }
        let undone = if outcome.is_err() {
            self.connection.control("ROLLBACK TO _greenroom_job")
        } else {
            Ok(())
        };
        if let Err(error) = undone.and_then(|()| self.connection.control("RELEASE _greenroom_job"))
        {
            // Whatever is left of this job must not be committed with the others.
            self.connection.roll_back();
            return Err(error);
        }
        outcome
    }

    fn run_watched(&self, job: &mut dyn Work) -> Result<(), Error> {
        let call = job.call().clone();
        self.connection.watch.arm(call.until, None, Some(call));
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(&self.connection)))
            .unwrap_or_else(|_| Err(Error::other("the host failed to run the write")));
        self.connection.watch.disarm();
        outcome
    }

    /// The group's transaction is gone: each of its jobs runs again in a transaction of its own.
    fn run_group_again(&mut self) {
        for (mut job, _) in std::mem::take(&mut self.group) {
            let outcome = if job.call().is_in_time() {
                self.run_by_itself(&mut *job)
            } else {
                Err(Error::TimedOut)
            };
            job.answer(outcome);
        }
    }

    fn run_by_itself(&self, job: &mut dyn Work) -> Result<(), Error> {
        self.connection.begin_write()?;
        let outcome = self.run_watched(job).and_then(|()| {
            if self.connection.is_autocommit() {
                return Err(Error::other("the transaction ended unexpectedly"));
            }
            self.connection.control("COMMIT")
        });
        self.connection.roll_back();
        self.audience.count_commit();
        outcome
    }
}
