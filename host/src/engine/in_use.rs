//! What is loaded and in use, by build: plugins of the same bytes share one, and it is loaded once.

use crate::id::BuildId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// Held while it is loaded, so that nobody loads the same beside it.
type Slot<T> = Arc<tokio::sync::Mutex<Weak<T>>>;

/// Holds nothing itself: what the last user drops is gone.
pub(super) struct InUse<T>(Mutex<HashMap<BuildId, Slot<T>>>);

impl<T> Default for InUse<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> InUse<T> {
    /// The one in use, else what `load` brings. Callers for the same build wait for each other; after a failure the next
    /// one tries.
    pub(super) async fn get_or<E>(
        &self,
        build: BuildId,
        load: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let slot = self.slot(build);
        let mut known = slot.lock().await;
        if let Some(found) = known.upgrade() {
            return Ok(found);
        }
        let loaded = Arc::new(load.await?);
        *known = Arc::downgrade(&loaded);
        Ok(loaded)
    }

    fn slot(&self, build: BuildId) -> Slot<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A slot that is nobody's but the map's stays only as long as what it names is in use.
        slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1
                || slot.try_lock().is_ok_and(|known| known.strong_count() > 0)
        });
        slots.entry(build).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        time::Duration,
    };

    /// Loads as number 1, 2, ... after a moment.
    async fn number(loads: &AtomicUsize) -> Result<usize, String> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(loads.fetch_add(1, Relaxed) + 1)
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_gets_the_same() {
        let (in_use, loads) = (InUse::default(), AtomicUsize::new(0));
        let (a, b) = (BuildId::of(b"a"), BuildId::of(b"b"));
        let ask = |build| in_use.get_or(build, number(&loads));
        let (one, two, other) = tokio::join!(ask(a), ask(a), ask(b));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        assert!(!Arc::ptr_eq(&one, &other.unwrap()));
        assert_eq!(loads.load(Relaxed), 2);
        assert!(Arc::ptr_eq(&one, &ask(a).await.unwrap()), "in use still");
    }

    #[tokio::test]
    async fn what_nobody_uses_is_gone() {
        let (in_use, loads) = (InUse::default(), AtomicUsize::new(0));
        let ask = |build| in_use.get_or(build, number(&loads));
        let held = ask(BuildId::of(b"held")).await.unwrap();
        for n in 0..5u8 {
            drop(ask(BuildId::of(&[n])).await.unwrap());
        }
        let again = ask(BuildId::of(&[0])).await.unwrap();
        assert_eq!((*held, *again), (1, 7), "loaded anew");
        assert_eq!(in_use.0.lock().unwrap().len(), 2, "no slot without a user");
    }

    #[tokio::test]
    async fn the_next_one_tries_after_a_failure_or_a_caller_that_goes_away() {
        let (in_use, loads) = (InUse::default(), AtomicUsize::new(0));
        let build = BuildId::of(b"a");
        let fails = async {
            tokio::task::yield_now().await;
            Err("broken".to_owned())
        };
        let (failed, got) = tokio::join!(
            in_use.get_or(build, fails),
            in_use.get_or(build, number(&loads))
        );
        assert_eq!(failed, Err("broken".to_owned()));
        drop(got.unwrap());
        let given_up = in_use.get_or(build, std::future::pending::<Result<usize, String>>());
        tokio::time::timeout(Duration::from_millis(5), given_up)
            .await
            .unwrap_err();
        assert_eq!(*in_use.get_or(build, number(&loads)).await.unwrap(), 2);
    }
}
