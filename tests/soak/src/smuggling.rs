//! Requests that two parties could read in two ways, each with a second request behind or within it. What is ambiguous
//! by RFC 9112 ends the connection, and nobody ever answers what was smuggled.

mod chunks;
mod codings;
mod heads;
mod lengths;

use crate::{Row, Run};
use anyhow::{Result, anyhow, bail};
use greenroom_tests::{Host, Raw, Setup, Wire, chameleon};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread::sleep,
    time::Duration,
};

/// Something to send. `{post}` is a request line to a plugin with its Host, `{next}` the second request, `{length}` and
/// `{hex}` how long that is, and `{long}` 20,000 bytes.
struct Case {
    name: &'static str,
    sent: &'static str,
    wanted: Wanted,
}

#[derive(Clone, Copy)]
enum Wanted {
    /// A status without a body, and the end.
    Refused(u16),
    /// A 400, or not even that, and the end.
    Dropped,
    /// An answer, and the end: what follows is nobody's.
    Ends(u16),
    /// An answer. The second request was the body of the first.
    Inside(u16),
    /// An answer, to a request with a body of so many bytes, and one to the second request: there is one reading alone.
    Both(u16, usize),
}

const fn case(name: &'static str, sent: &'static str, wanted: Wanted) -> Case {
    Case { name, sent, wanted }
}

/// Where `{post}` goes, and whether the answer tells how long the body was.
const TARGETS: [(&str, bool); 3] = [
    ("/api/chameleon/echo", true),
    ("/api/chameleon/upload", true),
    ("/api/chameleon/unread", false),
];

/// How the bytes are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Whole,
    /// The head, the body and the second request each for itself.
    Parts,
    Bytes,
}

pub fn run(run: &mut Run) -> Result<Vec<Row>> {
    // What waits for bytes that never come is ended soon.
    let host = Setup::new()
        .plugin("chameleon", &chameleon(""))
        .config("plugins: {chameleon: {limits: {chunkTimeout: 2s}}}")
        .start();
    let all: Vec<&Case> = [lengths::CASES, codings::CASES, chunks::CASES, heads::CASES]
        .into_iter()
        .flatten()
        .collect();
    let targets = usize::try_from(run.count(15, 3))?.min(TARGETS.len());
    let mut tried: u32 = 0;
    let mut seen = Vec::new();
    let mut failures = Vec::new();
    for case in &all {
        let targets = if case.sent.contains("{post}") {
            targets
        } else {
            1
        };
        for target in &TARGETS[..targets] {
            for cut in [Cut::Whole, Cut::Parts, Cut::Bytes] {
                if case.sent.contains("{long}") && cut == Cut::Bytes {
                    continue;
                }
                tried += 1;
                let mark = format!("smuggled-{tried:05}");
                let what = format!("{} to {} {cut:?}", case.name, target.0);
                // A wait without an end is a panic, and one finding among others.
                let judged =
                    catch_unwind(AssertUnwindSafe(|| judge(&host, case, *target, cut, &mark)));
                if let Err(why) = judged.unwrap_or_else(|_| Err(anyhow!("no end of it"))) {
                    failures.push(format!("{what}: {why}"));
                }
                seen.push((what, mark, matches!(case.wanted, Wanted::Both(..))));
            }
        }
    }
    // The log is in order: what was to be told of the others is told before this.
    host.get("/api/chameleon/log?text=the-last");
    host.wait_for_log(&["the-last"]);
    let log = host.log();
    for (what, mark, wanted) in seen {
        let times = log.matches(&mark).count();
        if times != usize::from(wanted) {
            failures.push(format!(
                "{what}: the plugin saw the second request {times} times"
            ));
        }
    }
    for failure in &failures {
        eprintln!("smuggling: {failure}");
    }
    Ok(vec![Row::new(
        format!(
            "{} request-smuggling cases, cut in 3 ways, to {targets} kinds of handler",
            all.len()
        ),
        "each one is refused, ended or read as RFC 9112 says; no smuggled request is answered",
        match failures.first() {
            None => format!("{tried} of {tried} as they should be"),
            Some(first) => format!("{} of {tried} are not; the first: {first}", failures.len()),
        },
        failures.is_empty() && all.len() >= 60,
    )])
}

