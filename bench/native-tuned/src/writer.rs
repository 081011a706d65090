//! The one thread that writes. What waits together is committed together and answered after the COMMIT.

use crate::{database::Error, snapshot};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use rusqlite::{Connection, Statement};
use tokio::sync::oneshot;

/// Writes that wait.
const QUEUE: usize = 1024;
/// Writes of one transaction.
const GROUP: usize = 256;

const CREATE: &str =
    "INSERT INTO todos (id, title, entity_ref, created_at, completed) VALUES (?1, ?2, ?3, ?4, 0)
     ON CONFLICT (id) DO NOTHING";

/// What is stored.
pub(crate) struct Todo {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) entity_ref: Option<String>,
    pub(crate) created_at: String,
}

/// Why something was not stored.
pub(crate) enum Failure {
    /// Too much waits already.
    Busy,
    Failed(Error),
}

struct Job {
    todo: Todo,
    reply: oneshot::Sender<Result<(), Error>>,
}

pub(crate) struct Writer(Sender<Job>);

impl Writer {
    /// Returns when the todo is on the disk.
    pub(crate) async fn create(&self, todo: Todo) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        match self.0.try_send(Job { todo, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Failure::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(ended()),
        }
        answer.await.map_err(|_| ended())?.map_err(Failure::Failed)
    }
}

fn ended() -> Failure {
    Failure::Failed(Error("the writer has ended".into()))
}

pub(crate) fn start(connection: Connection) -> std::io::Result<Writer> {
    let (queue, jobs) = crossbeam_channel::bounded(QUEUE);
    std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            // Requests hear of the end from their replies, which are dropped.
            let _ = run(&connection, &jobs);
        })?;
    Ok(Writer(queue))
}

fn run(connection: &Connection, jobs: &Receiver<Job>) -> rusqlite::Result<()> {
    let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
    let mut commit = connection.prepare("COMMIT")?;
    let mut create = connection.prepare(CREATE)?;
    let mut group = Vec::with_capacity(GROUP);
    while let Ok(first) = jobs.recv() {
        snapshot::write_begins();
        let begun = begin.execute([]);
        let mut next = Some(first);
        while let Some(Job { todo, reply }) = next {
            // A statement that fails undoes itself alone.
            group.push((reply, insert(&mut create, &todo)));
            next = (group.len() < GROUP)
                .then(|| jobs.try_recv().ok())
                .flatten();
        }
        let committed = begun.and_then(|_| commit.execute([]));
        if committed.is_err() && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        snapshot::write_ends();
        for (reply, inserted) in group.drain(..) {
            let stored = match &committed {
                Ok(_) => inserted.map_err(Error::from),
                Err(error) => Err(Error(format!("sqlite: {error}"))),
            };
            // Who no longer waits need not know.
            let _ = reply.send(stored);
        }
    }
    Ok(())
}

fn insert(create: &mut Statement<'_>, todo: &Todo) -> rusqlite::Result<()> {
    create.execute((&todo.id, &todo.title, &todo.entity_ref, &todo.created_at))?;
    Ok(())
}
