//! Backstage's health endpoints.

use super::{Shared, Stage};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};

const OK: &[u8] = br#"{"status":"ok"}"#;

#[derive(serde::Serialize)]
struct Unready {
    status: &'static str,
    message: String,
}

/// The process runs and answers.
pub(super) fn liveness() -> (StatusCode, HeaderMap, Bytes) {
    (StatusCode::OK, json(), Bytes::from_static(OK))
}

/// Whether traffic should come here: not while starting, stopping, or without a plugin that is required.
pub(super) fn readiness(shared: &Shared) -> (StatusCode, HeaderMap, Bytes) {
    let ready = match shared.reached(Stage::Stopping) {
        true => Err("the host is stopping".to_owned()),
        false => shared.registry.readiness(),
    };
    match ready {
        Ok(()) => liveness(),
        Err(message) => {
            // A struct of two strings always serialises.
            let body = serde_json::to_vec(&Unready {
                status: "error",
                message,
            })
            .unwrap_or_default();
            (StatusCode::SERVICE_UNAVAILABLE, json(), body.into())
        }
    }
}

fn json() -> HeaderMap {
    HeaderMap::from_iter([(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    )])
}
