//! Damaged components, uploaded to a host that serves.

use crate::{
    Row, Run,
    dice::Dice,
    load::{Load, Work},
};
use anyhow::{Context, Result, bail, ensure};
use greenroom_tests::{Host, Setup, chameleon, fixture, todo};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

/// Longer than any compile may take.
const PATIENCE: Duration = Duration::from_secs(330);
/// Between two of these the figures are kept.
const BATCH: u64 = 200;

#[derive(Default, Serialize, Deserialize)]
struct Figures {
    mutants: u64,
    /// By the stage that refused them.
    refused: BTreeMap<String, u64>,
    deployed: u64,
    witnessed: u64,
    failed: u64,
    slowest_ms: u64,
    host_mib: u64,
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    let wanted = run.count(10_000, 30);
    let mut figures: Figures = run.figures()?;
    let host = Setup::new()
        .own_cache()
        .log("error")
        .plugin("witness", &chameleon("id=witness;"))
        .start();
    let originals = originals();
    while figures.mutants < wanted {
        let end = wanted.min(figures.mutants + BATCH);
        let witness = Load::start(
            host.address(),
            2,
            Some(100.0),
            &[Work::get("/api/witness/version")],
        );
        for number in figures.mutants..end {
            let (id, original) = of(&originals, number);
            let mutant = mutate(original, number);
            one(&host, id, &mutant, &mut figures).with_context(|| format!("mutant {number}"))?;
        }
        let seen = witness.stop();
        ensure!(seen.failed == 0, "the witness: {:?}", seen.failures);
        figures.witnessed += seen.answered;
        figures.failed += seen.failed;
        figures.mutants = end;
        figures.host_mib = figures.host_mib.max(peak(&host)?);
        run.keep(&figures)?;
    }
    // Ends it, and fails when it does not end with 0 or a part of it had failed.
    drop(host);
    let deployed = figures.deployed;
    let refused: u64 = figures.refused.values().sum();
    let stages: Vec<_> = figures
        .refused
        .iter()
        .map(|(stage, count)| format!("{stage} {count}"))
        .collect();
    Ok(vec![
        Row::new(
            format!("{wanted} mutated components uploaded to a running host"),
            "0 host deaths, each refused with its reason or deployed and answering",
            format!(
                "0 deaths, {refused} refused ({}), {deployed} deployed; the slowest took {} ms; host's peak {} MiB",
                stages.join(", "),
                figures.slowest_ms,
                figures.host_mib
            ),
            // A first stage reads the file, a second compiles it: some came further.
            refused + deployed == wanted && stages.len() > 1,
        ),
        Row::new(
            "requests to a good plugin meanwhile",
            "0 failed",
            format!("{} answered, {} failed", figures.witnessed, figures.failed),
            figures.failed == 0 && figures.witnessed > 0,
        ),
    ])
}

/// Their names, and what they are: two that compile in a moment, and two that use all that there is.
fn originals() -> [(&'static str, Vec<u8>); 4] {
    [
        ("hello", fixture("hello")),
        ("plain", fixture("plain")),
        ("chameleon", chameleon("id=chameleon;")),
        ("todo", todo()),
    ]
}

/// One in eight is of the large ones: theirs take seconds to compile when the damage is none.
fn of<'a>(originals: &'a [(&'a str, Vec<u8>); 4], number: u64) -> (&'a str, &'a [u8]) {
    let (id, original) = match number % 16 {
        0 => &originals[2],
        8 => &originals[3],
        number if number % 2 == 0 => &originals[0],
        _ => &originals[1],
    };
    (id, original)
}

fn one(host: &Host, id: &str, mutant: &[u8], figures: &mut Figures) -> Result<()> {
    let start = Instant::now();
    let (status, told) = upload(host, id, mutant)?;
    let took = u64::try_from(start.elapsed().as_millis())?;
    figures.slowest_ms = figures.slowest_ms.max(took);
    match status {
        200 => {
            figures.deployed += 1;
            // Its own answers may be failures; that there is one is the host's affair.
            host.get(&format!("/api/{id}/todos"));
        }
        500 => bail!("the host itself failed: {told}"),
        _ => {
            let text = |field: &str| told[field].as_str().unwrap_or_default();
            let stage = text("stage");
            ensure!(
                !text("error").is_empty() && !stage.is_empty(),
                "no reason: {status} {told}"
            );
            *figures.refused.entry(stage.to_owned()).or_default() += 1;
        }
    }
    Ok(())
}

fn upload(host: &Host, id: &str, component: &[u8]) -> Result<(u16, Value)> {
    let mut socket = UnixStream::connect(host.folder().join("greenroom.sock"))
        .context("the admin socket: is the host there?")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST /deploy?as={id} HTTP/1.1\r\nhost: greenroom\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        component.len()
    );
    socket.write_all(head.as_bytes())?;
    socket.write_all(component)?;
    let _ = socket.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    socket
        .read_to_end(&mut answer)
        .context("no answer of the admin socket")?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no whole head")?;
    let status = head.get(9..12).context("no status")?.parse()?;
    Ok((status, serde_json::from_str(body).context("no JSON")?))
}

/// Of resident memory.
fn peak(host: &Host) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line
        .context("no VmHWM")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?;
    Ok(kib >> 10)
}

/// From the number alone, so that a failure is found again.
struct Random(Dice);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.0.below(bound)).unwrap_or_default()
    }

    /// A part of `whole`, at most `longest` long.
    fn part(&mut self, whole: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(whole);
        start..(start + 1 + self.below(longest)).min(whole)
    }
}

/// Mostly of the structure: a component that is damaged there is refused before it is compiled.
fn mutate(original: &[u8], number: u64) -> Vec<u8> {
    let mut random = Random(Dice::new(number));
    let sections = sections(original);
    let mut bytes = original.to_vec();
    let section = sections[random.below(sections.len())].clone();
    match random.below(8) {
        0 => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(random.below(original.len())),
        // A section less, twice, or elsewhere.
        2 => drop(bytes.drain(section)),
        3 => drop(bytes.splice(section.end..section.end, original[section].to_vec())),
        4 => {
            let other = sections[random.below(sections.len())].start;
            let piece = original[section].to_vec();
            bytes.splice(other..other, piece);
        }
        // A number that does not end, or is as large as it can be.
        5 => {
            let at = section.start + 1;
            let long: &[u8] = match random.below(3) {
                0 => &[0xff, 0xff, 0xff, 0xff, 0x0f],
                1 => &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
                _ => &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            };
            bytes.splice(at..at + 1, long.iter().copied());
        }
        6 => {
            let (from, to) = (random.part(bytes.len(), 4096), random.part(bytes.len(), 64));
            let piece = original[from].to_vec();
            bytes.splice(to, piece);
        }
        // Within one section, near its head, where its counts and types are.
        _ => {
            for _ in 0..=random.below(3) {
                let at = section.start + random.below(section.len().min(64));
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0x40][random.below(6)];
            }
        }
    }
    bytes
}

/// Those of the outermost level: an id, a length in LEB128, and that many bytes.
fn sections(component: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 8);
    while at < component.len() {
        let (start, mut length, mut shift) = (at, 0, 0);
        loop {
            at += 1;
            length |= usize::from(component[at] & 0x7f) << shift;
            shift += 7;
            if component[at] & 0x80 == 0 {
                break;
            }
        }
        at += 1 + length;
        found.push(start..at);
    }
    found
}
