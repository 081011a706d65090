//! What a running host holds, as the system tells it.

use greenroom_tests::Host;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    collections::HashSet,
    fmt, fs,
    thread::sleep,
    time::{Duration, Instant},
};

/// By which a host that leaks none may differ: a database's readers come and go, of two files each, as do threads.
pub(crate) const DESCRIPTORS: usize = 16;
const THREADS: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub descriptors: usize,
    pub threads: u64,
    /// Resident memory.
    pub kib: u64,
    /// The most that was resident since the start, or since [`forget_peak`].
    pub peak_kib: u64,
}

impl Process {
    pub fn of(host: &Host) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", host.pid()));
        let status = status.expect("a running process");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.and_then(|n| n.parse().ok()).expect("a number")
        };
        Self {
            descriptors: fs::read_dir(format!("/proc/{}/fd", host.pid()))
                .expect("a running process")
                .count(),
            threads: field("Threads:"),
            kib: field("VmRSS:"),
            peak_kib: field("VmHWM:"),
        }
    }
}

impl Process {
    /// Whether it holds what it held before.
    pub fn is_again(&self, before: &Self) -> bool {
        self.descriptors <= before.descriptors + DESCRIPTORS
            && self.threads <= before.threads + THREADS
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} descriptors, {} threads, {} MiB",
            self.descriptors,
            self.threads,
            self.kib >> 10
        )
    }
}

/// From here on the peak is counted anew.
pub fn forget_peak(host: &Host) {
    let path = format!("/proc/{}/clear_refs", host.pid());
    fs::write(&path, "5").unwrap_or_else(|e| panic!("{path}: {e}"));
}

/// The ports of the clients whose connections the host has open.
pub fn peers(host: &Host) -> HashSet<u16> {
    let table = fs::read_to_string("/proc/net/tcp").expect("the system's connections");
    let port = |address: &str| {
        let (_, port) = address.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    let accepted = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let own = port(fields[1]) == Some(host.address().port());
        // Neither the one that listens, nor those that the system alone still has.
        (own && fields[3] != "0A" && fields[9] != "0").then(|| port(fields[2]))?
    });
    accepted.collect()
}

/// Whether it holds within this time.
pub fn wait_until(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + time;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        sleep(Duration::from_millis(50));
    }
}

/// As many descriptors as this process may have.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("the limit may be raised to its maximum");
}
