//! `backend.rateLimit`: how many requests one client may send, to the host and to one plugin, in a window of time.

mod table;

pub(super) use table::Table;

use super::{address::Client, error::Refusal, router::Route};
use crate::{
    audit::Event,
    auth::{Caller, Principal},
    config::{RateLimit, RateLimits},
    id::PluginId,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use table::Turn;

// The IETF's draft 6, as express-rate-limit has it, and the headers that Backstage sends.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// All limits.
pub(super) struct Limiter {
    global: Option<Limit>,
    plugins: HashMap<PluginId, Limit>,
}

struct Limit {
    settings: RateLimit,
    table: Table,
    /// `5;w=60`: requests, and the seconds of a window.
    policy: HeaderValue,
}

/// One request on its way through the limits.
pub(super) struct Pass<'a> {
    limiter: &'a Limiter,
    client: Client,
    /// Where it was counted: for the host, and for its plugin.
    counted: [Option<(&'a Limit, Turn)>; 2],
}

impl Limiter {
    pub(super) fn new(settings: &RateLimits) -> Self {
        let plugins = settings.plugins.iter();
        Self {
            global: settings.global.as_ref().map(Limit::new),
            plugins: plugins
                .map(|(id, limit)| (id.clone(), Limit::new(limit)))
                .collect(),
        }
    }

    pub(super) fn pass(&self, client: Client) -> Box<Pass<'_>> {
        Box::new(Pass {
            limiter: self,
            client,
            counted: [None; 2],
        })
    }
}

impl Limit {
    fn new(settings: &RateLimit) -> Self {
        let policy = format!("{};w={}", settings.requests, seconds(settings.window));
        Self {
            settings: settings.clone(),
            table: Table::new(settings.window, settings.requests),
            // Digits, always valid.
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("")),
        }
    }

    /// `None`: this client's requests are not counted.
    fn count(&self, client: Client) -> Option<Turn> {
        // A proxy that is exempt for itself is not for those that it does not tell apart.
        let counted = client.stands_in || !self.settings.exempts(client.address);
        counted.then(|| self.table.count(client.address, Instant::now()))
    }

    /// Whether a request that was answered so does not count.
    fn skips(&self, failed: bool) -> bool {
        match failed {
            true => self.settings.skip_failed,
            false => self.settings.skip_successful,
        }
    }
}

impl<'a> Pass<'a> {
    /// Counts it for the host. Who asks how the host is does so often, and must not be told that it is down. `request`: its
    /// id, for the log.
    pub(super) fn enter(&mut self, to: &Route<'_>, request: &Arc<str>) -> Result<(), Refusal> {
        let limiter = self.limiter;
        match (&limiter.global, to) {
            (Some(_), Route::Liveness | Route::Readiness) | (None, _) => Ok(()),
            (Some(limit), _) => self.count(0, limit, None, request),
        }
    }

    /// Counts it for the plugin that it is for.
    pub(super) fn enter_plugin(&mut self, id: &str, request: &Arc<str>) -> Result<(), Refusal> {
        let limiter = self.limiter;
        match limiter.plugins.get_key_value(id) {
            Some((id, limit)) => self.count(1, limit, Some(id), request),
            None => Ok(()),
        }
    }

    fn count(
        &mut self,
        place: usize,
        limit: &'a Limit,
        plugin: Option<&PluginId>,
        request: &Arc<str>,
    ) -> Result<(), Refusal> {
        let Some(turn) = limit.count(self.client) else {
            return Ok(());
        };
        self.counted[place] = Some((limit, turn));
        if turn.allowed {
            return Ok(());
        }
        if turn.first_refused {
            self.tell(&turn, plugin, request);
        }
        Err(Refusal::Limited {
            retry_after: seconds(turn.reset).max(1),
        })
    }

    /// Once for each client and window: whoever is refused may come a thousand times.
    fn tell(&self, turn: &Turn, plugin: Option<&PluginId>, request: &Arc<str>) {
        let limit = plugin.map_or("global", |_| "plugin");
        tracing::info!(
            client = %self.client.address, plugin = plugin.map(display), limit, request = &**request,
            seconds = seconds(turn.reset), "a client has sent too many requests; it is refused for so long"
        );
        let event = Event::new("rate-limited")
            .caller(&Caller {
                request: request.clone(),
                principal: Principal::NONE,
            })
            .client(Some(self.client.address), None)
            .meta("limit", limit)
            .meta("seconds", seconds(turn.reset))
            .failed("too many requests in one window");
        match plugin {
            Some(id) => event.plugin(id).record(),
            None => event.record(),
        }
    }

    /// Says in the answer how the client stands: by the limit that leaves it the least.
    pub(super) fn settle(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        let counted = self.counted.iter().flatten();
        let least = counted.min_by_key(|(_, turn)| (turn.left, Reverse(turn.reset)));
        if let Some((limit, turn)) = least {
            say(limit, turn, headers);
        }
        self.take_back(status.as_u16() >= 400);
    }

    /// What does not count after all.
    fn take_back(&mut self, failed: bool) {
        for (limit, turn) in self.counted.iter_mut().filter_map(Option::take) {
            if turn.allowed && limit.skips(failed) {
                limit.table.take_back(self.client.address, &turn);
            }
        }
    }
}

/// A request whose client went before its answer.
impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.take_back(true);
    }
}

