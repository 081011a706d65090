//! The section's rows.

use super::{
    Figures,
    look::{Held, KEPT},
};
use crate::{Row, Scale, load::median};
use std::time::Duration;

/// What may be more: a database's readers come and go, of two files each, as do threads.
const DESCRIPTORS: u64 = 16;
const THREADS: u64 = 8;
/// Resident memory, of what it was.
const STEADY: f64 = 1.05;
/// The default, which the section leaves as it is.
const HOLD: Duration = Duration::from_secs(10);
/// Of the windows without swaps.
const SLOWER: f64 = 2.0;

pub(super) fn no_more(before: &Held, now: &Held) -> bool {
    let (descriptors, threads) = now.beyond(before);
    now.builds == 2 && descriptors <= DESCRIPTORS && threads <= THREADS
}

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
        rate,
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
                "{swaps} swaps at {rate:.0} requests/s, which take {:.0} % of the cores: {}",
                median(&figures.busy) * 100.0,
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
        held(figures),
    ];
    if let Some(row) = memory(figures) {
        rows.push(row);
    }
    rows.push(Row::new(
        "the same: old builds, descriptors and threads once it is quiet",
        "code of the two builds that serve alone; at most 16 more descriptors and 8 more threads than before the swaps, after as much load",
        format!(
            "code of {builds} builds, {} more descriptors, {} more threads",
            figures.more_descriptors, figures.more_threads
        ),
        *builds == 2 && figures.more_descriptors <= DESCRIPTORS && figures.more_threads <= THREADS,
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

fn p99(figures: &Figures, small: bool) -> Row {
    let (during, quiet) = (median(&figures.during), median(&figures.quiet));
    let ratio = during / quiet;
    Row::new(
        "the same: p99 in windows of ten swaps, against windows without swaps, the median of each; not of the requests \
         below",
        format!("< {SLOWER}x"),
        format!(
            "{ratio:.2}x ({during:.2} ms against {quiet:.2}); the longest {:.0} ms",
            figures.longest
        ),
        ratio < SLOWER || small,
    )
}

/// Of them only this is asked: they are answered, while the hold may last.
fn held(figures: &Figures) -> Row {
    Row::new(
        "the same: requests that were out while a migration had the plugin to itself, or waited behind those",
        format!("some, and none as long as limits.holdTimeout, {HOLD:?}"),
        format!(
            "{} of {}, the longest {:.0} ms",
            figures.held, figures.answered, figures.longest_held
        ),
        figures.held > 0 && figures.longest_held < HOLD.as_secs_f64() * 1000.0,
    )
}

/// None when no host ran for long enough.
fn memory(figures: &Figures) -> Option<Row> {
    let (first, last) = figures
        .memory
        .iter()
        .filter_map(|samples| trend(samples))
        .max_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)))?;
    let grown = last / first;
    let peak = figures.memory.iter().flatten().max()?;
    Some(Row::new(
        "the same: resident memory at rest after each window, the first fifth left out: the median of the first third of \
         the others, and of the last",
        "steady within 5 %",
        format!(
            "{first:.1} MiB, then {last:.1} MiB ({:+.1} %); at most {} MiB",
            (grown - 1.0) * 100.0,
            peak >> 10
        ),
        grown <= STEADY,
    ))
}

/// MiB.
fn trend(samples: &[u64]) -> Option<(f64, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
    let all: Vec<f64> = samples.iter().map(|kib| *kib as f64 / 1024.0).collect();
    let rest = all.get(all.len().div_ceil(5)..)?;
    let third = rest.len() / 3;
    // Fewer show no trend.
    (third >= 3).then(|| (median(&rest[..third]), median(&rest[rest.len() - third..])))
}
