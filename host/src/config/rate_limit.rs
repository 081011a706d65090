//! `backend.rateLimit`, as Backstage reads it: how many requests one client may send.

use super::{
    Backend, backstage,
    cursor::{Field, Reader, Section, shown},
    error::Problem,
    node::Value,
};
use crate::id::PluginId;
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};

const WINDOWS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(24 * 3600);
const MOST_REQUESTS: u32 = 1_000_000_000;

/// `backend.rateLimit`; `true` is the defaults for all requests.
#[derive(Debug, Clone, Default)]
pub struct RateLimits {
    /// Of all requests together. `None`: `global: false`.
    pub global: Option<RateLimit>,
    /// `plugin.<id>`: of those to one plugin, besides. Takes nothing over from the global one.
    pub plugins: BTreeMap<PluginId, RateLimit>,
}

#[derive(Debug, Clone)]
pub struct RateLimit {
    /// `window`: begins with a client's first request. Default 1 min.
    pub window: Duration,
    /// `incomingRequestLimit`: requests of one client in one window. Default 5.
    pub requests: u32,
    /// `ipAllowList`: addresses and networks whose requests are not counted. Default 127.0.0.1 and ::1.
    pub exempt: Vec<IpNet>,
    /// `skipSuccessfulRequests`: those that are answered below 400 do not count. Default false.
    pub skip_successful: bool,
    /// `skipFailedRequests`: those that are answered 400 or above do not count. Default false.
    pub skip_failed: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        let this_machine = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        Self {
            window: Duration::from_secs(60),
            requests: 5,
            exempt: this_machine.map(IpNet::from).to_vec(),
            skip_successful: false,
            skip_failed: false,
        }
    }
}

impl RateLimit {
    pub fn exempts(&self, client: IpAddr) -> bool {
        self.exempt.iter().any(|net| net.contains(&client))
    }
}

pub(super) fn limits(backend: &Section<'_>) -> Option<RateLimits> {
    let field = backend.get("rateLimit")?;
    match field.node.value {
        Value::Boolean(false) => None,
        Value::Boolean(true) => Some(RateLimits {
            global: Some(RateLimit::default()),
            plugins: BTreeMap::new(),
        }),
        _ => field.section().map(|section| all(&section)),
    }
}

fn all(section: &Section<'_>) -> RateLimits {
    let global = section.flag("global", true);
    let limit = one(section);
    store(&section.section("store"));
    let overrides = section.section("plugin");
    section.judge_others(backstage::RATE_LIMIT);
    RateLimits {
        global: global.then_some(limit),
        plugins: plugins(&overrides),
    }
}

fn plugins(section: &Section<'_>) -> BTreeMap<PluginId, RateLimit> {
    let mut plugins = BTreeMap::new();
    for (key, place, field) in section.others() {
        match key.parse::<PluginId>() {
            Err(why) => section.reader.refuse(
                Problem::new(format!("`{}.{}`: {why}", section.path, shown(key))).at(
                    section.reader.source(place),
                    place,
                    "no plugin id",
                ),
            ),
            Ok(id) => {
                if let Some(limit) = field.and_then(|field| plugin(&field)) {
                    plugins.insert(id, limit);
                }
            }
        }
    }
    plugins
}

fn plugin(field: &Field<'_>) -> Option<RateLimit> {
    match field.node.value {
        Value::Boolean(false) => None,
        Value::Boolean(true) => Some(RateLimit::default()),
        _ => {
            let section = field.section()?;
            let limit = one(&section);
            section.judge_others(backstage::RATE_LIMIT);
            Some(limit)
        }
    }
}

fn one(section: &Section<'_>) -> RateLimit {
    let default = RateLimit::default();
    RateLimit {
        window: section.time("window", WINDOWS, default.window),
        requests: section.count("incomingRequestLimit", 1..=MOST_REQUESTS, default.requests),
        exempt: section
            .get("ipAllowList")
            .map_or(default.exempt, |field| exempt(&field)),
        skip_successful: section.flag("skipSuccessfulRequests", false),
        skip_failed: section.flag("skipFailedRequests", false),
    }
}

/// A list, or one address.
fn exempt(field: &Field<'_>) -> Vec<IpNet> {
    const TAKES: &str = "a list of addresses and networks, such as `[127.0.0.1, 10.0.0.0/8]`";
    let one = |field: &Field<'_>| {
        let (text, secret) = field.text(TAKES)?;
        let address = (text.parse::<IpAddr>()).map(|address| IpNet::from(address.to_canonical()));
        match address.or_else(|_| text.parse::<IpNet>().map(|net| net.trunc())) {
            Ok(net) => Some(net),
            Err(_) => field.out_of(TAKES, "neither an address nor a network", secret),
        }
    };
    match field.items() {
        Some(items) => items.iter().filter_map(one).collect(),
        None => one(field).into_iter().collect(),
    }
}

/// Each host counts for itself.
fn store(section: &Section<'_>) {
    const TAKES: &str = "`memory`";
    let field = section.get("type");
    section.judge_others(backstage::RATE_LIMIT_STORE);
    let Some((field, (text, secret))) =
        field.and_then(|field| field.text(TAKES).map(|text| (field, text)))
    else {
        return;
    };
    match text.as_str() {
        "memory" => {}
        "redis" | "valkey" | "memcache" => field.refuse(
            format!(
                "`{}`: Greenroom counts requests in its own memory alone",
                shown(&field.path)
            ),
            "not available",
            "remove `store`; where several hosts share the clients, divide `incomingRequestLimit` by their number",
        ),
        _ => {
            field.out_of::<()>(TAKES, "no such store", secret);
        }
    }
}

/// Choices that limit nobody.
pub(super) fn remark(reader: &Reader<'_>, backend: &Backend) {
    let Some(limits) = &backend.rate_limit else {
        return;
    };
    let mut all = limits.global.iter().chain(limits.plugins.values());
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if limits.global.is_none() && limits.plugins.is_empty() {
        reader.note(
            "backend.rateLimit limits nothing: `global` is false, and `plugin` names no plugin",
        );
    } else if is_this_machine(&backend.listen.host)
        && backend.trust_proxy.is_empty()
        && all.all(|limit| limit.exempts(here))
    {
        reader.note(
            "backend.rateLimit limits nobody: this host listens for clients on this machine alone, which ipAllowList does \
             not count; where they are a proxy's, name it in `backend.trustProxy`",
        );
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || (host.parse::<IpAddr>()).is_ok_and(|address| address.is_loopback())
}
