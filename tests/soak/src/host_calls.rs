//! Calls to the host that no SDK makes, and answers that none gives, both ways in which a guest answers.

mod list;
mod stop;
mod strict;

use crate::{Row, Run, Scale, load::by_status};
use anyhow::{Context, Result};
use greenroom_tests::{Host, Setup, chameleon, without_unary};
use list::Abuse;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use strict::End;

/// The plugin that is called with whole requests, and the one that gets them in parts.
const WAYS: [&str; 2] = ["whole", "parts"];
/// For an answer or the end of the connection, over the time of a request.
const PATIENCE: Duration = Duration::from_secs(60);
/// MiB of one instance.
const MEMORY: u64 = 400;
/// MiB that the host may grow by in one call with a text of 128 MiB: the instance, and two copies of the text.
const LONG_GROWTH: u64 = MEMORY + 256;
/// MiB in any other call: the instance's own are in this.
const GROWTH: u64 = 192;

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    abuses: usize,
    calls: usize,
    whole: usize,
    broken: usize,
    closed: usize,
    malformed: Vec<String>,
    /// Answers by status; 0: none came.
    statuses: BTreeMap<u16, u64>,
    /// Calls of which a number or a cap must tell.
    counted: usize,
    /// What was not done, or was stopped by something else.
    undone: Vec<String>,
    /// The neighbour did not answer.
    unanswered: usize,
    panics: usize,
    longest_ms: u64,
    longest: String,
    grown_mib: u64,
    grown: String,
    grown_long_mib: u64,
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let mut figures: Figures = run.figures()?;
    let small = run.scale == Scale::Small;
    let timeout = if small { "400ms" } else { "3s" };
    let host = start(timeout);
    // A text of 128 MiB takes a while: a few of them where seconds count.
    let abuses = list::all(|number| !small || number.is_multiple_of(8));
    for abuse in abuses.iter().skip(figures.abuses) {
        for way in WAYS {
            let before = memory(&host, "VmRSS:")?;
            forget_the_peak(&host)?;
            let target = format!("/api/{way}{}", abuse.path);
            let shown: String = target.chars().take(120).collect();
            let start = Instant::now();
            let bytes = ask(&host, &target);
            let took = u64::try_from(start.elapsed().as_millis())?;
            figures.calls += 1;
            figures.counted += usize::from(abuse.turns.is_some());
            match bytes.and_then(|bytes| Ok((strict::check(&bytes)?, strict::body(&bytes)))) {
                Ok(((status, end), body)) => {
                    figures.answered(status, end);
                    if let Err(why) = done(abuse, status, &body) {
                        eprintln!("host-calls: {shown}: {why}");
                        figures.undone.push(format!("{shown}: {why}"));
                    }
                }
                Err(why) => {
                    eprintln!("host-calls: {shown}: {why}");
                    figures.malformed.push(format!("{shown}: {why}"));
                }
            }
            if took > figures.longest_ms {
                (figures.longest_ms, figures.longest) = (took, shown.clone());
            }
            let grown = memory(&host, "VmHWM:")?.saturating_sub(before) >> 10;
            if abuse.long {
                figures.grown_long_mib = figures.grown_long_mib.max(grown);
            } else if grown > figures.grown_mib {
                (figures.grown_mib, figures.grown) = (grown, shown);
            }
        }
        let neighbour = host.request("GET", "/api/neighbour/version").try_send();
        if !neighbour.is_ok_and(|answer| answer.status == 200 && answer.text() == "1.0.0") {
            figures.unanswered += 1;
        }
        figures.abuses += 1;
        if figures.abuses.is_multiple_of(20) {
            run.keep(&figures)?;
        }
    }
    // Those who did it serve on as well.
    for way in WAYS {
        let answer = host.get(&format!("/api/{way}/version"));
        figures.unanswered += usize::from(answer.status != 200);
    }
    let log = host.log();
    figures.panics =
        log.matches("a part of the host failed").count() + log.matches("panicked at").count();
    run.keep(&figures)?;
    Ok(rows(&figures, timeout))
}

