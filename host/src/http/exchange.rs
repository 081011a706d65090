//! One request, from its head to its answer.
//!
//! The futures here and below are kept small, with what is large behind a reference or in a box: each level of them is
//! copied into the one above it, and eight levels of some kilobytes were once a tenth of a request's time.

use super::{
    access::Arrived,
    admit::admit,
    backstage,
    body::{self, Received},
    compress,
    connection::Connection,
    cors,
    error::Refusal,
    head::{self, Given},
    health,
    rate::Pass,
    reply::Reply,
    request_id::RequestId,
    response::{self, Asked},
    router::{Route, route},
};
use crate::{
    auth::{Caller, Principal},
    plugin::{Access, Content, Mount, Phase},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CONNECTION, IF_NONE_MATCH, ORIGIN, VARY},
    request,
};
use hyper::body::Incoming;
use std::{convert::Infallible, sync::Arc};
use tokio::time;

const READ_METHODS: &str = "GET, HEAD";
const ALL_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

pub(super) type Outcome = Result<(StatusCode, HeaderMap, Content), Refusal>;

/// Never fails: what goes wrong is an answer too.
pub(super) async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    connection.watch.busy();
    let (mut head, incoming) = request.into_parts();
    let given = Given::of(&head.headers);
    let checked = head::check(&head, &given);
    let https = head::came_by_https(&head.headers, connection.trusted);
    let shared = &*connection.shared;
    let asked = Asked {
        shared,
        method: head.method.clone(),
        target: std::mem::take(&mut head.uri),
        id: match given.request_id {
            true => RequestId::of(&head.headers),
            false => RequestId::new(),
        },
        accepted: match given.accept_encoding {
            true => compress::accepted(&head.headers),
            false => None,
        },
        if_none_match: match given.if_none_match {
            true => head
                .headers
                .get_all(IF_NONE_MATCH)
                .iter()
                .cloned()
                .collect(),
            false => Vec::new(),
        },
        origin: shared
            .cors
            .as_ref()
            .and_then(|_| head.headers.get(ORIGIN).cloned()),
        https,
        arrived: shared.requests.then(|| Box::new(Arrived::of(&head))),
    };

    let mut incoming = Some(incoming);
    let mut pass = match &shared.limiter {
        Some(limiter) if checked.is_ok() => Some(limiter.pass(connection.client(&head.headers))),
        _ => None,
    };
    let outcome = match checked {
        Ok(()) => {
            respond(
                &connection,
                &asked,
                &given,
                &mut head,
                &mut incoming,
                &mut pass,
            )
            .await
        }
        Err(status) => Err(Refusal::Bare(status)),
    };
    let refused = outcome.is_err();
    let crowded = matches!(outcome, Err(Refusal::Crowded));
    let (status, mut headers, answer) = outcome.unwrap_or_else(|refusal| {
        let (status, headers, body) = refusal.answer(&asked.method, &asked.target.to_string());
        (status, headers, Content::Whole(body.into()))
    });
    if let Some(pass) = &mut pass {
        pass.settle(status, &mut headers);
    }
    let read = match incoming {
        // The client waits for a word before it sends the body: the answer is that word.
        Some(unread) if given.expect => http_body::Body::is_end_stream(&unread),
        Some(unread) if http_body::Body::is_end_stream(&unread) => true,
        // The connection closes anyway.
        Some(_) if headers.contains_key(CONNECTION) => true,
        Some(unread) => Box::pin(body::discard(unread, &connection.watch)).await,
        // Reading it had begun. When the body was what was wrong, some of it is still under way.
        None if crowded => false,
        None => !(refused && status.is_client_error()),
    };
    // What follows CONNECT may be meant for the other end of a tunnel.
    if !read || connection.watch.doubts() || asked.method == Method::CONNECT {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let response = response::finish(&asked, status, headers, answer).await;
    if let Some(arrived) = &asked.arrived {
        arrived.tell(&asked, &response);
    }
    Ok(response)
}

async fn respond(
    connection: &Connection,
    asked: &Asked<'_>,
    given: &Given,
    head: &mut request::Parts,
    incoming: &mut Option<Incoming>,
    pass: &mut Option<Box<Pass<'_>>>,
) -> Outcome {
    let path = asked.target.path();
    let to = route(path);
    if let Some(pass) = pass {
        pass.enter(&to, &asked.id.text)?;
    }
    if asked.method == Method::CONNECT {
        return Err(Refusal::MethodNotAllowed(ALL_METHODS));
    }
    if let Some(answer) = preflight(asked, &head.headers) {
        return Ok(answer);
    }
    match to {
        Route::Plugin {
            id,
            mount: prefix,
            below,
        } => {
            let mount = asked.shared.registry.find(id).ok_or(Refusal::NotFound)?;
            if let Some(pass) = pass {
                pass.enter_plugin(id, &asked.id.text)?;
            }
            if mount.phase() != Phase::Live {
                Box::pin(wait_until_live(asked, &mount)).await?;
            }
            if let Some(path) = backstage::path(asked, below) {
                let answer = backstage::answer(path, connection, asked, &head.headers, mount.id());
                return Box::pin(answer).await;
            }
            let access = mount.access(below).ok_or(Refusal::Unavailable)?;
            let principal = match access {
                Access::Unauthenticated if !given.has_credential() => Principal::NONE,
                _ if !given.has_credential() => return Err(Refusal::Unauthenticated),
                access => {
                    let admitted = admit(connection, asked, &mut head.headers, mount.id(), access);
                    Box::pin(admitted).await?
                }
            };
            let place = (prefix, below);
            call(connection, asked, head, incoming, &mount, place, principal).await
        }
        Route::Liveness => readable(asked, || health::liveness(asked.shared)),
        Route::Readiness => readable(asked, || health::readiness(asked.shared)),
        // `OPTIONS *` asks about the server as a whole.
        Route::Nothing if path == "*" => Ok(nothing(HeaderMap::from_iter([(
            ALLOW,
            HeaderValue::from_static(ALL_METHODS),
        )]))),
        Route::Nothing => Err(Refusal::NotFound),
    }
}

