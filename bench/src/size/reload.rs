//! How long a new build takes from its file, or its upload, to the first answer, in a host that has nothing else to do.

use super::{
    Run,
    builds::{Builds, Way},
    ground,
    part::{Part, Row, figure},
};
use crate::{places, stats::Spread};
use anyhow::{Context, Result};
use serde_json::json;

pub(super) fn run(run: &Run) -> Result<Part> {
    let builds = Builds::of(&places::todo())?;
    let site = ground::todo(run, "reload", "")?.own_cache();
    let server = site.start()?;
    let mut part = Part::default();
    let mut raw = Vec::new();
    let mut number = 0;
    for (way, name) in [
        (
            Way::Folder,
            "a new file in the plugins folder to its first answer",
        ),
        (
            Way::Upload,
            "start of `greenroom deploy` to the first answer",
        ),
    ] {
        let bring = |number| -> Result<f64> {
            let time = builds.bring(number, way, site.folder(), &server)?;
            Ok(time.as_secs_f64() * 1e3)
        };
        let compiled = (0..run.pick(6, 2))
            .map(|_| {
                number += 1;
                bring(number)
            })
            .collect::<Result<Vec<_>>>()?;
        // The last two in turn: their code is in the cache.
        let cached = (0..run.pick(12, 4))
            .map(|round| bring(number - 1 + round % 2))
            .collect::<Result<Vec<_>>>()?;
        for (times, how) in [(&compiled, "compiled"), (&cached, "code cached")] {
            let spread = Spread::of(times).context("no build was brought")?;
            let measured = format!(
                "{} ms ({} to {})",
                figure(spread.median),
                figure(spread.min),
                figure(spread.max)
            );
            part.rows
                .push(Row::told(&format!("{name}, {how}"), &measured));
        }
        let way = format!("{way:?}").to_lowercase();
        raw.push(
            json!({ "way": way, "compiledMilliseconds": compiled, "cachedMilliseconds": cached }),
        );
    }
    server.stop()?;
    part.notes.push(
        "150 ms of the time from a file to its first answer are the watcher's wait for a file that is still being \
         written."
            .into(),
    );
    part.raw = raw.into();
    Ok(part)
}
