//! How long values in plugins' key-value stores live: `backend.cache.defaultTtl`, and `plugins.<id>.keyvalue.<bucket>.ttl`
//! where a bucket differs.

use super::{
    cursor::{Field, Section, shown},
    duration,
    error::Problem,
    node::Value,
};
use std::{collections::BTreeMap, time::Duration};

const LEAST_TTL: Duration = Duration::from_secs(1);
const MAX_TTL: Duration = Duration::from_secs(3650 * 86_400);

/// As Backstage reads it: a number is milliseconds, 0 no end. `None`: values do not end.
pub(super) fn default_ttl(section: &Section<'_>) -> Option<Duration> {
    const TAKES: &str =
        "milliseconds as a number, or a time such as `10m`, up to 3650d; 0 is no end";
    let field = section.get("defaultTtl")?;
    let (time, secret) = match &field.node.value {
        Value::Integer(number) => (milliseconds(*number), false),
        Value::Float(_, text) => {
            // Also one that is whole, and too large for the file's reader.
            let number = text.parse::<i128>().map_err(|_| "not a whole number");
            (number.and_then(milliseconds), false)
        }
        Value::Text(_) => {
            let (text, secret) = field.text(TAKES)?;
            let time = match text.trim().parse::<i128>() {
                Ok(number) => milliseconds(number),
                Err(_) => duration::parse(&text),
            };
            (time, secret)
        }
        Value::Map(_) => (Ok(field.parts()?), false),
        _ => {
            field.refuse_kind(TAKES);
            return None;
        }
    };
    let ttl = match time {
        Ok(time) if time > MAX_TTL => field.out_of(TAKES, "too long", secret)?,
        Ok(time) if time.is_zero() => return None,
        Ok(time) => time,
        Err(why) => field.out_of(TAKES, why, secret)?,
    };
    section.reader.note(format!(
        "backend.cache.defaultTtl: what plugins keep in wasi:keyvalue ends {} after it was written, in every bucket whose \
         `plugins.<id>.keyvalue.<bucket>.ttl` does not say otherwise; `ttl: never` keeps it",
        duration::written(ttl)
    ));
    Some(ttl)
}

fn milliseconds(number: i128) -> Result<Duration, &'static str> {
    if number < 0 {
        return Err("too short");
    }
    u64::try_from(number)
        .map(Duration::from_millis)
        .map_err(|_| "too long")
}

/// `keyvalue.<bucket>.ttl`; within: `None` for `never`.
pub(super) fn ttls(section: &Section<'_>) -> BTreeMap<String, Option<Duration>> {
    let mut ttls = BTreeMap::new();
    for (bucket, place, field) in section.others() {
        let letters = bucket
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        if !letters || bucket.is_empty() || bucket.len() > 64 {
            let problem = Problem::new(format!(
                "`{}.{}` is no name of a bucket",
                section.path,
                shown(bucket)
            ));
            section.reader.refuse(
                problem
                    .at(section.reader.source(place), place, "here")
                    .help("it takes 1 to 64 of a-z, 0-9, `.`, `_` and `-`"),
            );
            continue;
        }
        let Some(keys) = field.and_then(|field| field.section()) else {
            continue;
        };
        if let Some(ttl) = keys.get("ttl").and_then(|field| ttl(&field)) {
            ttls.insert(bucket.to_owned(), ttl);
        }
        keys.refuse_others();
    }
    ttls
}

fn ttl(field: &Field<'_>) -> Option<Option<Duration>> {
    const TAKES: &str = "a time from 1s to 3650d, or `never`";
    let Value::Text(_) = &field.node.value else {
        return field.time(LEAST_TTL..=MAX_TTL).map(Some);
    };
    let (text, secret) = field.text(TAKES)?;
    if text.trim() == "never" {
        return Some(None);
    }
    match duration::parse(&text) {
        Ok(time) if time < LEAST_TTL => field.out_of(TAKES, "too short", secret),
        Ok(time) if time > MAX_TTL => field.out_of(TAKES, "too long", secret),
        Ok(time) => Some(Some(time)),
        Err(why) => field.out_of(TAKES, why, secret),
    }
}
