//! One admin request.

use super::log;
use crate::{
    http::error,
    plugin::{Deployer, LoadError, MAX_COMPONENT, Outcome, PluginId, Policies, Status, backup},
};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use serde::Serialize;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time;
use tokio_util::task::TaskTracker;

/// Silence allowed while one comes in, and its time in all.
const IDLE: Duration = Duration::from_secs(10);
const TOTAL: Duration = Duration::from_secs(120);
/// Bytes of a text that asks for something.
const LONGEST_ASKED: u64 = 64 << 10;

#[derive(Serialize)]
struct Plugins {
    plugins: Vec<Status>,
    /// Where there are policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Policies>,
}

/// A refusal that no deploy gave.
#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
    stage: &'static str,
}

enum Asked {
    Plugins,
    Deploy(Option<PluginId>),
    Rollback(PluginId),
    Remove(PluginId),
    Backup,
    Levels,
    SetLevels,
}

/// `user`: the id of who asks.
pub(super) async fn answer(
    deployer: Arc<Deployer>,
    deploys: TaskTracker,
    user: u32,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let asked = match understand(&head.method, head.uri.path(), head.uri.query()) {
        Ok(asked) => asked,
        Err((status, why)) => return Ok(refuse(status, why)),
    };
    if let Asked::Rollback(id) | Asked::Remove(id) = &asked
        && !deployer.status().iter().any(|status| status.id == *id)
    {
        return Ok(refuse(
            StatusCode::NOT_FOUND,
            &format!("no plugin has the id {id}; `greenroom plugins` lists them"),
        ));
    }
    Ok(match asked {
        Asked::Plugins => json(
            StatusCode::OK,
            &Plugins {
                plugins: deployer.status(),
                permissions: deployer.authority().status(),
            },
        ),
        Asked::Deploy(id) => match collect(body, MAX_COMPONENT, TOO_LARGE).await {
            Ok(component) => {
                run(&deploys, async move {
                    deployer.deploy(id, component, user).await
                })
                .await
            }
            Err((status, why)) => refuse(status, why),
        },
        Asked::Rollback(id) => {
            run(&deploys, async move { deployer.rollback(&id, user).await }).await
        }
        Asked::Remove(id) => run(&deploys, async move { deployer.remove(&id, user).await }).await,
        Asked::Backup => match collect(body, LONGEST_ASKED, TOO_LONG).await {
            Ok(wanted) => back_up(&deploys, deployer, &wanted).await,
            Err((status, why)) => refuse(status, why),
        },
        Asked::Levels => json(StatusCode::OK, &log::shown()),
        Asked::SetLevels => match collect(body, LONGEST_ASKED, TOO_LONG).await {
            Ok(wanted) => match log::change(&deployer, &wanted, user) {
                Ok(()) => json(StatusCode::OK, &log::shown()),
                Err((status, why)) => refuse(status, &why),
            },
            Err((status, why)) => refuse(status, why),
        },
    })
}

fn understand(
    method: &Method,
    path: &str,
    query: Option<&str>,
) -> Result<Asked, (StatusCode, &'static str)> {
    const UNKNOWN: (StatusCode, &str) = (StatusCode::NOT_FOUND, "no such admin request");
    const BAD_ID: (StatusCode, &str) = (
        StatusCode::BAD_REQUEST,
        "a plugin id takes 1 to 63 of a-z, 0-9 and '-', the first of them a letter",
    );
    let plugin = |id: &str| id.parse::<PluginId>().map_err(|_| BAD_ID);
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["plugins"]) => Ok(Asked::Plugins),
        ("POST", ["deploy"]) => match query {
            None | Some("") => Ok(Asked::Deploy(None)),
            Some(query) => match query.strip_prefix("as=") {
                Some(id) => plugin(id).map(|id| Asked::Deploy(Some(id))),
                None => Err((
                    StatusCode::BAD_REQUEST,
                    "a deploy takes only the parameter `as`",
                )),
            },
        },
        ("POST", ["plugins", id, "rollback"]) => plugin(id).map(Asked::Rollback),
        ("DELETE", ["plugins", id]) => plugin(id).map(Asked::Remove),
        ("POST", ["backup"]) => Ok(Asked::Backup),
        ("GET", ["log"]) => Ok(Asked::Levels),
        ("POST", ["log"]) => Ok(Asked::SetLevels),
        _ => Err(UNKNOWN),
    }
}

/// Runs to its end even when the client does not wait for it: half a deploy is nobody's wish.
async fn run(
    deploys: &TaskTracker,
    work: impl Future<Output = Result<Outcome, LoadError>> + Send + 'static,
) -> Response<Full<Bytes>> {
    match deploys.spawn(work).await {
        Ok(Ok(outcome)) => json(StatusCode::OK, &outcome),
        Ok(Err(refused)) => json(error::of_deploy(&refused), &refused),
        Err(_) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the host failed; its log says more",
        ),
    }
}

