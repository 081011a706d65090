//! The log: its two formats, its fields, its levels, what one plugin may write, and the audit events in it.

mod audit;
mod fields;
mod flood;
mod format;
mod levels;
mod refused;

use greenroom_tests::{Host, Setup, chameleon};
use serde_json::Value;

/// Two chameleons, `a` and `b`, with this configuration.
fn two(yaml: &str) -> Setup {
    Setup::new()
        .plugin("a", &chameleon("answer=a;"))
        .plugin("b", &chameleon("answer=b;"))
        .config(yaml)
}

/// The lines that have all of these parts, in their order.
fn lines(host: &Host, parts: &[&str]) -> Vec<Value> {
    let lines = host.log_lines(parts).into_iter();
    lines
        .map(|line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// The first line that has all of these parts, waited for.
fn line(host: &Host, parts: &[&str]) -> Value {
    serde_json::from_str(&host.wait_for_log(parts)).expect("each line is JSON")
}

fn get(host: &Host, path: &str, id: &str) -> u16 {
    let request = host.request("GET", path).header("x-request-id", id);
    request.send().status
}