impl Figures {
    fn answered(&mut self, status: u16, end: End) {
        *self.statuses.entry(status).or_default() += 1;
        *match end {
            End::Whole => &mut self.whole,
            End::Broken => &mut self.broken,
            End::Closed => &mut self.closed,
        } += 1;
    }
}

/// Whether the guest did it, as often as it was asked to or until it met a cap of the host's. An error: in words.
fn done(abuse: &Abuse, status: u16, body: &str) -> Result<(), String> {
    // The fixture's, for a name or a path that it does not know: no answer that it is asked to give has one of these.
    if matches!(status, 400 | 404) {
        return Err(format!("nobody knows it: {status} {body}"));
    }
    abuse
        .turns
        .map_or(Ok(()), |turns| turns.check(status, body))
}

fn start(timeout: &str) -> Host {
    let component = chameleon("");
    let limits =
        format!("{{limits: {{memory: {MEMORY}MiB, timeout: {timeout}, chunkTimeout: 300ms}}}}");
    Setup::new()
        .config(&format!("plugins: {{whole: {limits}, parts: {limits}}}"))
        .plugin("whole", &component)
        .plugin("parts", &without_unary(&component))
        .plugin("neighbour", &component)
        // What plugins write is cut into tens of thousands of lines.
        .log("info,plugin=off")
        .start()
}

/// All that comes for one request until the connection ends.
fn ask(host: &Host, target: &str) -> Result<Vec<u8>, String> {
    let told = |e: std::io::Error| e.to_string();
    let mut stream = TcpStream::connect(host.address()).map_err(told)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(e) if e.kind() == ErrorKind::ConnectionReset => Ok(bytes),
        Err(e) => Err(format!("no end within {PATIENCE:?}: {e}")),
    }
}

fn forget_the_peak(host: &Host) -> Result<()> {
    let path = format!("/proc/{}/clear_refs", host.pid());
    fs::write(&path, "5").with_context(|| format!("cannot write {path}"))
}

/// KiB.
fn memory(host: &Host, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", host.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.map(|line| line.trim().trim_end_matches(" kB"));
    Ok(number.context("the host's status")?.parse()?)
}

fn rows(figures: &Figures, timeout: &str) -> Vec<Row> {
    let Figures {
        abuses,
        calls,
        whole,
        broken,
        closed,
        malformed,
        statuses,
        counted,
        undone,
        ..
    } = figures;
    let first = |of: &[String]| of.first().map_or(String::new(), |one| format!(": {one}"));
    vec![
        Row::new(
            format!(
                "{abuses} abuses of host calls and answers, in {calls} calls both ways: malformed bytes to the client"
            ),
            "0",
            format!(
                "{}{}; {whole} whole, {broken} broken off, {closed} closed",
                malformed.len(),
                first(malformed)
            ),
            malformed.is_empty() && *calls == 2 * abuses,
        ),
        Row::new(
            format!(
                "Host calls: abuses that the fixture does not know, and of {counted} calls that do something many \
                 times those that end neither with their number nor at the cap that is known of them"
            ),
            "0",
            format!(
                "{}{}; answers: {}",
                undone.len(),
                first(undone),
                by_status(statuses)
            ),
            undone.is_empty() && *counted > 0,
        ),
        Row::new(
            "Host calls: host panics, requests of a neighbour that failed",
            "0, 0",
            format!("{}, {}", figures.panics, figures.unanswered),
            figures.panics == 0 && figures.unanswered == 0,
        ),
        Row::new(
            format!("Host calls: the longest, at limits.timeout {timeout}"),
            "within 10 s",
            format!("{} ms: {}", figures.longest_ms, figures.longest),
            figures.longest_ms <= 10_000,
        ),
        Row::new(
            format!(
                "Host calls: growth of the host's peak memory in one call; with a text of 128 MiB, at limits.memory {MEMORY} MiB"
            ),
            format!("at most {GROWTH} MiB; {LONG_GROWTH} MiB"),
            format!(
                "{} MiB ({}); {} MiB",
                figures.grown_mib, figures.grown, figures.grown_long_mib
            ),
            figures.grown_mib <= GROWTH && figures.grown_long_mib <= LONG_GROWTH,
        ),
    ]
}
