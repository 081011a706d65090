//! Entity tags, 304, compression and HEAD: the part of an answer that depends on what the client holds and takes.

use super::{
    Asked,
    clean::has_no_body,
    stamp::{stamp, vary},
};
use crate::{
    http::{
        compress::{self, Coding, Compressed, SMALLEST},
        error::Refusal,
        etag, media,
        reply::Reply,
    },
    plugin::Content,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE,
        CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    },
};

const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// Makes the answer ready for hyper. `answer` was cleaned, or is the host's own.
pub(in crate::http) async fn finish(
    asked: &Asked<'_>,
    mut status: StatusCode,
    mut headers: HeaderMap,
    mut answer: Content,
) -> Response<Reply> {
    // Tag, Vary and what every answer carries: the map grows once.
    headers.reserve(12);
    let head = asked.method == Method::HEAD;
    let fresh = status == StatusCode::OK && (head || asked.method == Method::GET);
    if fresh {
        tag(&mut headers, &answer, head);
    }
    let coding = choose(asked, status, &mut headers, &answer, head);
    if fresh
        && !asked.if_none_match.is_empty()
        && headers
            .get(ETAG)
            .is_some_and(|tag| etag::matches(&asked.if_none_match, tag))
    {
        status = StatusCode::NOT_MODIFIED;
        for name in [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            CONTENT_ENCODING,
            CONTENT_LANGUAGE,
            CONTENT_RANGE,
            LAST_MODIFIED,
            ACCEPT_RANGES,
        ] {
            headers.remove(name);
        }
        answer = Content::Whole(Bytes::new());
    }
    let body = match (answer, coding) {
        (Content::Whole(body), Some(coding)) if !body.is_empty() => {
            match Box::pin(compress::whole(coding, &body)).await {
                Some(coded) => {
                    headers.insert(CONTENT_ENCODING, coding.name());
                    Reply::Whole(coded)
                }
                None => Reply::Whole(body),
            }
        }
        (Content::Whole(body), coding) => {
            // HEAD of a body that only the plugin knows: GET would send it coded, with a length that nobody knows.
            if let Some(coding) = coding.filter(|_| status != StatusCode::NOT_MODIFIED) {
                headers.remove(CONTENT_LENGTH);
                headers.insert(CONTENT_ENCODING, coding.name());
            }
            Reply::Whole(body)
        }
        (Content::Stream(body), None) => Reply::Stream(body),
        (Content::Stream(body), Some(coding)) => {
            headers.remove(CONTENT_LENGTH);
            headers.insert(CONTENT_ENCODING, coding.name());
            stream(coding, body)
        }
    };
    let body = if head {
        without_body(&mut headers, status, body)
    } else {
        kept(asked, &mut status, &mut headers, body)
    };
    stamp(&mut headers, asked);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What is whole waits here for its reader, as long as there is room for it.
fn kept(asked: &Asked<'_>, status: &mut StatusCode, headers: &mut HeaderMap, body: Reply) -> Reply {
    let Reply::Whole(bytes) = body else {
        return body;
    };
    if let Some(bytes) = asked.shared.kept.hold(bytes) {
        return Reply::Whole(bytes);
    }
    let connection = headers.remove(CONNECTION);
    let (crowded, own, text) = Refusal::Crowded.answer(&asked.method, &asked.target.to_string());
    (*status, *headers) = (crowded, own);
    headers.extend(connection.map(|value| (CONNECTION, value)));
    Reply::Whole(text.into())
}

/// Gives the answer a weak tag when it has none and its bytes are known.
fn tag(headers: &mut HeaderMap, answer: &Content, head: bool) {
    // An empty answer to HEAD says nothing about the bytes that GET would send.
    if let Content::Whole(body) = answer
        && !(head && body.is_empty())
    {
        headers.entry(ETAG).or_insert_with(|| etag::of(body));
    }
}

/// Decides on compression and says so in `Vary` and `ETag`. What GET would decide, HEAD decides too.
fn choose(
    asked: &Asked<'_>,
    status: StatusCode,
    headers: &mut HeaderMap,
    answer: &Content,
    head: bool,
) -> Option<Coding> {
    if !is_compressible(status, headers) {
        return None;
    }
    vary(headers, &ACCEPT_ENCODING);
    let accepted = asked.accepted?;
    let declared = || {
        headers
            .get(CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse::<u64>()
            .ok()
    };
    let length = match answer {
        Content::Whole(body) if body.is_empty() && head => declared(),
        Content::Whole(body) => Some(body.len() as u64),
        Content::Stream(_) => declared(),
    };
    let least = if accepted.always { 1 } else { SMALLEST };
    match length {
        Some(length) if length < least => return None,
        // HEAD without a hint of what GET would send.
        None if matches!(answer, Content::Whole(_)) => return None,
        _ => {}
    }
    if let Some(tag) = headers.get(ETAG) {
        let weak = etag::weakened(tag);
        headers.insert(ETAG, weak);
    }
    Some(accepted.coding)
}

fn is_compressible(status: StatusCode, headers: &HeaderMap) -> bool {
    if status == StatusCode::PARTIAL_CONTENT || has_no_body(status) {
        return false;
    }
    // One walk: answers have few fields, and to look a name up is to hash it.
    let (mut kind, mut coding) = (None, None);
    for (name, value) in headers {
        match *name {
            // Of repeated ones the first counts.
            CONTENT_TYPE => kind = kind.or(Some(value)),
            CONTENT_ENCODING => coding = coding.or(Some(value)),
            CONTENT_RANGE => return false,
            CACHE_CONTROL if media::holds(value, "no-transform") => return false,
            _ => {}
        }
    }
    kind.is_some_and(media::is_compressible)
        && coding.is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn stream(coding: Coding, body: crate::plugin::Body) -> Reply {
    match Compressed::new(coding, body) {
        Ok(compressed) => Reply::Compressed(Box::new(compressed)),
        Err(error) => {
            // The allocator is exhausted and the head is decided: the connection breaks, which is the truth.
            tracing::warn!(%error, "could not compress an answer");
            let error: crate::plugin::BodyError = Box::new(error);
            let broken = futures_util::stream::once(async { Err(error) });
            Reply::Stream(crate::plugin::Body::new(http_body_util::StreamBody::new(
                broken,
            )))
        }
    }
}

/// The body goes, its length stays.
fn without_body(headers: &mut HeaderMap, status: StatusCode, body: Reply) -> Reply {
    if let Reply::Whole(body) = body
        && !has_no_body(status)
        && !headers.contains_key(CONTENT_LENGTH)
        && !body.is_empty()
    {
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
    Reply::Whole(Bytes::new())
}

#[cfg(test)]
mod tests;
