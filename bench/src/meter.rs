//! What a process costs: CPU time and memory, as the kernel counts them.

use crate::child;
use anyhow::{Context, Result};
use nix::{
    sys::resource::{UsageWho, getrusage},
    time::{ClockId, clock_getcpuclockid},
};
use std::{fs, time::Duration};

/// Counts from its start.
pub(crate) struct Meter {
    pid: u32,
    clock: ClockId,
    before: Duration,
}

/// What was used since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// By all threads of the process, those that ended included; user and system time.
    pub(crate) cpu: Duration,
    /// The most that was resident at once, in bytes.
    pub(crate) peak: u64,
}

impl Meter {
    pub(crate) fn start(pid: u32) -> Result<Self> {
        // The process' CPU clock is the scheduler's own sum: nanoseconds, where /proc/PID/stat has ticks of 10 ms.
        let clock = clock_getcpuclockid(child::pid(pid)?)
            .with_context(|| format!("process {pid} has no CPU clock"))?;
        // 5 resets the high-water mark of resident memory: proc_pid_clear_refs(5).
        fs::write(format!("/proc/{pid}/clear_refs"), "5")
            .with_context(|| format!("cannot reset the peak of process {pid}"))?;
        let before = now(clock)?;
        Ok(Self { pid, clock, before })
    }

    pub(crate) fn stop(self) -> Result<Usage> {
        let cpu = now(self.clock)?.saturating_sub(self.before);
        let peak = memory(self.pid, "VmHWM")?;
        Ok(Usage { cpu, peak })
    }
}

fn now(clock: ClockId) -> Result<Duration> {
    Ok(clock.now().context("cannot read a CPU clock")?.into())
}

/// CPU time of all children that have ended and were waited for.
pub(crate) fn ended_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    let micros = [usage.user_time(), usage.system_time()]
        .map(|t| i128::from(t.tv_sec()) * 1_000_000 + i128::from(t.tv_usec()));
    Ok(Duration::from_micros(u64::try_from(micros[0] + micros[1])?))
}

fn memory(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    field_of(&status, field).with_context(|| format!("no {field} in {path}"))
}

/// A line such as `VmHWM:  12345 kB`, in bytes.
fn field_of(status: &str, field: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn memory_is_read_from_the_status() {
        let status = "Name:\twrk\nVmPeak:\t  900 kB\nVmHWM:\t     12 kB\n";
        assert_eq!(field_of(status, "VmHWM"), Some(12 * 1024));
        assert_eq!(field_of(status, "VmRSS"), None);
    }

    #[test]
    fn a_busy_process_uses_the_cpu() {
        let meter = Meter::start(std::process::id()).unwrap();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(50) {}
        let usage = meter.stop().unwrap();
        assert!(usage.cpu > Duration::from_millis(1), "{usage:?}");
        assert!(usage.peak > 100_000, "{usage:?}");
    }
}