/// To its end as well.
async fn back_up(
    deploys: &TaskTracker,
    deployer: Arc<Deployer>,
    wanted: &[u8],
) -> Response<Full<Bytes>> {
    let wanted: backup::Wanted = match serde_json::from_slice(wanted) {
        Ok(wanted) => wanted,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match deploys
        .spawn(async move { deployer.backup(&wanted).await })
        .await
    {
        Ok(Ok(report)) => json(StatusCode::OK, &report),
        Ok(Err(error)) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("{error:#}")),
        Err(_) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the host failed; its log says more",
        ),
    }
}

const TOO_LARGE: (StatusCode, &str) = (
    StatusCode::PAYLOAD_TOO_LARGE,
    "a component may have 64 MiB at most",
);
const TOO_LONG: (StatusCode, &str) = (
    StatusCode::PAYLOAD_TOO_LARGE,
    "what is asked for may have 64 KiB at most",
);

async fn collect(
    mut body: Incoming,
    most: u64,
    too_large: (StatusCode, &'static str),
) -> Result<Bytes, (StatusCode, &'static str)> {
    const TOO_SLOW: (StatusCode, &str) = (
        StatusCode::REQUEST_TIMEOUT,
        "the body did not arrive in time",
    );
    const BROKEN: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "the body did not arrive whole");
    let declared = body.size_hint().lower();
    if declared > most {
        return Err(too_large);
    }
    let collect = async {
        let mut component = BytesMut::with_capacity(usize::try_from(declared).unwrap_or_default());
        while let Some(frame) = time::timeout(IDLE, body.frame())
            .await
            .map_err(|_| TOO_SLOW)?
        {
            let Ok(data) = frame.map_err(|_| BROKEN)?.into_data() else {
                continue;
            };
            if (component.len() + data.len()) as u64 > most {
                return Err(too_large);
            }
            component.extend_from_slice(&data);
        }
        Ok(component.freeze())
    };
    time::timeout(TOTAL, collect).await.map_err(|_| TOO_SLOW)?
}

fn refuse(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    let mut response = json(
        status,
        &Refused {
            error: why,
            stage: "request",
        },
    );
    // What is left of the request's body is not read.
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let (status, body) = match serde_json::to_vec(value) {
        Ok(body) => (status, body),
        Err(error) => {
            tracing::error!(%error, "an admin answer does not serialise");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                b"{\"error\":\"the host failed; its log says more\"}".to_vec(),
            )
        }
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(method: &Method, target: &str) -> Result<String, u16> {
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        match understand(method, path, query) {
            Ok(Asked::Plugins) => Ok("plugins".into()),
            Ok(Asked::Deploy(id)) => Ok(format!("deploy {id:?}")),
            Ok(Asked::Rollback(id)) => Ok(format!("rollback {id}")),
            Ok(Asked::Remove(id)) => Ok(format!("remove {id}")),
            Ok(Asked::Backup) => Ok("backup".into()),
            Ok(Asked::Levels) => Ok("levels".into()),
            Ok(Asked::SetLevels) => Ok("set levels".into()),
            Err((status, _)) => Err(status.as_u16()),
        }
    }

    #[test]
    fn requests_are_understood() {
        let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
        assert_eq!(understood(&get, "/plugins").unwrap(), "plugins");
        assert_eq!(understood(&post, "/deploy").unwrap(), "deploy None");
        assert_eq!(
            understood(&post, "/deploy?as=todo").unwrap(),
            "deploy Some(todo)"
        );
        assert_eq!(
            understood(&post, "/plugins/todo/rollback").unwrap(),
            "rollback todo"
        );
        assert_eq!(understood(&delete, "/plugins/todo").unwrap(), "remove todo");
        assert_eq!(understood(&post, "/backup").unwrap(), "backup");
        assert_eq!(understood(&get, "/log").unwrap(), "levels");
        assert_eq!(understood(&post, "/log").unwrap(), "set levels");
    }

    #[test]
    fn others_are_refused() {
        for (method, target, status) in [
            (Method::GET, "/", 404),
            (Method::GET, "/deploy", 404),
            (Method::POST, "/plugins", 404),
            (Method::POST, "/deploy?as=To/do", 400),
            (Method::POST, "/deploy?force=1", 400),
            (Method::DELETE, "/plugins/..", 400),
            (Method::DELETE, "/plugins/a/b", 404),
            (Method::DELETE, "/log", 404),
        ] {
            assert_eq!(
                understood(&method, target),
                Err(status),
                "{method} {target}"
            );
        }
    }
}
