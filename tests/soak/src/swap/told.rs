//! The section's rows.

use super::{Figures, look::KEPT};
use crate::{Row, Scale, load::median};

/// What is allowed to stay: a thread that idles, a database's readers with two files each.
const SLACK: u64 = 16;
/// Resident memory, of what it was.
const STEADY: f64 = 1.05;
/// Of the windows without swaps.
const SLOWER: f64 = 2.0;

pub(super) fn rows(figures: &Figures, scale: Scale) -> Vec<Row> {
    // Of seconds neither a p99 nor a trend is taken.
    let small = scale == Scale::Small;
    let Figures {
        swaps,
        answered,
        failed,
        wrong,
        witnessed,
        acknowledged,
        migrations,
        builds,
        ..
    } = figures;
    let outcomes: Vec<_> = figures
        .outcomes
        .iter()
        .map(|(outcome, times)| format!("{outcome} {times}"))
        .collect();
    let problems = figures.problems.join("; ");
    let mut rows = vec![
        Row::new(
            format!(
                "{swaps} swaps at half of what the host gives: {}",
                outcomes.join(", ")
            ),
            "0 failed requests",
            format!("{failed} of {} failed {problems}", answered + failed),
            *failed == 0 && *answered > 0,
        ),
        Row::new(
            "the same: what came of each build, which version answered, and what is in the databases",
            "each as it must be; every acknowledged write there once, each migration run once, integrity_check ok",
            format!(
                "{wrong} wrong; {witnessed} answers of a version compared, {acknowledged} writes found, {migrations} \
                 migrations {problems}"
            ),
            *wrong == 0 && *witnessed > 0 && *migrations > 0,
        ),
        p99(figures, small),
    ];
    if let Some(row) = memory(figures, small) {
        rows.push(row);
    }
    rows.push(Row::new(
        "the same: old builds, descriptors and threads once it is quiet",
        "code of the two builds that serve alone; descriptors and threads as before, and at most 16 more",
        format!(
            "code of {builds} builds, {} more descriptors, {} more threads",
            figures.more_descriptors, figures.more_threads
        ),
        *builds == 2 && figures.more_descriptors <= SLACK && figures.more_threads <= SLACK,
    ));
    if !small {
        rows.push(Row::new(
            "the same: the cache of compiled code, nearly full of old files before it started",
            format!("{KEPT} at most"),
            figures.cached.to_string(),
            (1..=KEPT as u64).contains(&figures.cached),
        ));
    }
    rows
}

/// A migration that is not additive holds requests on purpose, so that none fails: those are in the longest.
fn p99(figures: &Figures, small: bool) -> Row {
    let (during, quiet) = (median(&figures.during), median(&figures.quiet));
    let ratio = during / quiet;
    Row::new(
        "the same: p99 of all requests in windows of ten swaps, against windows without swaps, the median of each",
        format!("< {SLOWER}x"),
        format!(
            "{ratio:.2}x ({during:.2} ms against {quiet:.2}); the longest of all, behind a rebuild of its table, {:.0} ms",
            figures.longest
        ),
        ratio < SLOWER || small,
    )
}

/// None when no host ran for a fifth of the swaps.
fn memory(figures: &Figures, small: bool) -> Option<Row> {
    #[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
    let grown = |(settled, end): &(u64, u64)| *end as f64 / *settled as f64;
    let worst = figures
        .memory
        .iter()
        .max_by(|a, b| grown(a).total_cmp(&grown(b)))?;
    Some(Row::new(
        "the same: resident memory at rest, after a fifth of the swaps and at the end",
        "steady within 5 %",
        format!(
            "{} MiB, then {} MiB ({:+.1} %)",
            worst.0 >> 10,
            worst.1 >> 10,
            (grown(worst) - 1.0) * 100.0
        ),
        grown(worst) <= STEADY || small,
    ))
}
