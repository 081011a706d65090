//! Backstage's health endpoints.

use super::{Shared, Stage};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};

const OK: &[u8] = br#"{"status":"ok"}"#;

#[derive(serde::Serialize)]
struct Unready {
    status: &'static str,
    message: String,
}

/// The process runs and answers.
pub(super) fn liveness(shared: &Shared) -> (StatusCode, HeaderMap, Bytes) {
    (StatusCode::OK, json(shared), Bytes::from_static(OK))
}

/// Whether traffic should come here: not while starting, stopping, or where a plugin that is required does not serve or
/// says that it is not well.
pub(super) fn readiness(shared: &Shared) -> (StatusCode, HeaderMap, Bytes) {
    let ready = match shared.reached(Stage::Stopping) {
        true => Err("the host is stopping".to_owned()),
        false => shared.registry.readiness(),
    };
    match ready {
        Ok(()) => liveness(shared),
        Err(message) => {
            // A struct of two strings always serialises.
            let body = serde_json::to_vec(&Unready {
                status: "error",
                message,
            })
            .unwrap_or_default();
            (StatusCode::SERVICE_UNAVAILABLE, json(shared), body.into())
        }
    }
}

fn json(shared: &Shared) -> HeaderMap {
    let mut headers = shared.health_headers.clone();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers
}

/// `backend.health.headers`, as an answer carries them.
pub(super) fn headers(settings: &[(String, String)]) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        // The configuration took no other.
        let name = HeaderName::try_from(name).ok()?;
        Some((name, HeaderValue::try_from(value).ok()?))
    };
    settings.iter().filter_map(header).collect()
}
