//! POST.

use crate::{
    answer::Answer,
    database::Error,
    head::Asked,
    input::NewTodo,
    json::write_text,
    refusal::Refusal,
    routes,
    watchdog::Watch,
    writer::{Failure, Todo, Writer},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{LOCATION, RETRY_AFTER},
};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use uuid::Uuid;

/// The largest body that is taken, bytes.
const BODY_LIMIT: usize = 100 << 10;
/// The largest body that is read to its end to be refused, bytes.
const READ_LIMIT: usize = 1 << 20;

/// Answers when the item is on the disk.
pub(super) async fn create(
    asked: &Asked,
    headers: HeaderMap,
    body: Incoming,
    writer: &Writer,
    watch: &Watch,
) -> Answer {
    if asked.coded {
        return Refusal::Coded.answer(asked, headers);
    }
    let body = match receive(body, watch).await {
        Ok(body) => body,
        Err(refusal) => return refusal.answer(asked, headers),
    };
    if !asked.json {
        let message = "the body must be application/json in UTF-8";
        return Answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, headers, message);
    }
    let Some(body) = body else {
        let message = format!("the body must be at most {BODY_LIMIT} bytes");
        return Answer::error(StatusCode::PAYLOAD_TOO_LARGE, headers, &message);
    };
    match NewTodo::parse(&body) {
        Ok(new) => store(new, headers, writer).await,
        Err(message) => routes::bad_request(headers, &message),
    }
}

/// The whole body; none when it is too large.
async fn receive(mut body: Incoming, watch: &Watch) -> Result<Option<Bytes>, Refusal> {
    if body.size_hint().lower() > READ_LIMIT as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    watch.body();
    let mut whole = Bytes::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let broken = Refusal::Bare(StatusCode::BAD_REQUEST);
        let Ok(piece) = frame.map_err(|_| broken)?.into_data() else {
            continue;
        };
        length += piece.len();
        if length > READ_LIMIT {
            return Err(Refusal::BodyTooLarge);
        }
        if whole.is_empty() {
            whole = piece;
        } else if length <= BODY_LIMIT {
            whole = [whole, piece].concat().into();
        }
        if body.is_end_stream() {
            break;
        }
    }
    watch.busy();
    Ok(Some(whole).filter(|_| length <= BODY_LIMIT))
}

async fn store(new: NewTodo, headers: HeaderMap, writer: &Writer) -> Answer {
    let todo = Todo {
        id: Uuid::now_v7().to_string(),
        title: new.title,
        entity_ref: new.entity_ref,
        // RFC 3339 in UTC, always with milliseconds.
        created_at: format!("{:.3}", jiff::Timestamp::now()),
    };
    let location = HeaderValue::try_from(format!("/api/todo/todos/{}", todo.id));
    let json = match json(&todo) {
        Ok(json) => json,
        Err(error) => return routes::failed(headers, &error),
    };
    match writer.create(todo).await {
        Ok(()) => {
            let mut answer = routes::single(StatusCode::CREATED, headers, json);
            if let Ok(location) = location {
                answer.headers.insert(LOCATION, location);
            }
            answer
        }
        Err(Failure::Busy) => {
            let message = "the plugin is busy, try again";
            let mut answer = Answer::error(StatusCode::SERVICE_UNAVAILABLE, headers, message);
            answer
                .headers
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            answer
        }
        Err(Failure::Failed(error)) => routes::failed(headers, &error),
    }
}

/// As a row of it is written.
fn json(todo: &Todo) -> Result<Vec<u8>, Error> {
    let mut json = Vec::with_capacity(128 + todo.title.len());
    json.extend_from_slice(b"{\"id\":");
    write_text(&mut json, todo.id.as_bytes())?;
    json.extend_from_slice(b",\"title\":");
    write_text(&mut json, todo.title.as_bytes())?;
    if let Some(entity_ref) = &todo.entity_ref {
        json.extend_from_slice(b",\"entityRef\":");
        write_text(&mut json, entity_ref.as_bytes())?;
    }
    json.extend_from_slice(b",\"createdAt\":");
    write_text(&mut json, todo.created_at.as_bytes())?;
    json.extend_from_slice(b",\"completed\":false}");
    Ok(json)
}
