//! `plugins.<id>.limits` and the engine's ceilings above them.

use super::{
    Engine, KeyvalueLimits, Limits, Plugin, SqlLimits,
    cursor::{Section, shown},
    size,
};
use std::{ops::RangeInclusive, time::Duration};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const DAY: u64 = 86_400_000;
const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;
const SECOND: u64 = 1000;

/// What a linear memory of 32 bits can address.
const MAX_MEMORY: u64 = 4 * GIB;
/// The longest text or blob that SQLite is asked to take.
const MAX_VALUE: u64 = GIB;

fn millis(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

/// `engine`, before the plugins are known.
pub(super) struct Ceiling {
    instances: u32,
    /// `None`: whatever the plugins need.
    memory: Option<u64>,
}

impl Ceiling {
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self {
            // Each takes some 6 GiB of the 128 TiB of addresses that a process has.
            instances: section.count("maxInstances", 1..=10_000, 1000),
            memory: section
                .get("maxMemory")
                .map(|_| section.size("maxMemory", MIB..=MAX_MEMORY, MAX_MEMORY)),
        }
    }

    /// The limits of a plugin that the config does not name.
    pub(super) fn defaults(&self) -> Limits {
        let limits = Limits::default();
        Limits {
            memory: limits.memory.min(self.memory.unwrap_or(u64::MAX)),
            ..limits
        }
    }

    pub(super) fn engine<'a>(&self, plugins: impl Iterator<Item = &'a Plugin>) -> Engine {
        let largest = plugins
            .map(|plugin| plugin.limits.memory)
            .fold(self.defaults().memory, u64::max);
        Engine {
            max_instances: self.instances,
            max_memory: self.memory.unwrap_or(largest),
        }
    }
}

pub(super) fn limits(s: &Section<'_>, ceiling: &Ceiling) -> Limits {
    let default = ceiling.defaults();
    let limits = Limits {
        memory: s.size("memory", MIB..=MAX_MEMORY, default.memory),
        timeout: s.time("timeout", millis(10, HOUR), default.timeout),
        chunk_timeout: s.time("chunkTimeout", millis(10, HOUR), default.chunk_timeout),
        stream_timeout: s.time("streamTimeout", millis(SECOND, DAY), default.stream_timeout),
        body: s.size("body", KIB..=GIB, default.body),
        buffer: usize::try_from(s.size("buffer", 0..=64 * MIB, default.buffer as u64))
            .unwrap_or(default.buffer),
        concurrency: s.count("concurrency", 1..=10_000, default.concurrency),
        queue: s.count("queue", 0..=1_000_000, default.queue),
        queue_timeout: s.time("queueTimeout", millis(0, 5 * MINUTE), default.queue_timeout),
        hold_timeout: s.time("holdTimeout", millis(0, 5 * MINUTE), default.hold_timeout),
        streams: s.count("streams", 1..=10_000, default.streams),
        max_requests_per_instance: s.count(
            "maxRequestsPerInstance",
            1..=1_000_000_000,
            default.max_requests_per_instance,
        ),
        instance_idle: s.time("instanceIdle", millis(SECOND, DAY), default.instance_idle),
        migration_timeout: s.time(
            "migrationTimeout",
            millis(SECOND, DAY),
            default.migration_timeout,
        ),
        log: s.size("log", KIB..=GIB, default.log),
        sql: sql(&s.section("sql"), default.sql),
        keyvalue: keyvalue(&s.section("keyvalue"), default.keyvalue),
    };
    if let Some(most) = ceiling.memory {
        not_above(s, "memory", limits.memory, "engine.maxMemory", most);
    }
    not_above(s, "buffer", limits.buffer as u64, "body", limits.body);
    if let Some(field) = s
        .get("concurrency")
        .filter(|_| limits.concurrency > ceiling.instances)
    {
        field.refuse(
            format!(
                "`{}` is more than `engine.maxInstances`, which is {}",
                shown(&field.path),
                ceiling.instances
            ),
            "never reached",
            "each request that runs has an instance: lower this or raise `engine.maxInstances`",
        );
    }
    s.refuse_others();
    limits
}

fn sql(s: &Section<'_>, default: SqlLimits) -> SqlLimits {
    let limits = SqlLimits {
        timeout: s.time("timeout", millis(10, HOUR), default.timeout),
        rows: s
            .get("rows")
            .and_then(|field| field.whole(1..=10_000_000))
            .unwrap_or(default.rows),
        result: s.size("result", KIB..=GIB, default.result),
        value: s.size("value", KIB..=MAX_VALUE, default.value),
        statement: s.size("statement", KIB..=16 * MIB, default.statement),
        // SQLite's own maximum.
        parameters: s.count("parameters", 1..=32_766, default.parameters),
        batch: s.count("batch", 1..=1_000_000, default.batch),
        database: s.size("database", MIB..=16 * TIB, default.database),
        transaction_idle: s.time(
            "transactionIdle",
            millis(10, 5 * MINUTE),
            default.transaction_idle,
        ),
        transaction_time: s.time(
            "transactionTime",
            millis(10, HOUR),
            default.transaction_time,
        ),
    };
    not_above(s, "value", limits.value, "result", limits.result);
    s.refuse_others();
    limits
}

fn keyvalue(s: &Section<'_>, default: KeyvalueLimits) -> KeyvalueLimits {
    let limits = KeyvalueLimits {
        key: s.size("key", 16..=64 * KIB, default.key),
        value: s.size("value", KIB..=MAX_VALUE, default.value),
        buckets: s.count("buckets", 1..=1024, default.buckets),
        keys: s.count("keys", 1..=1_000_000_000, default.keys),
        total: s.size("total", MIB..=16 * TIB, default.total),
        memory: s.size("memory", MIB..=TIB, default.memory),
    };
    not_above(s, "value", limits.value, "total", limits.total);
    s.refuse_others();
    limits
}

/// Refuses a size that is set, here or as its counterpart, above what bounds it. Two defaults are never at odds.
fn not_above(s: &Section<'_>, key: &'static str, size: u64, above: &'static str, most: u64) {
    if let Some(field) = s.get(key).filter(|_| size > most) {
        field.refuse(
            format!(
                "`{}` is more than `{above}`, which is {}",
                shown(&field.path),
                size::written(most)
            ),
            "too large",
            format!("lower this, or raise `{above}`"),
        );
    }
}