fn say(limit: &Limit, turn: &Turn, headers: &mut HeaderMap) {
    let requests = HeaderValue::from(limit.settings.requests);
    let left = HeaderValue::from(turn.left);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let until = now.unwrap_or_default() + turn.reset;
    headers.insert(POLICY, limit.policy.clone());
    headers.insert(LIMIT, requests.clone());
    headers.insert(REMAINING, left.clone());
    headers.insert(RESET, HeaderValue::from(seconds(turn.reset)));
    headers.insert(X_LIMIT, requests);
    headers.insert(X_REMAINING, left);
    headers.insert(X_RESET, HeaderValue::from(seconds(until)));
}

/// Whole ones: who waits for them does not come too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::router::route;

    fn at(address: &str) -> Client {
        Client {
            address: address.parse().unwrap(),
            stands_in: false,
        }
    }

    const CLIENT: &str = "10.0.0.1";

    fn limit(requests: u32) -> RateLimit {
        RateLimit {
            requests,
            ..RateLimit::default()
        }
    }

    fn of(global: Option<RateLimit>, todo: Option<RateLimit>) -> Limiter {
        let plugins = todo.map(|limit| ("todo".parse().unwrap(), limit));
        Limiter::new(&RateLimits {
            global,
            plugins: plugins.into_iter().collect(),
        })
    }

    /// One request, answered with this status where it is not refused: the status, what the headers say is left, and when
    /// a refused one may come again.
    fn ask(
        limiter: &Limiter,
        client: &str,
        path: &str,
        status: u16,
    ) -> (u16, Option<u32>, Option<u64>) {
        let (to, request) = (route(path), Arc::from("r"));
        let mut pass = limiter.pass(at(client));
        let entered = pass.enter(&to, &request).and_then(|()| match to {
            Route::Plugin { id, .. } => pass.enter_plugin(id, &request),
            _ => Ok(()),
        });
        let (status, retry) = match entered {
            Ok(()) => (status, None),
            Err(Refusal::Limited { retry_after }) => (429, Some(retry_after)),
            Err(other) => panic!("{other:?}"),
        };
        let mut headers = HeaderMap::new();
        pass.settle(StatusCode::from_u16(status).unwrap(), &mut headers);
        let left = headers.get(REMAINING);
        let left = left.map(|left| left.to_str().unwrap().parse().unwrap());
        assert_eq!(headers.len(), if left.is_some() { 7 } else { 0 });
        (status, left, retry)
    }

    #[test]
    fn each_client_has_its_own_count_and_is_told_what_is_left() {
        let limiter = of(Some(limit(2)), None);
        let get = |client, path| ask(&limiter, client, path, 200);
        assert_eq!(get(CLIENT, "/api/todo"), (200, Some(1), None));
        assert_eq!(get(CLIENT, "/nowhere"), (200, Some(0), None));
        let (status, left, retry) = get(CLIENT, "/api/todo");
        assert_eq!((status, left), (429, Some(0)));
        assert!((1..=60).contains(&retry.unwrap()), "{retry:?}");
        assert_eq!(get("10.0.0.2", "/api/todo"), (200, Some(1), None));
        // Not counted: the endpoints of health, and this machine.
        for _ in 0..3 {
            for path in [
                "/.backstage/health/v1/liveness",
                "/.backstage/health/v1/readiness",
            ] {
                assert_eq!(get(CLIENT, path), (200, None, None));
            }
            assert_eq!(get("127.0.0.1", "/api/todo"), (200, None, None));
        }
    }

    #[test]
    fn both_limits_hold_and_the_tighter_one_is_told() {
        let both = of(Some(limit(4)), Some(limit(2)));
        let get = |path| {
            let (status, left, _) = ask(&both, CLIENT, path, 200);
            (status, left.unwrap())
        };
        assert_eq!(get("/api/todo/a"), (200, 1));
        assert_eq!(get("/api/other"), (200, 2));
        assert_eq!(get("/api/todo"), (200, 0));
        // Refused by the plugin's, and counted by the host's.
        assert_eq!(get("/api/todo"), (429, 0));
        assert_eq!(get("/api/other"), (429, 0));
        let alone = of(None, Some(limit(1)));
        let get = |path| ask(&alone, CLIENT, path, 200).0;
        assert_eq!([get("/api/todo"), get("/api/todo")], [200, 429]);
        assert_eq!([get("/api/other"), get("/api/other")], [200, 200]);
    }

    #[test]
    fn what_is_skipped_is_known_by_the_answer() {
        for (skip_successful, skip_failed, status, counts) in [
            (false, false, 200, true),
            (false, false, 500, true),
            (true, false, 200, false),
            (true, false, 304, false),
            (true, false, 400, true),
            (false, true, 399, true),
            (false, true, 401, false),
            (true, true, 200, false),
            (true, true, 500, false),
        ] {
            let settings = RateLimit {
                skip_successful,
                skip_failed,
                ..limit(1)
            };
            let limiter = of(Some(settings), None);
            let get = || ask(&limiter, CLIENT, "/x", status).0;
            get();
            let expected = if counts { 429 } else { status };
            assert_eq!(get(), expected, "{skip_successful} {skip_failed} {status}");
        }
    }

    #[test]
    fn one_whose_client_goes_counts_as_failed() {
        for (skip_failed, expected) in [(true, 200), (false, 429)] {
            let settings = RateLimit {
                skip_failed,
                ..limit(1)
            };
            let limiter = of(Some(settings), None);
            let mut pass = limiter.pass(at(CLIENT));
            pass.enter(&Route::Nothing, &Arc::from("r")).unwrap();
            drop(pass);
            assert_eq!(ask(&limiter, CLIENT, "/x", 200).0, expected);
        }
    }

    #[test]
    fn seconds_are_whole() {
        for (millis, expected) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected, "{millis}");
        }
    }
}
