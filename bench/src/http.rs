//! Single requests, to see that a server is ready and answers as it should. The load comes from wrk.

use anyhow::{Context, Result};
use std::{net::SocketAddr, time::Duration};
use ureq::{Agent, Body, http::Response};

/// No single answer takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// `GET path`, on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let asked = agent().get(url(address, path)).call();
    answer(asked, "GET", path)
}

/// `POST path` with a JSON body.
pub(crate) fn post(address: SocketAddr, path: &str, json: &str) -> Result<Answer> {
    let asked = agent()
        .post(url(address, path))
        .content_type("application/json")
        .send(json);
    answer(asked, "POST", path)
}

fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_idle_connections(0)
        .build()
        .into()
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

fn answer(asked: Result<Response<Body>, ureq::Error>, method: &str, path: &str) -> Result<Answer> {
    let mut response = asked.with_context(|| format!("{method} {path}"))?;
    let body = response.body_mut().read_to_string();
    Ok(Answer {
        status: response.status().as_u16(),
        body: body.with_context(|| format!("the body of {method} {path}"))?,
    })
}
