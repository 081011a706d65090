//! What it costs to give each request a fresh instance.

use super::{
    Run,
    ground::{self, CONNECTIONS},
    lanes::{Lane, Plan, compare},
    part::{Part, Row, figure},
    scripts,
};
use crate::work::Work;
use anyhow::Result;
use serde_json::json;

/// Every request in an instance that no other has seen, and none will.
const FRESH: &str = "plugins: {todo: {limits: {maxRequestsPerInstance: 1}}}\n";

pub(super) fn run(run: &Run) -> Result<Part> {
    let reused = ground::todo(run, "isolation-reused", "")?;
    let fresh = ground::todo(run, "isolation-fresh", FRESH)?;
    let (reused_up, fresh_up) = (reused.start()?, fresh.start()?);
    let plan = Plan {
        rounds: run.pick(3, 1),
        seconds: run.pick(3, 1),
        connections: CONNECTIONS,
    };
    let mut part = Part::default();
    let mut raw = Vec::new();
    for work in [Work::Get, Work::List, Work::Post] {
        let name = work.title();
        let script = scripts::write(reused.folder(), work.key(), &work.script())?;
        let lanes = [("reused", &reused_up), ("fresh", &fresh_up)].map(|(name, server)| Lane {
            name: name.into(),
            server,
            script: script.clone(),
        });
        let figures = compare(&lanes, plan)?;
        let (before, after) = (&figures[0], &figures[1]);
        let measured = format!(
            "{} µs CPU against {} ({:.2}x), {:.0} requests/s against {:.0}",
            figure(after.cpu()),
            figure(before.cpu()),
            after.cpu() / before.cpu(),
            after.rate(),
            before.rate()
        );
        let errors = before.errors() + after.errors();
        part.rows.push(match errors {
            0 => Row::told(
                &format!("a fresh instance for each {name}, against reuse"),
                &measured,
            ),
            _ => Row::judged(name, "0 failed", &format!("{errors} failed"), false),
        });
        raw.push(json!({ "what": name, "lanes": figures }));
    }
    reused_up.stop()?;
    fresh_up.stop()?;
    part.notes.push(
        "A fresh instance for each request is `plugins.todo.limits.maxRequestsPerInstance: 1`; by default an instance \
         serves 1,000, one after the other."
            .into(),
    );
    part.raw = raw.into();
    Ok(part)
}
