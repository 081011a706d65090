//! A database's reading connections: a bounded stack for reads on async workers, and a few threads for slow reads.

use super::{
    call::{Call, Caller},
    connection::{Connection, Role, Settings},
};
use crate::storage::Error;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// Connections of one database, open at once. More callers than this at the same time go to the threads.
const MOST_CONNECTIONS: usize = 40;

/// Slow reads of one database that run at once.
const THREADS: usize = 4;

/// How long an async worker may spend on one read.
const INLINE_BUDGET: Duration = Duration::from_millis(1);

/// Slow reads that wait.
const QUEUE: usize = 1024;

/// An unused connection or thread ends after this.
const IDLE: Duration = Duration::from_secs(20);

/// For the answer of a read that the progress handler ended, on its way back.
const GRACE: Duration = Duration::from_millis(100);

/// Of the threads, as `nice` counts: what takes long takes what short requests leave. As for guests that run for long.
const NICE: i32 = 10;

type Task = Box<dyn FnOnce() + Send>;

pub(crate) struct Readers {
    settings: Settings,
    state: Mutex<State>,
    work: Condvar,
    /// Commits so far. It grows before a write is answered, so a read that follows one sees it.
    commits: AtomicU64,
    /// Cloned by each thread: when all are dropped, all threads have ended.
    alive: Mutex<Option<mpsc::Sender<()>>>,
}

#[derive(Default)]
struct State {
    /// The last one was used last.
    idle: Vec<(Connection, Instant)>,
    open: usize,
    queue: VecDeque<Task>,
    threads: usize,
    waiting_threads: usize,
    closed: bool,
}

/// A connection on loan; goes back when dropped.
pub(super) struct Lease {
    connection: Option<Connection>,
    readers: Arc<Readers>,
}

impl std::ops::Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("a lease holds its connection until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        connection.watch.disarm();
        let mut state = self.readers.state();
        if state.closed || std::thread::panicking() {
            state.open -= 1;
            drop(state);
        } else {
            // Under the lock: who commits counts first and then looks through the idle ones, so one of the two sees
            // the other.
            if !connection.keeps_looking(self.readers.commits()) {
                connection.look_away();
            }
            state.idle.push((connection, Instant::now()));
        }
    }
}

/// What the writer tells the readers.
pub(super) struct Audience(pub(super) Weak<Readers>);

impl Audience {
    /// After a commit, and before anybody learns of it.
    pub(super) fn count_commit(&self) {
        if let Some(readers) = self.0.upgrade() {
            readers.commits.fetch_add(1, SeqCst);
        }
    }

    /// After the answers to a commit, and before work on the whole file.
    pub(super) fn look_away(&self) {
        if let Some(readers) = self.0.upgrade() {
            readers.look_away();
        }
    }

    /// Now and then, while there is nothing to write.
    pub(super) fn rest(&self) {
        if let Some(readers) = self.0.upgrade() {
            readers.trim();
        }
    }
}

