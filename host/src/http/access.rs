//! The access log: a line for each request, where `backend.logger.requests` asks for it. The names of its fields are those
//! of Backstage's.

use super::{reply::Reply, response::Asked};
use crate::{auth::Principal, plugin::PluginId, telemetry::tame};
use http::{HeaderValue, Response, Version, header::USER_AGENT, request};
use http_body::Body;
use std::{sync::OnceLock, time::Instant};
use tracing::field::display;

/// Bytes of the path, and of what the client calls itself.
const PATH: usize = 1 << 10;
const AGENT: usize = 256;

/// A request whose line is to be written.
pub(super) struct Arrived {
    at: Instant,
    version: Version,
    agent: Option<HeaderValue>,
    /// The plugin that it is for, and who sent it, once they are known.
    reached: OnceLock<(PluginId, Principal)>,
}

impl Arrived {
    pub(super) fn of(head: &request::Parts) -> Self {
        Self {
            at: Instant::now(),
            version: head.version,
            agent: head.headers.get(USER_AGENT).cloned(),
            reached: OnceLock::new(),
        }
    }

    pub(super) fn reached(&self, plugin: &PluginId, principal: &Principal) {
        // A request reaches one.
        let _ = self.reached.set((plugin.clone(), principal.clone()));
    }

    /// When the head of the answer is made. A body that streams is still under way, and its length is not known. The
    /// query is left out: it may hold a credential.
    pub(super) fn tell(&self, asked: &Asked<'_>, response: &Response<Reply>) {
        let (method, url) = (asked.method.as_str(), tame(asked.target.path(), PATH));
        let status = response.status().as_u16();
        let microseconds = u32::try_from(self.at.elapsed().as_micros()).unwrap_or(u32::MAX);
        let reached = self.reached.get();
        let agent = self.agent.as_ref().map(|agent| {
            let agent = String::from_utf8_lossy(agent.as_bytes());
            display(tame(&agent, AGENT).into_owned())
        });
        tracing::info!(
            target: "request",
            request = &*asked.id.text,
            "type" = "incomingRequest",
            plugin = reached.map(|(plugin, _)| display(plugin)),
            principal = reached.map_or("none", |(_, principal)| principal.name()),
            method,
            url = &*url,
            status,
            httpVersion = match self.version {
                Version::HTTP_10 => "1.0",
                _ => "1.1",
            },
            contentLength = response.body().size_hint().exact(),
            duration = f64::from(microseconds) / 1000.0,
            userAgent = agent,
            "{method} {url} {status}"
        );
    }
}
