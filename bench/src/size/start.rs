//! From exec to the first 200, with and without compiled code in the cache.

use super::{
    Run, ground,
    part::{Part, Row, figure},
};
use crate::{greenroom::Site, stats::Spread};
use anyhow::{Context, Result};
use serde_json::json;
use std::fs;

/// Milliseconds.
const TARGET: f64 = 100.0;

pub(super) fn run(run: &Run) -> Result<Part> {
    let warm = ground::todo(run, "start", "")?;
    let warm = times(&warm, run.pick(10, 3), |_| Ok(()))?;

    let cold = ground::empty("start-cold", "")?.own_cache();
    let cold = times(&cold, run.pick(3, 1), |site| {
        let cache = site.folder().join("cache");
        if cache.exists() {
            fs::remove_dir_all(&cache)
                .with_context(|| format!("cannot empty {}", cache.display()))?;
        }
        Ok(())
    })?;

    let (first, after) = (spread(&warm)?, spread(&cold)?);
    let compiled = format!("{} ms", figure(after.median));
    Ok(Part {
        rows: vec![
            Row::below(
                "first 200 after exec, code cached (median)",
                TARGET,
                first.median,
                "ms",
            ),
            Row::told("first 200 after exec, plugin compiled first", &compiled),
        ],
        notes: vec![format!(
            "Starts with cached code, {} of them: {} to {} ms from exec to the first answer from the database. It is asked \
             every millisecond.",
            warm.len(),
            figure(first.min),
            figure(first.max)
        )],
        raw: json!({ "cachedMilliseconds": warm, "compiledMilliseconds": cold }),
    })
}

/// Starts a host several times, each after `prepare`.
fn times(site: &Site, starts: u32, prepare: impl Fn(&Site) -> Result<()>) -> Result<Vec<f64>> {
    (0..starts)
        .map(|_| {
            prepare(site)?;
            let server = site.start()?;
            let ready = server.ready_after().as_secs_f64() * 1e3;
            server.stop()?;
            Ok(ready)
        })
        .collect()
}

fn spread(times: &[f64]) -> Result<Spread> {
    Spread::of(times).context("no start was measured")
}
