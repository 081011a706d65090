//! `backend.health.headers`, and `plugins.<id>.health`: how often a plugin that says how it is gets asked.

use super::{
    cursor::{Section, shown},
    error::Problem,
    node::Value,
};
use std::time::Duration;

/// Of an answer about health.
const MAX_HEADERS: usize = 32;
const MAX_VALUE: usize = 4096;

/// What the host says in an answer itself, or what would break its framing.
const OWN: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// `plugins.<id>.health`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChecks {
    /// `health: false`: the plugin is not asked, and counts as one that cannot be.
    pub on: bool,
    /// `interval`: from the end of one check to the next. Default 10 s.
    pub interval: Duration,
    /// `timeout`: of one check. Default 5 s.
    pub timeout: Duration,
    /// `failures`: so many in a row make a plugin that was well a failing one. Default 3.
    pub failures: u32,
}

impl Default for HealthChecks {
    fn default() -> Self {
        Self {
            on: true,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            failures: 3,
        }
    }
}

/// `plugin`: the section of one plugin.
pub(super) fn checks(plugin: &Section<'_>) -> HealthChecks {
    let default = HealthChecks::default();
    let Some(field) = plugin.get("health") else {
        return default;
    };
    if let Value::Boolean(on) = field.node.value {
        return HealthChecks { on, ..default };
    }
    let Some(section) = field.section() else {
        return default;
    };
    let millis = Duration::from_millis;
    let checks = HealthChecks {
        on: true,
        interval: section.time(
            "interval",
            millis(100)..=millis(3_600_000),
            default.interval,
        ),
        timeout: section.time("timeout", millis(10)..=millis(60_000), default.timeout),
        failures: section.count("failures", 1..=1000, default.failures),
    };
    section.refuse_others();
    checks
}

/// `backend.health.headers`: names and values that both endpoints' answers carry.
pub(super) fn headers(backend: &Section<'_>) -> Vec<(String, String)> {
    let health = backend.section("health");
    let section = health.section("headers");
    health.judge_others(&[]);
    let given = section.others();
    if given.len() > MAX_HEADERS {
        let place = given[MAX_HEADERS].1;
        section.reader.refuse(
            Problem::new(format!(
                "`{}` has more than {MAX_HEADERS} headers",
                section.path
            ))
            .at(section.reader.source(place), place, "one too many"),
        );
        return Vec::new();
    }
    let mut headers = Vec::new();
    for (name, place, field) in given {
        if let Err(why) = may_be_set(name) {
            let problem = Problem::new(format!("`{}.{}`: {why}", section.path, shown(name)));
            let source = section.reader.source(place);
            section.reader.refuse(problem.at(source, place, "here"));
            continue;
        }
        const TAKES: &str = "a text of visible ASCII, with spaces only within";
        let Some(field) = field else { continue };
        let Some((value, secret)) = field.text(TAKES) else {
            continue;
        };
        if is_value(&value) {
            headers.push((name.to_owned(), value));
        } else {
            field.out_of::<()>(TAKES, "no value of a header", secret);
        }
    }
    headers
}

fn may_be_set(name: &str) -> Result<(), &'static str> {
    if name.len() > 256 || http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("this is no name of a header");
    }
    match OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        true => Err("the host sets this header itself"),
        false => Ok(()),
    }
}

fn is_value(text: &str) -> bool {
    let within = |b: u8| b.is_ascii_graphic() || b == b' ';
    !text.is_empty() && text.len() <= MAX_VALUE && text.trim() == text && text.bytes().all(within)
}
