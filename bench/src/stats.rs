//! What is told of several rounds.

use serde::Serialize;

/// The middle and the ends of a few figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of no figures at all.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        Some(Self {
            median: median(figures)?,
            min: figures.iter().copied().reduce(f64::min)?,
            max: figures.iter().copied().reduce(f64::max)?,
        })
    }
}

/// The middle one, or the mean of the middle two; `None` of no figures.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(middle - 1)?, upper))
}

/// Where the median of all that could be measured lies, by 95 % or more, whatever their distribution: between two of the
/// figures, as many of them from either end (the sign test's interval). `None` of fewer than six.
pub(crate) fn interval_of_median(figures: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = i32::try_from(sorted.len()).ok()?;
    // How likely so many of them lie below the median: each does by half.
    let (mut likely, mut below, mut beyond) = (0.5_f64.powi(count), 0.0, None);
    for (from_end, left) in (0..count).rev().enumerate() {
        below += likely;
        if below > 0.025 {
            break;
        }
        beyond = Some(from_end);
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let taken = from_end as f64 + 1.0;
        likely *= f64::from(left + 1) / taken;
    }
    let beyond = beyond?;
    Some((sorted[beyond], sorted[sorted.len() - 1 - beyond]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ranks are those of every table of the sign test.
    #[test]
    fn the_interval_of_a_median_is_the_sign_tests() {
        let of = |count: i32| {
            let figures: Vec<_> = (1..=count).rev().map(f64::from).collect();
            interval_of_median(&figures)
        };
        assert_eq!(of(0), None);
        assert_eq!(of(5), None);
        assert_eq!(of(6), Some((1.0, 6.0)));
        assert_eq!(of(9), Some((2.0, 8.0)));
        assert_eq!(of(10), Some((2.0, 9.0)));
        assert_eq!(of(20), Some((6.0, 15.0)));
        assert_eq!(of(50), Some((18.0, 33.0)));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn a_spread_has_its_ends() {
        let spread = Spread::of(&[2.0, 8.0, 4.0]);
        let expected = Spread {
            median: 4.0,
            min: 2.0,
            max: 8.0,
        };
        assert_eq!(spread, Some(expected));
        assert_eq!(Spread::of(&[]), None);
    }
}
