//! An answer, and what every answer carries.

use crate::{etag, head::Asked};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, VARY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body_util::Full;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const SAMEORIGIN: HeaderValue = HeaderValue::from_static("SAMEORIGIN");
const CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
);
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, mut headers: HeaderMap, json: impl Into<Bytes>) -> Self {
        headers.insert(CONTENT_TYPE, JSON);
        Self {
            status,
            headers,
            body: json.into(),
        }
    }

    /// The error of the todo API.
    pub(crate) fn error(status: StatusCode, headers: HeaderMap, message: &str) -> Self {
        let body = serde_json::json!({ "error": message });
        Self::json(status, headers, body.to_string())
    }

    /// Entity tag, 304 and HEAD, and the headers of every answer.
    pub(crate) fn finish(self, asked: &Asked) -> Response<Full<Bytes>> {
        let Self {
            mut status,
            mut headers,
            mut body,
        } = self;
        let head = asked.method == Method::HEAD;
        let fresh = status == StatusCode::OK && asked.is_read();
        if fresh && !headers.contains_key(ETAG) {
            headers.insert(ETAG, etag::weak(&body));
        }
        // All types that are answered here can be compressed.
        if !body.is_empty() {
            headers.insert(VARY, ACCEPT_ENCODING);
        }
        if fresh
            && !asked.if_none_match.is_empty()
            && headers
                .get(ETAG)
                .is_some_and(|tag| etag::matches(&asked.if_none_match, tag))
        {
            status = StatusCode::NOT_MODIFIED;
            headers.remove(CONTENT_TYPE);
            body = Bytes::new();
        }
        if head && !body.is_empty() {
            headers.insert(CONTENT_LENGTH, body.len().into());
            body = Bytes::new();
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(REFERRER_POLICY, NO_REFERRER);
        headers.insert(X_FRAME_OPTIONS, SAMEORIGIN);
        headers.insert(CONTENT_SECURITY_POLICY, CSP);
        headers.insert(X_REQUEST_ID, asked.id.clone());
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
