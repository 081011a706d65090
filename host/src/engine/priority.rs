//! What a compile may take of the cores, by the scheduler of Linux.

use std::{fmt, str::FromStr};

/// Of a compile. A process may lower its own, and without privileges never raise it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// SCHED_IDLE: what nobody else wants. A thread that wakes up to serve a request has the core at once; one of `nice`
    /// first runs to the end of its slice. Beside a host whose cores are all busy it comes to a standstill.
    Idle,
    /// `nice` 10: a tenth of what a thread that serves requests gets. At 19 it was a seventieth, and a compile of half a
    /// second did not end within ten beside a busy host.
    Low,
}

const NICE: i32 = 10;

impl Priority {
    /// Of a compile. Even what is preempted at once leaves a core with cold caches, so half of them are left alone as long
    /// as the compile gets on.
    pub(super) fn threads(self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match self {
            Self::Idle => cores.div_ceil(2),
            Self::Low => cores,
        }
    }

    /// For the calling thread and those that it starts. Where it cannot be set the compile is right all the same.
    pub(super) fn lower(self) {
        match self {
            Self::Idle => idle(),
            Self::Low => _ = rustix::process::setpriority_process(None, NICE),
        }
    }
}

#[expect(
    unsafe_code,
    reason = "rustix and nix have no sched_setscheduler beside musl's, which always fails"
)]
fn idle() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: it reads the parameters, which live until it returns. 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) };
}

/// On the wire between the host and its compiler.
impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Low => "low",
        })
    }
}

impl FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "idle" => Ok(Self::Idle),
            "low" => Ok(Self::Low),
            _ => Err(format!("the compiler process knows no priority {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Priority;

    /// Fields 19 and 41 of `/proc/<pid>/stat` (proc_pid_stat(5)) of a thread that lowered itself.
    fn nice_and_policy(priority: Priority) -> (i32, u32) {
        let stat = std::thread::spawn(move || {
            priority.lower();
            std::fs::read_to_string("/proc/thread-self/stat").unwrap()
        });
        let stat = stat.join().unwrap();
        let (_, after_name) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = after_name.split(' ').collect();
        (fields[16].parse().unwrap(), fields[38].parse().unwrap())
    }

    #[test]
    fn the_kernel_knows_of_each() {
        let (nice, policy) = nice_and_policy(Priority::Low);
        assert_eq!((nice, policy), (10, 0));
        let (_, policy) = nice_and_policy(Priority::Idle);
        assert_eq!(policy, 5);
    }

    #[test]
    fn each_is_read_as_it_is_written() {
        for priority in [Priority::Idle, Priority::Low] {
            assert_eq!(priority.to_string().parse(), Ok(priority));
        }
        assert!("".parse::<Priority>().is_err());
    }
}
