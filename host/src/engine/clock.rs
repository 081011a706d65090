//! What counts the epoch on, so that guests are looked at while they run. It rests while none does: a thousand wake-ups
//! a second would take about a hundredth of a core of a host that nobody uses.

use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
    time::Duration,
};

/// How often the epoch advances: a guest in an endless loop is looked at this often.
const TICK: Duration = Duration::from_millis(1);

/// Ticks without a guest before the clock rests. Waking it costs more than a tick, so it does not do so between requests.
const REST_AFTER: u32 = 100;

/// While it rests it looks this often whether its engine is still there.
const REST: Duration = Duration::from_secs(1);

/// Of this process: instances that work, or may.
static BUSY: AtomicUsize = AtomicUsize::new(0);
/// Clocks that rest, or are about to.
static RESTING: AtomicUsize = AtomicUsize::new(0);
/// Ticks of all clocks so far.
static TICKS: AtomicU64 = AtomicU64::new(0);
static WAKE: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

/// About milliseconds, of those in which guests run. Two looks at it tell how long what lies between them took.
pub(super) fn ticks() -> u64 {
    TICKS.load(Relaxed)
}

/// Held for as long as a guest may run: the clock does not rest.
#[derive(Debug)]
pub struct Busy(());

impl Busy {
    pub fn begin() -> Self {
        // Counted before the look at the clocks; a clock says that it rests before it looks at the count.
        BUSY.fetch_add(1, SeqCst);
        if RESTING.load(SeqCst) > 0 {
            let _lock = WAKE.0.lock().unwrap_or_else(PoisonError::into_inner);
            WAKE.1.notify_all();
        }
        Self(())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, SeqCst);
    }
}

/// The thread ends by itself when the engine is gone.
pub(super) fn start(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let clock = move || {
        let mut idle = 0;
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            TICKS.fetch_add(1, Relaxed);
            drop(engine);
            thread::sleep(TICK);
            idle = if BUSY.load(SeqCst) == 0 { idle + 1 } else { 0 };
            if idle >= REST_AFTER {
                rest();
            }
        }
    };
    thread::Builder::new()
        .name("epoch".into())
        .spawn(clock)
        .map(drop)
}

/// Until a guest is about to run, at most for `REST`.
fn rest() {
    let lock = WAKE.0.lock().unwrap_or_else(PoisonError::into_inner);
    RESTING.fetch_add(1, SeqCst);
    let _lock = WAKE
        .1
        .wait_timeout_while(lock, REST, |()| BUSY.load(SeqCst) == 0);
    RESTING.fetch_sub(1, SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_clock_that_rests_is_woken() {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let engine = wasmtime::Engine::new(&config).unwrap();
        start(&engine).unwrap();
        let begun = Instant::now();
        // Other tests of this process may keep it awake for a while.
        while RESTING.load(SeqCst) == 0 && begun.elapsed() < Duration::from_secs(30) {
            thread::sleep(TICK);
        }
        let _busy = Busy::begin();
        // (module (func (export "spin") (loop br 0)))
        let spin = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x08\x01\x04spin\0\0\
            \x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";
        let module = wasmtime::Module::new(&engine, spin).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        store.set_epoch_deadline(2);
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
        let spin = instance
            .get_typed_func::<(), ()>(&mut store, "spin")
            .unwrap();
        let trap = spin.call(&mut store, ()).unwrap_err();
        assert_eq!(trap.downcast_ref(), Some(&wasmtime::Trap::Interrupt));
    }
}
