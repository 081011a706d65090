//! Hostile SQL, through a guest, at each of its doors. A second plugin is the witness.

mod doors;
mod escapes;
mod growth;
mod list;
mod look;
mod settings;
mod texts;

use crate::{Row, Run, Scale};
use anyhow::{Context, Result};
use doors::{DOORS, Sandbox};
use look::Look;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

/// `limits.sql.timeout` of the plugin.
const TIMEOUT: Duration = Duration::from_millis(150);
/// For one call, whatever it asks: its time, the answer's way and a slow machine.
const LONGEST: Duration = Duration::from_secs(5);
/// MiB that the host may grow by, with one call after the other: the 128 of an instance, and twice that for values of
/// 8 MiB with their copies, page caches, and what the allocator keeps of them.
const GROWTH: u64 = 128 + 256;

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    statements: usize,
    calls: usize,
    migrations: usize,
    wrong: Vec<String>,
    escapes: Vec<String>,
    panics: usize,
    /// Of one call.
    longest_ms: u64,
    longest: String,
    grown_mib: u64,
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut figures: Figures = run.figures()?;
    let cases = list::all();
    let distinct: HashSet<_> = cases.iter().map(|(_, text)| text).collect();
    assert_eq!(distinct.len(), cases.len(), "a statement is there twice");
    let sandbox = Sandbox::start(TIMEOUT);
    let look = Look::new(&sandbox);
    look.forget_the_peak()?;
    for (number, (fate, text)) in cases.iter().enumerate().skip(figures.statements) {
        let text = text.replace("{out}", sandbox.outside());
        sandbox.prepare();
        for (at, door) in DOORS.iter().enumerate() {
            if run.scale == Scale::Small && !is_its_turn(number, at, fate.is_slow()) {
                continue;
            }
            let outcome = sandbox.through(door, &text);
            figures.calls += 1;
            let shown: String = text.chars().take(120).collect();
            if let Some(wrong) = outcome.wrong(*fate, door) {
                eprintln!("hostile-sql: {door} {shown}: {wrong}");
                figures.wrong.push(format!("{door} {shown}: {wrong}"));
            }
            figures.escapes.extend(look.in_answer(&outcome, &shown));
            let took = u64::try_from(outcome.took.as_millis())?;
            if took > figures.longest_ms {
                (figures.longest_ms, figures.longest) = (took, shown);
            }
        }
        figures.statements += 1;
        if figures.statements.is_multiple_of(20) || figures.statements == cases.len() {
            figures.escapes.extend(look.around(&sandbox));
            figures.grown_mib = figures.grown_mib.max(look.peak_growth()?);
            run.keep(&figures)?;
        }
    }
    // What a migration may not do either. Each is a build of its own, compiled for it.
    let denied: Vec<_> = cases
        .iter()
        .filter(|(fate, text)| *fate == list::Fate::Denied && text.len() < 400)
        .collect();
    let wanted = usize::try_from(run.count(denied.len() as u64, 3))?;
    for number in figures.migrations..wanted {
        let (_, text) = denied[number * denied.len() / wanted];
        let text = text.replace("{out}", sandbox.outside());
        if let Some(wrong) = sandbox.as_migration(number, &text) {
            figures.wrong.push(format!("migration {text}: {wrong}"));
        }
        figures.migrations += 1;
        run.keep(&figures)?;
    }
    figures.escapes.extend(look.around(&sandbox));
    figures.panics += look.panics(&sandbox);
    figures
        .escapes
        .extend(look.after(sandbox).context("what the host left")?);
    Ok(rows(&figures))
}

/// Where seconds count: three of the doors each, but one of them, and every third day, where a call takes all of its time.
fn is_its_turn(number: usize, door: usize, slow: bool) -> bool {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let day = usize::try_from(since.as_secs() / 86_400).unwrap_or(0);
    let turn = (door + number + day) % DOORS.len();
    if slow {
        turn == 0 && (number + day).is_multiple_of(3)
    } else {
        turn < 3
    }
}

fn rows(figures: &Figures) -> Vec<Row> {
    let first = |list: &[String]| list.first().map_or(String::new(), |one| format!(": {one}"));
    let Figures {
        statements,
        calls,
        migrations,
        ..
    } = figures;
    vec![
        Row::new(
            format!(
                "{statements} hostile SQL statements in {calls} calls, {migrations} as migrations"
            ),
            "at least 200, each ends as it must",
            format!("{} did not{}", figures.wrong.len(), first(&figures.wrong)),
            *statements >= 200 && figures.wrong.is_empty(),
        ),
        Row::new(
            "Hostile SQL: escapes, panics",
            "0, 0",
            format!(
                "{}, {}{}",
                figures.escapes.len(),
                figures.panics,
                first(&figures.escapes)
            ),
            figures.escapes.is_empty() && figures.panics == 0,
        ),
        Row::new(
            format!(
                "Hostile SQL: the longest call, at limits.sql.timeout {} ms",
                TIMEOUT.as_millis()
            ),
            format!("at most {} ms", LONGEST.as_millis()),
            format!("{} ms: {}", figures.longest_ms, figures.longest),
            u128::from(figures.longest_ms) <= LONGEST.as_millis(),
        ),
        Row::new(
            "Hostile SQL: growth of the host's peak memory",
            format!("at most {GROWTH} MiB"),
            format!("{} MiB", figures.grown_mib),
            figures.grown_mib <= GROWTH,
        ),
    ]
}
