//! One write that waits for the writer.

use super::{call::Call, connection::Connection};
use crate::storage::Error;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A job keeps all it needs until it is answered, for it may run more than once.
pub(super) trait Work: Send {
    fn call(&self) -> &Arc<Call>;
    fn run(&mut self, connection: &Connection) -> Result<(), Error>;
    /// What `run` found, or why it does not count.
    fn answer(self: Box<Self>, outcome: Result<(), Error>);
}

pub(super) struct Job<T, F> {
    pub(super) call: Arc<Call>,
    pub(super) run: F,
    pub(super) found: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, Error> + Send> Work for Job<T, F> {
    fn call(&self) -> &Arc<Call> {
        &self.call
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Error> {
        self.found = None;
        self.found = Some((self.run)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Error>) {
        let Self { found, reply, .. } = *self;
        let _ = reply.send(
            outcome.and_then(|()| found.ok_or_else(|| Error::other("the write has no result"))),
        );
    }
}