impl Readers {
    pub(super) fn new(settings: Settings, alive: mpsc::Sender<()>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            state: Mutex::default(),
            work: Condvar::new(),
            commits: AtomicU64::new(0),
            alive: Mutex::new(Some(alive)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commits(&self) -> u64 {
        self.commits.load(SeqCst)
    }

    /// A connection without a snapshot, opened when none is idle. None: all are in use.
    pub(super) fn lease(self: &Arc<Self>) -> Result<Option<Lease>, Error> {
        let lease = self.take()?;
        if let Some(lease) = &lease {
            lease.look_away();
        }
        Ok(lease)
    }

    /// As [`Self::lease`], for one read, which may share a snapshot with the read before it.
    pub(super) fn lease_looking(self: &Arc<Self>, now: Instant) -> Result<Option<Lease>, Error> {
        let commits = self.commits();
        let lease = self.take()?;
        if let Some(lease) = &lease {
            lease.look(commits, now)?;
        }
        Ok(lease)
    }

    fn take(self: &Arc<Self>) -> Result<Option<Lease>, Error> {
        {
            let mut state = self.state();
            if state.closed {
                return Err(Error::closed());
            }
            if let Some((connection, _)) = state.idle.pop() {
                return Ok(Some(Lease {
                    connection: Some(connection),
                    readers: self.clone(),
                }));
            }
            if state.open >= MOST_CONNECTIONS {
                return Ok(None);
            }
            state.open += 1;
        }
        match Connection::open(&self.settings, Role::Reader) {
            Ok(connection) => Ok(Some(Lease {
                connection: Some(connection),
                readers: self.clone(),
            })),
            Err(error) => {
                self.state().open -= 1;
                Err(Error::Unavailable(format!(
                    "a reader could not be opened: {error}"
                )))
            }
        }
    }

    /// When a read that starts on an async worker must leave it.
    pub(super) fn inline_end(start: Instant) -> Instant {
        start + INLINE_BUDGET
    }

    /// Runs a read on a thread of the database, on a connection of the stack.
    pub(super) async fn on_thread<T, F>(
        self: &Arc<Self>,
        until: Instant,
        run: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Arc<Call>) -> Result<T, Error> + Send + 'static,
    {
        let readers = self.clone();
        let task = self.task(until, move |call| {
            let busy = || {
                Error::Unavailable("all connections of the database are in use; try again".into())
            };
            let lease = readers.lease()?.ok_or_else(busy)?;
            run(&lease, call)
        });
        task.await
    }

    /// Runs a task on a thread of the database. The answer comes at `until` at the latest, wherever the task stands.
    pub(super) async fn task<T, F>(self: &Arc<Self>, until: Instant, run: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Arc<Call>) -> Result<T, Error> + Send + 'static,
    {
        let call = Call::new(until);
        let _caller = Caller(call.clone());
        let (reply, answer) = oneshot::channel();
        self.push(Box::new(move || {
            if call.start() {
                let _ = reply.send(run(&call));
            }
        }))?;
        match tokio::time::timeout_at((until + GRACE).into(), answer).await {
            Ok(Ok(result)) => result,
            // Skipped because its time was over, or the thread panicked.
            Ok(Err(_)) if Instant::now() < until => {
                Err(Error::other("the host failed to run the read"))
            }
            Ok(Err(_)) | Err(_) => Err(Error::TimedOut),
        }
    }

    fn push(self: &Arc<Self>, task: Task) -> Result<(), Error> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::closed());
        }
        if state.queue.len() >= QUEUE {
            return Err(Error::Unavailable(format!(
                "{QUEUE} slow reads wait already; try again later"
            )));
        }
        state.queue.push_back(task);
        if state.queue.len() > state.waiting_threads && state.threads < THREADS {
            state.threads += 1;
            drop(state);
            self.spawn()?;
        } else {
            drop(state);
            self.work.notify_one();
        }
        Ok(())
    }

    fn spawn(self: &Arc<Self>) -> Result<(), Error> {
        let readers = self.clone();
        let alive = self
            .alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let thread = std::thread::Builder::new()
            .name("sql-reader".into())
            .spawn(move || {
                // Where it may not, the thread runs as the others do.
                let _ = rustix::process::setpriority_process(None, NICE);
                readers.work_until_idle();
                drop(alive);
            });
        thread.map(drop).map_err(|error| {
            self.state().threads -= 1;
            Error::Unavailable(format!("no thread could be started for the read: {error}"))
        })
    }

    fn work_until_idle(&self) {
        let mut state = self.state();
        loop {
            if let Some(task) = state.queue.pop_front() {
                drop(state);
                // A panic ends the read, whose caller sees its answer dropped, and nothing else.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
                state = self.state();
                continue;
            }
            if state.closed {
                break;
            }
            state.waiting_threads += 1;
            let (back, wait) = self
                .work
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = back;
            state.waiting_threads -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }

    /// Ends the snapshots of idle connections: they would hold up the write-ahead log.
    fn look_away(&self) {
        for (connection, _) in &self.state().idle {
            connection.look_away();
        }
    }

    /// Closes connections that were not used for a while, and ends the snapshots of the others.
    fn trim(&self) {
        self.look_away();
        let old = {
            let mut state = self.state();
            let fresh = state
                .idle
                .partition_point(|(_, used)| used.elapsed() > IDLE);
            let old: Vec<_> = state.idle.drain(..fresh).collect();
            state.open -= old.len();
            old
        };
        drop(old);
    }

    /// No new reads; threads end after what they run, connections when they come back.
    pub(super) fn close(&self) {
        let (idle, queue) = {
            let mut state = self.state();
            state.closed = true;
            state.open -= state.idle.len();
            (
                std::mem::take(&mut state.idle),
                std::mem::take(&mut state.queue),
            )
        };
        drop((idle, queue));
        self.work.notify_all();
        self.alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.open, state.threads)
    }
}
