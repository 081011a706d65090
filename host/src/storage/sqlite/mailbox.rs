//! A bounded queue whose end answers everybody: a message that nobody will take is dropped at once, and with it the
//! sender of its answer. (A channel alone keeps such messages for as long as a sender is there.)

use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) struct Post<T> {
    queue: Sender<T>,
    open: Open,
}

pub(super) struct Mailbox<T> {
    queue: Receiver<T>,
    open: Open,
}

/// Why a message was not taken in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    Full,
    Closed,
}

#[derive(Clone)]
struct Open(Arc<Mutex<bool>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn mailbox<T>(capacity: usize) -> (Post<T>, Mailbox<T>) {
    let (sender, receiver) = crossbeam_channel::bounded(capacity);
    let open = Open(Arc::new(Mutex::new(true)));
    (
        Post {
            queue: sender,
            open: open.clone(),
        },
        Mailbox {
            queue: receiver,
            open,
        },
    )
}

impl<T> Post<T> {
    /// Never blocks.
    pub(super) fn send(&self, message: T) -> Result<(), Undelivered> {
        let open = self.open.lock();
        if !*open {
            return Err(Undelivered::Closed);
        }
        self.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Undelivered::Full,
            TrySendError::Disconnected(_) => Undelivered::Closed,
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl<T> Mailbox<T> {
    pub(super) fn queue(&self) -> &Receiver<T> {
        &self.queue
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        *self.open.lock() = false;
        // Nothing is sent any more; what is left is dropped here.
        while self.queue.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_left_at_the_end_are_dropped() {
        let (post, mailbox) = mailbox(2);
        let message = Arc::new(());
        assert_eq!(post.send(message.clone()), Ok(()));
        assert_eq!(post.send(message.clone()), Ok(()));
        assert_eq!(post.send(message.clone()), Err(Undelivered::Full));
        assert!(mailbox.queue().recv().is_ok());
        drop(mailbox);
        assert_eq!(Arc::strong_count(&message), 1);
        assert_eq!(post.send(message), Err(Undelivered::Closed));
    }
}
