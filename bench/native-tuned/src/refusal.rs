//! What is answered outside the todo API, in the shape that Backstage clients parse.

use crate::{
    answer::{Answer, JSON},
    head::Asked,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE},
};
use serde::Serialize;

/// Longest URL repeated, bytes.
const URL_SHOWN: usize = 1024;

#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    NotFound,
    /// CONNECT.
    MethodNotAllowed,
    /// More than is read. The rest is not read, so the connection closes.
    BodyTooLarge,
    /// A `Content-Encoding`.
    Coded,
    /// Said without a body before the connection closes.
    Bare(StatusCode),
}

#[derive(Serialize)]
struct Body<'a> {
    error: Named,
    request: Request<'a>,
    response: Response,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    message: &'static str,
}

#[derive(Serialize)]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status_code: u16,
}

impl Refusal {
    pub(crate) fn answer(self, asked: &Asked, mut headers: HeaderMap) -> Answer {
        let close = HeaderValue::from_static("close");
        let (status, name, message) = match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "NotFoundError",
                "Nothing is mounted at this path",
            ),
            Self::MethodNotAllowed => {
                headers.insert(
                    ALLOW,
                    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
                );
                (
                    StatusCode::METHOD_NOT_ALLOWED,
                    "MethodNotAllowedError",
                    "This path does not answer that method",
                )
            }
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "PayloadTooLargeError",
                "The request body is too large",
            ),
            Self::Coded => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
                (
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "UnsupportedMediaTypeError",
                    "The request body must be sent as it is, or in gzip or deflate",
                )
            }
            Self::Bare(status) => {
                headers.insert(CONNECTION, close);
                return Answer {
                    status,
                    headers,
                    body: Bytes::new(),
                };
            }
        };
        headers.insert(CONTENT_TYPE, JSON);
        if matches!(self, Self::BodyTooLarge) {
            headers.insert(CONNECTION, close);
        }
        let url = asked.uri.to_string();
        let body = Body {
            error: Named { name, message },
            request: Request {
                method: asked.method.as_str(),
                url: &url[..url.floor_char_boundary(URL_SHOWN)],
            },
            response: Response {
                status_code: status.as_u16(),
            },
        };
        Answer {
            status,
            headers,
            // Plain strings and a number always serialise.
            body: serde_json::to_vec(&body).unwrap_or_default().into(),
        }
    }
}