fn judge(host: &Host, case: &Case, to: (&str, bool), cut: Cut, mark: &str) -> Result<()> {
    let next = format!("GET /api/chameleon/log?text={mark} HTTP/1.1\r\nHost: h\r\n\r\n");
    let sent = case
        .sent
        .replace("{post}", &format!("POST {} HTTP/1.1\r\nHost: h\r\n", to.0))
        .replace("{length}", &next.len().to_string())
        .replace("{hex}", &format!("{:x}", next.len()))
        .replace("{long}", &"x".repeat(20_000));
    let mut wire = Wire::open(host.address());
    send(&mut wire, &sent, &next, cut);
    let head = case.sent.starts_with("HEAD ");
    match case.wanted {
        Wanted::Refused(status) => {
            let rest = wire.rest_text();
            let bare =
                rest.ends_with("\r\n\r\n") && rest.to_lowercase().contains("connection: close");
            expect(bare && is_one(&rest, status), status, &rest)
        }
        Wanted::Dropped => {
            let rest = wire.rest_text();
            expect(rest.is_empty() || is_one(&rest, 400), 400, &rest)
        }
        Wanted::Ends(status) => {
            let rest = wire.rest_text();
            expect(is_one(&rest, status), status, &rest)
        }
        Wanted::Inside(status) => {
            let first = answer(&mut wire, head);
            expect(first.status() == status, status, &first.head)?;
            wire.finish();
            let rest = wire.rest_text();
            expect(rest.is_empty(), status, &rest)
        }
        Wanted::Both(status, length) => {
            let first = answer(&mut wire, head);
            expect(first.status() == status, status, &first.head)?;
            if case.sent.contains("{post}") && to.1 && status == 200 {
                let told = match to.0 {
                    "/api/chameleon/echo" => first.json()["body"].to_string(),
                    _ => first.text(),
                };
                expect(told == length.to_string(), status, &first.text())?;
            }
            let second = answer(&mut wire, false);
            expect(second.status() == 204, 204, &second.head)?;
            wire.finish();
            let rest = wire.rest_text();
            expect(rest.is_empty(), status, &rest)
        }
    }
}

fn send(wire: &mut Wire, sent: &str, next: &str, cut: Cut) {
    let whole = sent.replace("{next}", next);
    match cut {
        Cut::Whole => wire.send(whole),
        Cut::Bytes => {
            for byte in whole.as_bytes() {
                wire.send([*byte]);
            }
        }
        Cut::Parts => {
            let body = whole.find("\r\n\r\n").map_or(0, |at| at + 4);
            let second = whole.find(next).unwrap_or(whole.len()).max(body);
            for part in [&whole[..body], &whole[body..second], &whole[second..]] {
                wire.send(part);
                // So that they are read one by one, if only most of the time.
                sleep(Duration::from_millis(1));
            }
        }
    }
}

/// The next answer that is not a mere `100 Continue`.
fn answer(wire: &mut Wire, to_head: bool) -> Raw {
    loop {
        let answer = match to_head {
            true => wire.answer_to_head(),
            false => wire.answer(),
        };
        if answer.status() != 100 {
            return answer;
        }
    }
}

fn is_one(rest: &str, status: u16) -> bool {
    let rest = rest
        .strip_prefix("HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(rest);
    rest.get(9..12) == Some(&status.to_string()) && rest.matches("HTTP/1.").count() == 1
}

fn expect(holds: bool, status: u16, got: &str) -> Result<()> {
    if !holds {
        bail!(
            "wanted {status}, got {:?}",
            got.chars().take(300).collect::<String>()
        );
    }
    Ok(())
}
