//! The commands that a running host carries out.

use super::{
    Ask, Deploy, FAILED, Host, USAGE,
    client::{self, Failure, Request},
    component, output,
};
use crate::config::ConfigError;
use bytes::Bytes;
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// The wait for an answer that takes no work.
const SHORT: Duration = Duration::from_secs(30);
/// The wait for a compile and migrations; the client of the socket gives up before.
pub(super) const LONG: Duration = Duration::from_secs(3600);

/// Asks the host, prints its answer and returns the exit status.
pub async fn ask(command: Ask) -> ExitCode {
    let json = command.host().json;
    // What the words mean is not for clap to say.
    if let Ask::Log(log) = &command
        && let Err(why) = log.request()
    {
        output::error(&json!({ "error": why }), json);
        return ExitCode::from(USAGE);
    }
    match answer(&command).await {
        Ok(answer) if json => output::line(&answer.to_string()),
        Ok(answer) => match command {
            Ask::Plugins(_) => output::line(&output::plugins(&answer)),
            Ask::Deploy(_) | Ask::Rollback(_) | Ask::Remove(_) => {
                output::warnings(&answer);
                output::line(&output::outcome(&answer));
            }
            Ask::Log(log) => output::line(&log.shown(&answer)),
        },
        Err(Refusal::Config(error)) => {
            let status = output::config_error(&error, json);
            if !json {
                output::complain("  The host's socket can also be named itself: --socket PATH");
            }
            return status;
        }
        Err(Refusal::Failed(body)) => {
            output::error(&body, json);
            return ExitCode::from(FAILED);
        }
    }
    ExitCode::SUCCESS
}

pub(super) enum Refusal {
    Config(ConfigError),
    /// `{"error": ..., ...}`, the host's own words where it answered.
    Failed(Value),
}

async fn answer(command: &Ask) -> Result<Value, Refusal> {
    let request = request(command).await?;
    let host = command.host();
    let socket = socket(host)?;
    client::send(&socket, request).await.map_err(|failure| {
        Refusal::Failed(match failure {
            Failure::Nobody => {
                json!({ "error": format!("no Greenroom host answers at {}. {}", socket.display(), start_one(host)) })
            }
            Failure::Said(body) => body,
            Failure::Broken(why) => json!({ "error": format!("asking the host at {}: {why}", socket.display()) }),
        })
    })
}

async fn request(command: &Ask) -> Result<Request, Refusal> {
    Ok(match command {
        Ask::Plugins(_) => Request {
            method: "GET",
            target: "/plugins".to_owned(),
            body: Bytes::new(),
            within: SHORT,
        },
        Ask::Deploy(Deploy { file, id, .. }) => {
            // An id holds nothing that a query would have to escape.
            let target = id
                .as_ref()
                .map_or_else(|| "/deploy".to_owned(), |id| format!("/deploy?as={id}"));
            let path = file.clone();
            let read = tokio::task::spawn_blocking(move || component::read(&path)).await;
            let body = match read {
                Ok(Ok(body)) => body,
                Ok(Err(why)) => return Err(Refusal::Failed(json!({ "error": why.to_string() }))),
                Err(panic) => return Err(Refusal::Failed(json!({ "error": panic.to_string() }))),
            };
            Request {
                method: "POST",
                target,
                body,
                within: LONG,
            }
        }
        Ask::Rollback(rollback) => {
            let target = format!("/plugins/{}/rollback", rollback.id);
            Request {
                method: "POST",
                target,
                body: Bytes::new(),
                within: LONG,
            }
        }
        Ask::Remove(remove) => {
            let target = format!("/plugins/{}", remove.id);
            Request {
                method: "DELETE",
                target,
                body: Bytes::new(),
                within: LONG,
            }
        }
        Ask::Log(log) => {
            let request = log.request();
            request.map_err(|why| Refusal::Failed(json!({ "error": why })))?
        }
    })
}

pub(super) fn socket(host: &Host) -> Result<PathBuf, Refusal> {
    match &host.socket {
        Some(path) => Ok(path.clone()),
        None => host.config.admin_socket().map_err(Refusal::Config),
    }
}

pub(super) fn start_one(host: &Host) -> String {
    let mut command = "Start one with: greenroom serve".to_owned();
    if host.socket.is_some() {
        command.push_str(" --config FILE");
    }
    for file in &host.config.files {
        command.push_str(&format!(" --config {}", file.display()));
    }
    command
}

impl Ask {
    fn host(&self) -> &Host {
        match self {
            Self::Plugins(command) => &command.host,
            Self::Deploy(command) => &command.host,
            Self::Rollback(command) => &command.host,
            Self::Remove(command) => &command.host,
            Self::Log(command) => &command.host,
        }
    }
}

#[cfg(test)]
mod tests;
