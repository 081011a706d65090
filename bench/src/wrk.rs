//! The load generator: wrk, with a Lua script that the driver writes, and what it reports.

use crate::{child, meter};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

/// What it may take longer than asked, as for answers that are still awaited.
const GRACE: Duration = Duration::from_secs(20);
const MARK: &str = "greenroom-bench ";

/// Goes at the end of every script: one line of JSON on stdout when wrk is done.
const REPORT: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'greenroom-bench {"requests":%d,"micros":%d,"p50":%d,"p99":%d,"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
"#;

/// One run of wrk: one thread, kept-alive connections.
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    /// From [`write_script`].
    pub(crate) script: &'a Path,
    pub(crate) connections: u32,
    /// Whole seconds: wrk takes no others.
    pub(crate) seconds: u32,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Answered in full, those with an error status included.
    pub(crate) requests: u64,
    pub(crate) time: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) errors: Errors,
    /// CPU time of wrk itself.
    pub(crate) cpu: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Errors {
    pub(crate) connect: u64,
    pub(crate) read: u64,
    pub(crate) write: u64,
    /// Answers of 400 and above.
    pub(crate) status: u64,
    /// Answers that took longer than wrk waits, 2 s.
    pub(crate) timeout: u64,
}

impl Errors {
    pub(crate) fn add(&mut self, more: Self) {
        self.connect += more.connect;
        self.read += more.read;
        self.write += more.write;
        self.status += more.status;
        self.timeout += more.timeout;
    }

    pub(crate) fn total(self) -> u64 {
        self.connect + self.read + self.write + self.status + self.timeout
    }
}

#[derive(Deserialize)]
struct Line {
    requests: u64,
    micros: u64,
    p50: u64,
    p99: u64,
    errors: Errors,
}

/// Writes a script: Lua that says what to request (`wrk.path = ...`, `request = function() ... end`).
pub(crate) fn write_script(path: &Path, lua: &str) -> Result<()> {
    std::fs::write(path, format!("{lua}{REPORT}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

impl Load<'_> {
    pub(crate) fn run(&self) -> Result<Outcome> {
        let before = meter::ended_children()?;
        let patience = Duration::from_secs(self.seconds.into()) + GRACE;
        let output = child::output(
            Command::new("wrk")
                .arg("--threads=1")
                .arg(format!("--connections={}", self.connections))
                .arg(format!("--duration={}s", self.seconds))
                .arg("--script")
                .arg(self.script)
                .arg(format!("http://{}", self.address)),
            "wrk",
            patience,
        )?;
        let cpu = meter::ended_children()?.saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("wrk ended with {}: {text}{said}", output.status);
        }
        outcome(&text, cpu).with_context(|| format!("wrk printed:\n{text}"))
    }
}

fn outcome(text: &str, cpu: Duration) -> Result<Outcome> {
    let line = text.lines().find_map(|line| line.strip_prefix(MARK));
    let line: Line = serde_json::from_str(line.context("no report of the script")?)?;
    Ok(Outcome {
        requests: line.requests,
        time: Duration::from_micros(line.micros),
        p50: Duration::from_micros(line.p50),
        p99: Duration::from_micros(line.p99),
        errors: line.errors,
        cpu,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_line_is_read() {
        let text = "Running 1s test\n  2 requests in 1.00s\n\
            greenroom-bench {\"requests\":12,\"micros\":1000123,\"p50\":80,\"p99\":2000,\
            \"errors\":{\"connect\":0,\"read\":1,\"write\":0,\"status\":3,\"timeout\":2}}\n";
        let cpu = Duration::from_millis(7);
        let outcome = outcome(text, cpu).unwrap();
        assert_eq!((outcome.requests, outcome.cpu), (12, cpu));
        assert_eq!(outcome.time, Duration::from_micros(1_000_123));
        assert_eq!(outcome.p99, Duration::from_millis(2));
        assert_eq!(outcome.errors.total(), 6);
    }

    #[test]
    fn a_run_without_report_is_an_error() {
        assert!(outcome("Running 1s test\n", Duration::ZERO).is_err());
    }
}
