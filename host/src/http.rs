//! The door for clients: an HTTP/1.1 server that hands requests to plugins and makes their answers fit for the wire, and
//! the admin socket. Nothing outside this room knows hyper, but for the client of `auth`.
//!
//! One request: `server` accepts, `socket` bounds how long the peer may take, `head` checks and strips, `router` finds the
//! mount, `body` collects, the plugin answers, `response` shapes. `error` alone turns a refusal into a status.

mod accept;
mod access;
mod address;
pub mod admin;
mod admit;
mod backstage;
mod body;
pub mod client;
mod compress;
mod connection;
mod cors;
mod dormant;
mod error;
mod etag;
mod exchange;
mod head;
mod health;
mod inflate;
mod kept;
mod listen;
mod media;
mod rate;
mod reply;
mod request_id;
mod response;
pub mod router;
mod server;
mod socket;

pub use listen::{BindError, Listener};
pub use server::serve;
pub use socket::Bounds;

use crate::{auth::Auth, config, plugin::Registry};
use std::{
    net::IpAddr,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};
use tokio::sync::Notify;

/// What all connections share.
pub struct Shared {
    registry: Registry,
    auth: Auth,
    cors: Option<cors::Policy>,
    trusted: Vec<ipnet::IpNet>,
    startup_pause: Duration,
    shutdown_timeout: Duration,
    bounds: Bounds,
    kept: kept::Kept,
    limiter: Option<rate::Limiter>,
    /// Refused credentials, by client.
    refusals: rate::Table,
    /// Of the answers about health.
    health_headers: http::HeaderMap,
    /// Each request has a line in the log.
    requests: bool,
    stage: AtomicU8,
    stage_changed: Notify,
}

/// Where the server is in its life. It only ever goes forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Stage {
    Serving,
    /// No new connections or requests; what runs may finish.
    Stopping,
    /// Out of patience: connections are cut.
    Cutting,
}

impl Shared {
    pub fn new(registry: Registry, auth: Auth, backend: &config::Backend) -> Self {
        Self {
            registry,
            auth,
            cors: backend.cors.as_ref().map(cors::Policy::new),
            trusted: backend.trust_proxy.clone(),
            startup_pause: backend.startup_pause,
            shutdown_timeout: backend.shutdown_timeout,
            bounds: Bounds::default(),
            kept: kept::Kept::new(backend.bodies),
            refusals: rate::Table::new(Duration::from_secs(60), admit::TOLD),
            limiter: backend.rate_limit.as_ref().map(rate::Limiter::new),
            health_headers: health::headers(&backend.health_headers),
            requests: backend.logger.requests,
            stage: AtomicU8::new(Stage::Serving as u8),
            stage_changed: Notify::new(),
        }
    }

    /// The same with other bounds on slow peers than the defaults.
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    fn enter(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::SeqCst);
        self.stage_changed.notify_waiters();
    }

    fn reached(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::SeqCst) >= stage as u8
    }

    /// Whether what this peer says about its client is believed (`backend.trustProxy`).
    fn trusts(&self, peer: IpAddr) -> bool {
        // A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d; the config names them as IPv4.
        let peer = peer.to_canonical();
        self.trusted.iter().any(|net| net.contains(&peer))
    }
}
