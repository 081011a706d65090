//! Figures as a reader wants them: three digits or so, and the rounds' least and most beside the median.

use crate::stats::Spread;

/// `41.2k (40.8k to 41.9k)`, each figure in the form given.
pub(super) fn spread(spread: Spread, form: fn(f64) -> String) -> String {
    let (median, min, max) = (form(spread.median), form(spread.min), form(spread.max));
    if min == max {
        return median;
    }
    format!("{median} ({min} to {max})")
}

/// Requests per second: `41.2k`, `2.91k`, `940`.
pub(super) fn rate(figure: f64) -> String {
    match figure {
        f if f >= 99_950.0 => format!("{:.0}k", f / 1e3),
        f if f >= 9_995.0 => format!("{:.1}k", f / 1e3),
        f if f >= 999.5 => format!("{:.2}k", f / 1e3),
        f => format!("{f:.0}"),
    }
}

/// Microseconds, or anything else of about three digits: `438`, `23.2`, `7.31`.
pub(super) fn plain(figure: f64) -> String {
    match figure {
        f if f >= 99.95 => format!("{f:.0}"),
        f if f >= 9.995 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}

/// Microseconds as milliseconds.
pub(super) fn millis(micros: f64) -> String {
    plain(micros / 1e3)
}

pub(super) fn mebibytes(bytes: f64) -> String {
    plain(bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(rate(41_234.0), "41.2k");
        assert_eq!(rate(2_909.0), "2.91k");
        assert_eq!(rate(999.6), "1.00k");
        assert_eq!(rate(123_456.0), "123k");
        assert_eq!(rate(940.2), "940");
        assert_eq!(plain(437.9), "438");
        assert_eq!(plain(99.97), "100");
        assert_eq!(plain(23.21), "23.2");
        assert_eq!(millis(730.0), "0.73");
        assert_eq!(mebibytes(26_214_400.0), "25.0");
    }

    #[test]
    fn a_spread_of_one_is_one_figure() {
        let one = Spread {
            median: 5.0,
            min: 5.0,
            max: 5.0,
        };
        assert_eq!(spread(one, plain), "5.00");
        let three = Spread {
            median: 2000.0,
            min: 1000.0,
            max: 3000.0,
        };
        assert_eq!(spread(three, rate), "2.00k (1.00k to 3.00k)");
    }
}
