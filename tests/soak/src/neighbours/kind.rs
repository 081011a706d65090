//! What a hostile request does, and how the host answers it.

use crate::load::{Seen, Work, by_status};
use greenroom_tests::{Host, Response};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Trap,
    Spin,
    Memory,
    Sql,
    Handles,
}

pub(super) const KINDS: [Kind; 5] = [
    Kind::Trap,
    Kind::Spin,
    Kind::Memory,
    Kind::Sql,
    Kind::Handles,
];

const ENDLESS: &str =
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c";

/// Of `limits.sql`.
const SQL_TIMEOUT: Duration = Duration::from_millis(400);

/// A request by itself may be late where others use the machine, and so end at its timeout before it got to its cap.
const TRIES: u32 = 5;

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Spin => "spin",
            Self::Memory => "eat memory",
            Self::Sql => "wait on SQL for ever",
            Self::Handles => "open 100,000 handles, of 10,000 that there are",
        }
    }

    pub(super) fn work(self) -> Work {
        let mut work = match self {
            Self::Trap => Work::get("/api/hostile/trap"),
            Self::Spin => Work::get("/api/hostile/spin"),
            Self::Memory => Work::get("/api/hostile/bomb"),
            Self::Sql => Work::post("/api/hostile/sql", &json!({"op": "query", "sql": ENDLESS})),
            Self::Handles => Work::get("/api/hostile/handles?n=100000"),
        };
        work.status = 0;
        work
    }

    /// What one by itself is answered: the status, and the field `error` of its body.
    fn answer(self) -> (u16, Value) {
        match self {
            Self::Trap | Self::Memory | Self::Handles => (
                502,
                json!({"name": "BadGatewayError", "message": "The plugin failed"}),
            ),
            Self::Spin => (
                504,
                json!({"name": "GatewayTimeoutError", "message": "The plugin did not answer in time"}),
            ),
            // The plugin's own answer: it tells what the host said to it.
            Self::Sql => (200, json!("timed-out")),
        }
    }

    /// The statuses that tell of it among many.
    fn statuses(self) -> &'static [u16] {
        match self {
            Self::Trap | Self::Handles => &[502],
            Self::Spin => &[504],
            // Several at once may take longer for their memory than a request may.
            Self::Memory => &[502, 504],
            // A statement ends 100 ms before its request does: the reading thread may be late by more.
            Self::Sql => &[200, 504],
        }
    }

    /// Half of them take as long as this, where a status tells little.
    fn least(self) -> Duration {
        match self {
            Self::Sql => SQL_TIMEOUT,
            _ => Duration::ZERO,
        }
    }

    /// Sends one and holds the answer to the letter: a route that is gone would be no hostility.
    pub(super) fn assert_alone(self, host: &Host) {
        let (status, error) = self.answer();
        let mut answer = self.send(host);
        for _ in 1..TRIES {
            if answer.status != 504 || status == 504 {
                break;
            }
            answer = self.send(host);
        }
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["error"]),
            (status, &error),
            "{}: {told}",
            self.name()
        );
    }

    fn send(self, host: &Host) -> Response {
        let work = self.work();
        let mut request = host.request(work.method, &work.target);
        if !work.body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(work.body);
        }
        request.send()
    }

    /// How those ended of which `seen` tells, in words, and whether nine of ten did as they must.
    pub(super) fn ended(self, seen: &Seen) -> (String, bool) {
        let all: u64 = seen.statuses.values().sum();
        let own = self.statuses().iter();
        let own: u64 = own.filter_map(|status| seen.statuses.get(status)).sum();
        let half = Duration::from_micros(seen.latency.value_at_quantile(0.5));
        let told = format!(
            "{own} of {all} hostile ones ended as they must ({}), half of them after {} ms or more",
            by_status(&seen.statuses),
            half.as_millis()
        );
        let reached = all > 0 && own * 10 >= all * 9 && half >= self.least();
        (told, reached)
    }
}
