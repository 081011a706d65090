//! What the machine does, as the system counts it, and a load by it.

use std::fs;

/// So far from what is wanted a rate stays as it is.
const NEAR: f64 = 0.02;
/// Requests a second, on a machine that others have taken.
const LEAST: f64 = 300.0;

/// The rate at which `share` of the cores is in use, clients included: half of the requests that a busy host answers take
/// nearly all of the cores, as each then wakes a thread. `most`: of a busy host. `busy_at`: sends at a rate for a while, and
/// answers how much of the cores was in use. After so many `looks` the last rate is taken as it is.
pub fn rate_for(share: f64, most: f64, looks: u32, mut busy_at: impl FnMut(f64) -> f64) -> f64 {
    let mut rate = most / 2.0;
    // A request takes more the fewer there are, so the first answer is not the last.
    for _ in 0..looks {
        let busy = busy_at(rate);
        if (busy - share).abs() < NEAR {
            break;
        }
        rate = (rate * share / busy).min(most / 2.0).max(LEAST);
    }
    rate
}

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
