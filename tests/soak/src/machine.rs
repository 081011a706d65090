//! What the machine does, as the system counts it.

use std::fs;

/// Of all cores together since the system started, in ticks: proc_stat(5).
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    idle: u64,
    all: u64,
}

impl Cores {
    pub fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").expect("the system's counts");
        let line = stat.lines().next().unwrap_or_default();
        // user, nice, system, idle, iowait, irq, softirq, steal; what comes after is counted in user as well.
        let ticks: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .map(|field| field.parse().expect("a count"))
            .collect();
        Self {
            idle: ticks[3] + ticks[4],
            all: ticks.iter().sum(),
        }
    }

    /// How much of them was in use from then to now, by whomever: 0 to 1.
    pub fn busy_since(earlier: Self) -> f64 {
        let now = Self::now();
        let ticks = |now: u64, then: u64| {
            #[expect(clippy::cast_precision_loss, reason = "ticks of minutes")]
            let ticks = now.saturating_sub(then) as f64;
            ticks
        };
        let all = ticks(now.all, earlier.all).max(1.0);
        1.0 - ticks(now.idle, earlier.idle) / all
    }
}
