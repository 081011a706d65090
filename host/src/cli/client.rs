//! One question to the host's admin socket.

use crate::http::client::call;
use bytes::Bytes;
use serde_json::{Value, json};
use std::{io::ErrorKind, path::Path, time::Duration};

pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) body: Bytes,
    /// The longest wait for the whole answer.
    pub(super) within: Duration,
}

pub(super) enum Failure {
    /// Nothing listens there.
    Nobody,
    /// The host refused: its answer, a map with `error`.
    Said(Value),
    Broken(String),
}

/// The host's answer to a request that it carried out.
pub(super) async fn send(socket: &Path, request: Request) -> Result<Value, Failure> {
    let Request {
        method,
        target,
        body,
        within,
    } = request;
    let answer = tokio::time::timeout(within, call(socket, method, &target, body)).await;
    let (status, body) = match answer {
        Err(_) => {
            return Err(Failure::Broken(format!(
                "no answer within {} s; `greenroom plugins` shows what became of it",
                within.as_secs()
            )));
        }
        Ok(Err(error)) => {
            return Err(match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Failure::Nobody,
                ErrorKind::PermissionDenied => Failure::Broken(
                    "permission denied; only the user that runs the host may ask it".to_owned(),
                ),
                ErrorKind::TimedOut => Failure::Broken(format!(
                    "{error}; `greenroom plugins` shows what became of it"
                )),
                _ => Failure::Broken(error.to_string()),
            });
        }
        Ok(Ok(answer)) => answer,
    };
    let read: Result<Value, _> = serde_json::from_slice(&body);
    match (status, read) {
        (200..=299, Ok(answer)) => Ok(answer),
        (200..=299, Err(_)) => Err(Failure::Broken(
            "the answer is no JSON; is this a Greenroom host?".to_owned(),
        )),
        (_, Ok(answer)) if answer.get("error").is_some() => Err(Failure::Said(answer)),
        (_, _) => {
            let said: String = String::from_utf8_lossy(&body).chars().take(400).collect();
            Err(Failure::Said(
                json!({ "error": format!("the host answered {status} {said}").trim_end() }),
            ))
        }
    }
}
