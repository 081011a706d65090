//! The results, for machines and for readers.

mod chart;
mod figures;
mod markdown;

use crate::{
    machine::Machine,
    rounds::{Plan, Run},
    section::Section,
    summary::{self, Line},
    verdicts::{self, Verdict},
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// All that a run of the driver found out.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// Absent when only the sections were asked for.
    pub(crate) load: Option<Load>,
    pub(crate) sections: Vec<Section>,
    /// What is missing, and why.
    pub(crate) notes: Vec<String>,
}

/// The measurement under load.
pub(crate) struct Load {
    pub(crate) plan: Plan,
    pub(crate) runs: Vec<Run>,
}

impl Load {
    fn lines(&self) -> Vec<Line> {
        summary::lines(&self.runs)
    }

    /// With the most connections first: that is what the targets are about.
    fn verdicts(&self) -> Vec<Verdict> {
        let mut connections = self.plan.connections.clone();
        connections.sort_unstable_by(|a, b| b.cmp(a));
        let of = |connections| verdicts::verdicts(&self.runs, connections);
        connections.into_iter().flat_map(of).collect()
    }
}

impl Report {
    /// Writes results.json, results.md and chart.svg.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let lines = self.load.as_ref().map(Load::lines).unwrap_or_default();
        let json = serde_json::to_string_pretty(&self.json(&lines))?;
        put(&folder.join("results.json"), &format!("{json}\n"))?;
        put(&folder.join("results.md"), &markdown::write(self, &lines))?;
        if let Some(load) = &self.load {
            let connections = load.plan.connections.iter().copied().max();
            let drawn = chart::draw(&lines, connections.unwrap_or_default())?;
            put(&folder.join("chart.svg"), &drawn)?;
        }
        eprintln!("the results are in {}", folder.display());
        Ok(())
    }

    fn json(&self, lines: &[Line]) -> Value {
        let mut json = json!({ "machine": self.machine, "notes": self.notes });
        if let Some(load) = &self.load {
            json["load"] = json!({
                "plan": load.plan,
                "summary": lines,
                "verdicts": load.verdicts(),
                "runs": load.runs,
            });
        }
        for section in &self.sections {
            json[section.key] = section.json.clone();
        }
        json
    }
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
