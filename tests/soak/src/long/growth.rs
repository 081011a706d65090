//! How fast something grows, from samples of it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) minute: u64,
    /// Resident memory.
    pub(super) kib: u64,
}

pub(super) struct Growth {
    pub(super) mib_an_hour: f64,
    /// The median of the first and the last tenth of what was looked at.
    pub(super) first_mib: f64,
    pub(super) last_mib: f64,
}

/// The median of the slopes between any two samples (Theil-Sen, which a few samples taken in a peak do not move), without
/// the first fifth, in which caches fill. None of fewer than three.
pub(super) fn slope(samples: &[Sample]) -> Option<Growth> {
    let settled = &samples[samples.len().div_ceil(5)..];
    if settled.len() < 3 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "minutes")]
    let point = |sample: &Sample| (sample.minute as f64 / 60.0, mib(sample));
    let mut slopes = Vec::new();
    for (at, a) in settled.iter().enumerate() {
        for b in &settled[at + 1..] {
            let ((from, before), (to, after)) = (point(a), point(b));
            slopes.push((after - before) / (to - from));
        }
    }
    slopes.sort_by(f64::total_cmp);
    let tenth = settled.len().div_ceil(10);
    Some(Growth {
        mib_an_hour: slopes[slopes.len() / 2],
        first_mib: middle(&settled[..tenth]),
        last_mib: middle(&settled[settled.len() - tenth..]),
    })
}

fn middle(samples: &[Sample]) -> f64 {
    let mut all: Vec<_> = samples.iter().map(mib).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
fn mib(sample: &Sample) -> f64 {
    sample.kib as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growing(kib_a_minute: u64) -> Vec<Sample> {
        (0..100)
            .map(|minute| Sample {
                minute,
                // A peak now and then.
                kib: 100_000 + minute * kib_a_minute + if minute % 9 == 8 { 50_000 } else { 0 },
            })
            .collect()
    }

    #[test]
    fn a_leak_is_seen_behind_peaks_and_peaks_are_no_leak() {
        let leak = slope(&growing(100)).unwrap().mib_an_hour;
        assert!((leak - 100.0 * 60.0 / 1024.0).abs() < 0.5, "{leak}");
        let none = slope(&growing(0)).unwrap().mib_an_hour;
        assert!(none.abs() < 0.01, "{none}");
    }

    #[test]
    fn of_too_few_nothing_is_said() {
        assert!(slope(&growing(1)[..3]).is_none());
    }
}
