//! 200 plugins in one host: the todo component under as many ids.

use super::{
    Run,
    ground::{self, CONNECTIONS},
    lanes::{Figures, Lane, Plan, compare},
    part::{Part, Row, figure},
    resident::Resident,
    scripts,
};
use crate::{greenroom::Site, http, interrupt, places, seed, server::Server, stats::Spread};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};

const PLUGINS: u32 = 200;
/// The one that is asked, in both hosts.
const ASKED: u32 = 100;
/// Milliseconds until the host is ready.
const START: f64 = 2000.0;
/// Megabytes that each plugin adds.
const EACH: f64 = 2.0;
/// Of requests a second and CPU, against a host with one plugin.
const SAME: f64 = 0.10;

pub(super) fn run(run: &Run) -> Result<Part> {
    let one = filled(run, "plugins-one", ASKED..ASKED + 1)?;
    let many = filled(run, "plugins-many", 0..PLUGINS)?;
    let starts = (0..run.pick(5, 1))
        .map(|_| {
            let (server, time) = start(&many)?;
            server.stop()?;
            Ok(time)
        })
        .collect::<Result<Vec<_>>>()?;
    let (many_up, _) = start(&many)?;
    let (one_up, _) = start(&one)?;
    interrupt::sleep(Duration::from_secs(run.pick(5, 1)))?;
    let memory = [Resident::of(one_up.pid())?, Resident::of(many_up.pid())?];

    let paths = scripts::items(&id(ASKED), 0..1000);
    let script = scripts::write(many.folder(), "get", &scripts::get(&paths))?;
    let lanes = [("1 plugin", &one_up), ("200 plugins", &many_up)].map(|(name, server)| Lane {
        name: name.into(),
        server,
        script: script.clone(),
    });
    let plan = Plan {
        rounds: run.pick(6, 2),
        seconds: run.pick(3, 1),
        connections: CONNECTIONS,
    };
    let figures = compare(&lanes, plan)?;
    // Not before: a first request makes the plugin open its database.
    let asked = ask_all(&many_up)?;
    one_up.stop()?;
    many_up.stop()?;

    let spread = Spread::of(&starts).context("no start was measured")?;
    let others = f64::from(PLUGINS - 1);
    let each = (memory[1].megabytes() - memory[0].megabytes()) / others;
    let each_asked = (asked.megabytes() - memory[0].megabytes()) / others;
    Ok(Part {
        rows: vec![
            Row::below(
                "200 plugins ready after exec, code cached (median)",
                START,
                spread.median,
                "ms",
            ),
            Row::below("resident memory of each further plugin", EACH, each, "MB"),
            speed(&figures[0], &figures[1]),
        ],
        notes: vec![format!(
            "The 200 plugins are the todo plugin under 200 ids, each with databases of its own; a host with one of them has \
             {:.1} MB, with 200 {:.1} MB, and {:.1} MB once each has answered a request ({} MB each). Ready means that \
             every plugin is up.",
            memory[0].megabytes(),
            memory[1].megabytes(),
            asked.megabytes(),
            figure(each_asked)
        )],
        raw: json!({
            "startMilliseconds": starts,
            "residentWith1": memory[0],
            "residentWith200": memory[1],
            "residentWith200Asked": asked,
            "get": figures,
        }),
    })
}

fn id(number: u32) -> String {
    format!("todo{number:03}")
}

/// A host with these plugins that has run once, and rows in the one that is asked.
fn filled(run: &Run, name: &str, numbers: std::ops::Range<u32>) -> Result<Site> {
    let site = Site::new(&places::empty_folder(&format!("size-{name}"))?)?;
    for number in numbers {
        let place = site.folder().join(format!("plugins/{}.wasm", id(number)));
        fs::copy(places::todo(), &place)
            .with_context(|| format!("cannot write {}", place.display()))?;
    }
    let (server, _) = start(&site)?;
    server.stop()?;
    seed::copy_rows(&run.seed, &site.database(&id(ASKED)))?;
    Ok(site)
}

/// Starts a host; milliseconds until all its plugins are up.
fn start(site: &Site) -> Result<(Server, f64)> {
    let begin = Instant::now();
    let mut server = site.start()?;
    ground::until_ready(&mut server)?;
    Ok((server, begin.elapsed().as_secs_f64() * 1e3))
}

/// One request to each plugin; the memory after it.
fn ask_all(server: &Server) -> Result<Resident> {
    for number in 0..PLUGINS {
        let path = format!("/api/{}/todos?limit=1", id(number));
        let answer = http::get(server.address(), &path)?;
        ensure!(answer.status == 200, "GET {path}: {}", answer.status);
    }
    Resident::of(server.pid())
}

fn speed(one: &Figures, many: &Figures) -> Row {
    let (rate, cpu) = (many.rate() / one.rate() - 1.0, many.cpu() / one.cpu() - 1.0);
    let measured = format!(
        "{:+.1} % requests/s, {:+.1} % CPU a request ({} µs against {})",
        rate * 100.0,
        cpu * 100.0,
        figure(many.cpu()),
        figure(one.cpu())
    );
    let reached = rate > -SAME && cpu < SAME && one.errors() + many.errors() == 0;
    Row::judged(
        "GET by id among 200 plugins against a host with 1",
        "within 10 %",
        &measured,
        reached,
    )
}

#[cfg(test)]
mod tests {
    use super::{super::lanes::Round, *};

    fn figures(rate: f64, cpu: f64) -> Figures {
        let round = Round {
            rate,
            cpu,
            p50: 1.0,
            p99: 2.0,
            errors: 0,
        };
        Figures {
            name: String::new(),
            rounds: vec![round],
        }
    }

    #[test]
    fn a_tenth_slower_is_too_slow() {
        let line = |rate, cpu| speed(&figures(1000.0, 20.0), &figures(rate, cpu)).line();
        assert!(
            line(950.0, 21.0).contains("(reached"),
            "{}",
            line(950.0, 21.0)
        );
        assert!(line(890.0, 20.0).contains("(MISSED"));
        assert!(
            line(1000.0, 23.0).contains("+15.0 % CPU a request (23.0 µs against 20.0) (MISSED")
        );
    }

    #[test]
    fn ids_sort_as_their_numbers() {
        assert_eq!((id(7), id(199)), ("todo007".into(), "todo199".into()));
    }
}