/// The answer to a browser's preflight, whatever it asks about: before access, and without reaching a plugin.
fn preflight(asked: &Asked<'_>, headers: &HeaderMap) -> Option<(StatusCode, HeaderMap, Content)> {
    let cors = asked
        .shared
        .cors
        .as_ref()
        .filter(|_| cors::is_preflight(&asked.method, headers))?;
    let mut answer = HeaderMap::new();
    if cors.allow(asked.origin.as_ref(), &mut answer) && cors.preflight(headers, &mut answer) {
        answer.insert(VARY, HeaderValue::from_name(ACCESS_CONTROL_REQUEST_HEADERS));
    }
    Some(nothing(answer))
}

fn nothing(headers: HeaderMap) -> (StatusCode, HeaderMap, Content) {
    (
        StatusCode::NO_CONTENT,
        headers,
        Content::Whole(Bytes::new()),
    )
}

fn readable(asked: &Asked<'_>, answer: impl FnOnce() -> (StatusCode, HeaderMap, Bytes)) -> Outcome {
    if !matches!(asked.method, Method::GET | Method::HEAD) {
        return Err(Refusal::MethodNotAllowed(READ_METHODS));
    }
    let (status, headers, body) = answer();
    Ok((status, headers, Content::Whole(body)))
}

/// Right after the host's start, requests wait for their plugin a moment.
async fn wait_until_live(asked: &Asked<'_>, mount: &Mount) -> Result<(), Refusal> {
    if mount.phase() == Phase::Loading {
        // Late or not: the phase says it.
        let _ = time::timeout(asked.shared.startup_pause, mount.loaded()).await;
    }
    match mount.phase() {
        Phase::Live => Ok(()),
        Phase::Loading => Err(Refusal::Starting),
        Phase::Failed => Err(Refusal::Unavailable),
    }
}

/// `place`: the mount's path (`/api/todo`) and the rest.
async fn call(
    connection: &Connection,
    asked: &Asked<'_>,
    head: &mut request::Parts,
    incoming: &mut Option<Incoming>,
    mount: &Mount,
    place: (&str, &str),
    principal: Principal,
) -> Outcome {
    let (prefix, below) = place;
    head.uri = head::absolute(&asked.target, &head.headers, asked.https)
        .ok_or(Refusal::Bare(StatusCode::BAD_REQUEST))?;
    head::strip(&mut head.headers, connection.trusted);
    let Received { body, streaming } = body::receive(
        incoming,
        &mut head.headers,
        mount.limits(),
        &connection.watch,
        &asked.shared.kept,
    )
    .await?;

    let id = &asked.id.text;
    let said = head::introduction(prefix, principal.name(), id);
    let with_actor;
    let said: &[(&'static str, &str)] = match principal.actor() {
        None => &said[..],
        Some(actor) => {
            with_actor = [said[0], said[1], said[2], ("x-greenroom-actor", actor)];
            &with_actor
        }
    };
    let caller = Caller {
        request: Arc::clone(id),
        principal: principal.clone(),
    };
    if let Some(arrived) = &asked.arrived {
        arrived.reached(mount.id(), &principal);
    }
    let answered = mount.handle(head, below, said, body, caller).await;
    let fault = streaming.as_ref().and_then(|streaming| streaming.fault());
    let response = match (answered, fault) {
        // A body that turned out bad explains whatever became of the plugin, an error of its own included.
        (Err(_), Some(fault)) => return Err(fault.into()),
        (Ok(response), Some(fault)) if response.status().as_u16() >= 400 => {
            return Err(fault.into());
        }
        (answered, _) => answered?,
    };
    let (head, mut answer) = response.into_parts();
    let mut headers = head.headers;
    match response::clean(&asked.method, head.status, &mut headers, &mut answer) {
        Ok(()) => {
            let unread = streaming.is_some_and(|streaming| !streaming.has_ended());
            if unread && matches!(answer, Content::Whole(_)) {
                // The rest of the body is not read, so hyper closes after this answer: the client is told.
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok((head.status, headers, answer))
        }
        Err(invalid) => {
            tracing::error!(
                plugin = %mount.id(), build = mount.build_name(), request = &*asked.id.text, principal = principal.name(),
                why = invalid.0, "plugin gave no valid answer"
            );
            Err(Refusal::BadAnswer)
        }
    }
}
