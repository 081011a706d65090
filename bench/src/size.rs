//! How large Greenroom is, how fast it starts and swaps, and how it takes many plugins, connections and rows: each
//! figure beside its target. Of the other servers only the tuned one has a part in it, where tables grow.

mod builds;
mod client;
mod connections;
mod ground;
mod isolation;
mod lanes;
mod memory;
mod part;
mod plugins;
mod progress;
mod reload;
mod resident;
mod rows;
mod scripts;
mod start;
mod steady;
mod swap;

use crate::{interrupt, places, section::Section, seed::Seed};
use anyhow::Result;
use part::{Part, Row};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What all scenarios share.
pub(crate) struct Run {
    quick: bool,
    /// A database file with the rows of [`Seed::Small`].
    seed: PathBuf,
}

impl Run {
    pub(crate) fn new(quick: bool) -> Result<Self> {
        let seed = Seed::Small.write(&places::empty_folder("size-seed")?)?;
        Ok(Self { quick, seed })
    }

    /// One figure for the full run, one for the quick one.
    fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// One scenario: its key in the JSON, and what carries it out.
pub(crate) type Scenario = (&'static str, fn(&Run) -> Result<Part>);

/// In the order of the report.
pub(crate) const SCENARIOS: [Scenario; 10] = [
    ("start", start::run),
    ("progress", progress::run),
    ("memory", memory::run),
    ("steady", steady::run),
    ("plugins", plugins::run),
    ("connections", connections::run),
    ("rows", rows::run),
    ("swap", swap::run),
    ("reload", reload::run),
    ("isolation", isolation::run),
];

/// All scenarios, one after the other: at most 20 minutes, 10 of them for the steady load.
pub(crate) fn run(quick: bool) -> Result<Section> {
    measure(&Run::new(quick)?, &SCENARIOS)
}

/// A scenario that fails is a line of the report: it does not take the others' figures with it.
pub(crate) fn measure(run: &Run, scenarios: &[Scenario]) -> Result<Section> {
    let mut parts = Vec::new();
    for (key, scenario) in scenarios {
        eprintln!("size: {key}");
        let part = scenario(run).or_else(|error| {
            interrupt::check()?;
            eprintln!("size: {key}: {error:#}");
            anyhow::Ok(Part {
                rows: vec![Row::failed(key, &error)],
                ..Part::default()
            })
        })?;
        for row in &part.rows {
            eprintln!("  {}", row.line());
        }
        parts.push((*key, part));
    }
    Ok(Section {
        key: "size",
        markdown: markdown(&parts),
        json: json(&parts),
    })
}

fn markdown(parts: &[(&str, Part)]) -> String {
    let mut text = String::from(
        "## Size, start, swaps and limits\n\nGreenroom alone, as it ships, with the todo plugin and databases on disk.\n\n\
         | what | target | measured | reached |\n|---|---|---|---|\n",
    );
    for row in parts.iter().flat_map(|(_, part)| &part.rows) {
        text.push_str(&row.markdown());
    }
    let notes: Vec<_> = parts.iter().flat_map(|(_, part)| &part.notes).collect();
    if !notes.is_empty() {
        text.push('\n');
    }
    for note in notes {
        text.push_str(&format!("- {note}\n"));
    }
    text
}

fn json(parts: &[(&str, Part)]) -> Value {
    let rows: Vec<_> = parts.iter().flat_map(|(_, part)| &part.rows).collect();
    let raw: Map<_, _> = parts
        .iter()
        .map(|(key, part)| ((*key).to_owned(), part.raw.clone()))
        .collect();
    json!({ "rows": rows, "raw": raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_the_table_and_in_the_json() {
        let part = Part {
            rows: vec![
                Row::below("idle memory", 40.0, 25.04, "MB"),
                Row::told("cold start", "540 ms"),
            ],
            notes: vec!["After 5 s.".into()],
            raw: json!([1, 2]),
        };
        let parts = [("memory", part)];
        let text = markdown(&parts);
        assert!(text.starts_with("## "), "{text}");
        assert!(
            text.contains("| idle memory | < 40 MB | 25.0 MB | yes |"),
            "{text}"
        );
        assert!(text.contains("| cold start | | 540 ms | |"), "{text}");
        assert!(text.ends_with("\n\n- After 5 s.\n"), "{text}");
        let json = json(&parts);
        assert_eq!(json["rows"][0]["reached"], true);
        assert_eq!(json["raw"]["memory"], json!([1, 2]));
    }

    #[test]
    fn a_scenario_that_fails_is_told_and_the_next_one_runs() {
        let folder = tempfile::TempDir::new().unwrap();
        let run = Run {
            quick: true,
            seed: folder.path().join("none"),
        };
        let fails: Scenario = ("first", |_| anyhow::bail!("no such host"));
        let works: Scenario = ("second", |run| {
            Ok(Part {
                rows: vec![Row::told("rounds", run.pick("9", "1"))],
                ..Part::default()
            })
        });
        let section = measure(&run, &[fails, works]).unwrap();
        assert!(
            section.markdown.contains("no such host | no |"),
            "{}",
            section.markdown
        );
        assert!(
            section.markdown.contains("| rounds | | 1 | |"),
            "{}",
            section.markdown
        );
    }
}
