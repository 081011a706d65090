//! Lets a thread that only computes sleep for a moment every millisecond, in the compiler's process.
//!
//! A core that becomes idle takes work that waits at others; one on which something always runs probably does not until
//! the scheduler's tick, however low the priority of what runs. Of 30 swaps on 2 cores at half load the p99 of requests was
//! 25 ms beside a compile of SCHED_IDLE, 4.2 beside one that sleeps so, 13 with a sleep every 2 ms, and 4 without a compile.

/// Nanoseconds from one sleep to the next, and those of a sleep: 6 % of a compile on cores that nobody else wants.
const EVERY: i64 = 1_000_000;
const REST: i64 = 60_000;

/// From now on, for the calling thread, by a timer of its own: one of the whole process would find the same thread each
/// time. The process never clears it. Where there is no timer nothing else is different.
#[expect(
    unsafe_code,
    reason = "no library installs a handler that sleeps, and none gives a thread a timer"
)]
pub(super) fn pace() {
    let every = libc::timespec {
        tv_sec: 0,
        tv_nsec: EVERY,
    };
    let times = libc::itimerspec {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: structures of C that are all zero are valid, what the calls read and write lives until each returns, and the
    // handler has the type that sigaction(2) wants without SA_SIGINFO. The process has no other use for SIGALRM.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = rest as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer: libc::timer_t = std::mem::zeroed();
        if libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()) == 0
            && libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) == 0
        {
            libc::timer_settime(timer, 0, &raw const times, std::ptr::null_mut());
        }
    }
}

/// The handler. A thread that waits goes on waiting: its calls are restarted.
#[expect(
    unsafe_code,
    reason = "errno is a place of C, and nanosleep one of its calls"
)]
extern "C" fn rest(_: libc::c_int) {
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: REST,
    };
    // SAFETY: nanosleep(2) reads a value that lives until it returns, and a handler may call it (signal-safety(7)). Its own
    // signal is blocked as long as it runs. What it interrupted finds its errno as it was.
    unsafe {
        let errno = *libc::__errno_location();
        libc::nanosleep(&raw const time, std::ptr::null_mut());
        *libc::__errno_location() = errno;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    /// `voluntary_ctxt_switches` of `/proc/<pid>/status` (proc_pid_status(5)).
    fn slept() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = |line: &str| {
            line.strip_prefix("voluntary_ctxt_switches:")?
                .trim()
                .parse()
                .ok()
        };
        status.lines().find_map(line).unwrap()
    }

    /// Counts what it did, and how often it was put to sleep meanwhile.
    fn compute() -> (u64, u64) {
        let (begun, before, mut done) = (Instant::now(), slept(), 0u64);
        while begun.elapsed() < Duration::from_millis(300) {
            done += 1;
        }
        (done, slept() - before)
    }

    #[test]
    fn each_thread_sleeps_by_its_own_timer() {
        let paced = || {
            std::thread::spawn(|| {
                super::pace();
                compute()
            })
        };
        for thread in [paced(), paced()] {
            let (done, slept) = thread.join().unwrap();
            assert!(done > 0);
            // A machine that is busy elsewhere merges many.
            assert!(slept > 5, "{slept} times in 300 ms");
        }
        let (_, slept) = std::thread::spawn(compute).join().unwrap();
        assert!(slept < 5, "{slept} times, by somebody else's timer");
    }
}
