//! Resident memory: idle, and after load.

use super::{
    Run,
    ground::{self, CONNECTIONS},
    part::{Part, Row},
    resident::{Resident, megabytes},
    scripts,
};
use crate::{interrupt, meter::Meter, work::Work, wrk::Load};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

/// Megabytes.
const IDLE: f64 = 40.0;
const LOADED: f64 = 120.0;

pub(super) fn run(run: &Run) -> Result<Part> {
    let site = ground::todo(run, "memory", "")?;
    let server = site.start()?;
    interrupt::sleep(Duration::from_secs(run.pick(5, 1)))?;
    let idle = Resident::of(server.pid())?;

    let mut raw = vec![json!({ "after": "start", "resident": idle })];
    let mut last = idle;
    let mut peak = idle.total;
    for work in [Work::Get, Work::List, Work::Post] {
        let script = scripts::write(site.folder(), work.key(), &work.script())?;
        let meter = Meter::start(server.pid())?;
        let outcome = Load {
            address: server.address(),
            script: &script,
            connections: CONNECTIONS,
            seconds: run.pick(5, 1),
        }
        .run()?;
        peak = peak.max(meter.stop()?.peak);
        last = Resident::of(server.pid())?;
        raw.push(json!({ "after": work.key(), "requests": outcome.requests, "resident": last }));
    }
    server.stop()?;

    Ok(Part {
        rows: vec![
            Row::below(
                "resident memory, idle, todo loaded",
                IDLE,
                idle.megabytes(),
                "MB",
            ),
            Row::below(
                "resident memory after GET, list and POST from 64 connections",
                LOADED,
                last.megabytes(),
                "MB",
            ),
        ],
        notes: vec![format!(
            "Idle, {:.1} of the {:.1} MB are mapped files, most of them the program and the compiled plugin. At its peak \
             under load the host had {:.1} MB.",
            megabytes(idle.files),
            idle.megabytes(),
            megabytes(peak)
        )],
        raw: json!({ "steps": raw, "peak": peak }),
    })
}
