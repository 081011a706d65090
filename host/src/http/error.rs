//! The one place that turns a refusal into a status and a body. Messages are for strangers: they name no internals. What
//! happened inside is in the log, under the request id that every answer carries.

use crate::plugin;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use plugin::Stage;
use serde::Serialize;
use std::sync::Arc;

/// Longest URL repeated in an error's body, bytes.
const URL_SHOWN: usize = 1024;

/// Why the host answers in a plugin's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing is mounted at this path.
    NotFound,
    /// The path exists, but not for this method. The value: of `Allow`.
    MethodNotAllowed(&'static str),
    /// The path is not open to requests without credentials.
    Unauthenticated,
    /// There is one, and it is not good.
    BadCredential,
    /// It is good, and for other plugins. The message names those.
    Restricted(Arc<str>),
    /// Whether it is good cannot be said without keys that its issuer does not give.
    NoKeys,
    BodyTooLarge,
    /// The body does not decode as its `Content-Encoding` says.
    BodyCorrupt,
    /// A `Content-Encoding` other than gzip and deflate.
    UnknownCoding,
    /// The plugin's first build is still on its way.
    Starting,
    /// No build of the plugin serves.
    Unavailable,
    /// The plugin has more requests than it can take.
    Overloaded,
    /// Clients have more bodies here than all of them together may.
    Crowded,
    /// The client has sent more than `backend.rateLimit` lets it. It may come again after so many seconds.
    Limited {
        retry_after: u64,
    },
    TimedOut,
    Trapped,
    BadAnswer,
    /// Said without a body before the connection closes: the request was no request.
    Bare(StatusCode),
}

/// The body broke off, or its framing is no HTTP.
pub(super) const BODY_BROKEN: Refusal = Refusal::Bare(StatusCode::BAD_REQUEST);
/// The body came too slowly.
pub(super) const BODY_TIMED_OUT: Refusal = Refusal::Bare(StatusCode::REQUEST_TIMEOUT);

impl From<plugin::Error> for Refusal {
    fn from(error: plugin::Error) -> Self {
        use plugin::Error;
        match error {
            Error::Closed => Self::Unauthenticated,
            Error::Unavailable => Self::Unavailable,
            Error::Overloaded => Self::Overloaded,
            Error::TimedOut => Self::TimedOut,
            Error::Trapped => Self::Trapped,
            Error::BadAnswer => Self::BadAnswer,
            Error::BodyTooLarge => Self::BodyTooLarge,
            Error::BodyBroken => BODY_BROKEN,
        }
    }
}

impl Refusal {
    /// Status, Backstage's name for it, and a message.
    fn told(&self) -> (StatusCode, &'static str, &str) {
        use StatusCode as S;
        match self {
            Self::NotFound => (
                S::NOT_FOUND,
                "NotFoundError",
                "Nothing is mounted at this path",
            ),
            Self::MethodNotAllowed(_) => (
                S::METHOD_NOT_ALLOWED,
                "MethodNotAllowedError",
                "This path does not answer that method",
            ),
            Self::Unauthenticated => (
                S::UNAUTHORIZED,
                "AuthenticationError",
                "Missing credentials",
            ),
            Self::BadCredential => (S::UNAUTHORIZED, "AuthenticationError", "Illegal token"),
            Self::Restricted(message) => (S::FORBIDDEN, "NotAllowedError", message),
            Self::NoKeys => (
                S::SERVICE_UNAVAILABLE,
                "ServiceUnavailableError",
                "The token cannot be checked at the moment; try again",
            ),
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "PayloadTooLargeError",
                "The request body is too large",
            ),
            Self::BodyCorrupt => (
                S::BAD_REQUEST,
                "InputError",
                "The request body is not what its Content-Encoding says",
            ),
            Self::UnknownCoding => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaTypeError",
                "The request body must be sent as it is, or in gzip or deflate",
            ),
            Self::Starting => (
                S::SERVICE_UNAVAILABLE,
                "ServiceUnavailableError",
                "The plugin is still starting; try again",
            ),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "ServiceUnavailableError",
                "The plugin is not available",
            ),
            Self::Overloaded => (
                S::SERVICE_UNAVAILABLE,
                "ServiceUnavailableError",
                "The plugin has too many requests; try again",
            ),
            Self::Crowded => (
                S::SERVICE_UNAVAILABLE,
                "ServiceUnavailableError",
                "The server has too many bodies to keep; try again",
            ),
            // Name and message are Backstage's.
            Self::Limited { .. } => (
                S::TOO_MANY_REQUESTS,
                "Error",
                "Too many requests, please try again later",
            ),
            Self::TimedOut => (
                S::GATEWAY_TIMEOUT,
                "GatewayTimeoutError",
                "The plugin did not answer in time",
            ),
            Self::Trapped => (S::BAD_GATEWAY, "BadGatewayError", "The plugin failed"),
            Self::BadAnswer => (
                S::BAD_GATEWAY,
                "BadGatewayError",
                "The plugin gave no valid answer",
            ),
            Self::Bare(status) => (*status, "", ""),
        }
    }

    /// The answer: status, the headers that belong to it, and the JSON body that Backstage clients parse (empty for
    /// `Bare`). `url`: as the client sent it.
    pub(super) fn answer(self, method: &Method, url: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let (status, name, message) = self.told();
        let mut headers = HeaderMap::new();
        if let Self::Limited { retry_after } = self {
            headers.insert(RETRY_AFTER, retry_after.into());
        }
        let mut say = |header, value| drop(headers.insert(header, HeaderValue::from_static(value)));
        match &self {
            Self::MethodNotAllowed(allowed) => say(ALLOW, allowed),
            Self::Unauthenticated => say(WWW_AUTHENTICATE, "Bearer realm=\"greenroom\""),
            Self::BadCredential => say(
                WWW_AUTHENTICATE,
                "Bearer realm=\"greenroom\", error=\"invalid_token\"",
            ),
            Self::UnknownCoding => say(ACCEPT_ENCODING, "gzip, deflate"),
            Self::Overloaded | Self::Crowded => say(RETRY_AFTER, "1"),
            Self::Starting | Self::Unavailable | Self::NoKeys => say(RETRY_AFTER, "5"),
            Self::Bare(_) => {
                say(CONNECTION, "close");
                return (status, headers, Vec::new());
            }
            _ => {}
        }
        say(CONTENT_TYPE, "application/json; charset=utf-8");
        let asked = Asked {
            method: method.as_str(),
            url: shortened(url),
        };
        // Whoever sends too much gets what Backstage's limiter answers, which does not know the request.
        let limited = matches!(self, Self::Limited { .. });
        let body = Body {
            error: Named { name, message },
            request: (!limited).then_some(asked),
            response: Given {
                status_code: status.as_u16(),
            },
        };
        // Plain strings and a number always serialise.
        (
            status,
            headers,
            serde_json::to_vec(&body).unwrap_or_default(),
        )
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Asked<'a>>,
    response: Given,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct Asked<'a> {
    method: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    status_code: u16,
}

fn shortened(url: &str) -> &str {
    &url[..url.floor_char_boundary(URL_SHOWN)]
}

/// The admin socket's status for a deploy, rollback or removal that was refused.
pub(super) fn of_deploy(error: &plugin::LoadError) -> StatusCode {
    match error.stage {
        // Such as a rollback without an older build; an unknown id was answered 404 before.
        Stage::Request => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(refusal: Refusal) -> (u16, HeaderMap, String) {
        let (status, headers, body) = refusal.answer(&Method::GET, "/api/x?y=\"1\"");
        (status.as_u16(), headers, String::from_utf8(body).unwrap())
    }

    #[test]
    fn bodies_have_all_three_parts() {
        let (status, headers, body) = answer(Refusal::NotFound);
        assert_eq!(status, 404);
        assert_eq!(headers[CONTENT_TYPE], "application/json; charset=utf-8");
        assert_eq!(
            body,
            r#"{"error":{"name":"NotFoundError","message":"Nothing is mounted at this path"},"request":{"method":"GET","url":"/api/x?y=\"1\""},"response":{"statusCode":404}}"#
        );
    }

    #[test]
    fn who_sends_too_much_reads_what_backstage_says() {
        let (status, headers, body) = answer(Refusal::Limited { retry_after: 7 });
        assert_eq!((status, headers[RETRY_AFTER].to_str().unwrap()), (429, "7"));
        assert_eq!(
            body,
            r#"{"error":{"name":"Error","message":"Too many requests, please try again later"},"response":{"statusCode":429}}"#
        );
    }

    #[test]
    fn refusals_carry_what_belongs_to_them() {
        assert_eq!(
            answer(Refusal::Unauthenticated).1[WWW_AUTHENTICATE],
            "Bearer realm=\"greenroom\""
        );
        let (status, headers, body) = answer(Refusal::BadCredential);
        assert_eq!(status, 401);
        assert!(
            headers[WWW_AUTHENTICATE]
                .to_str()
                .unwrap()
                .ends_with("invalid_token\"")
        );
        assert!(body.contains("\"AuthenticationError\""), "{body}");
        let (status, _, body) = answer(Refusal::Restricted("only 'a'".into()));
        assert_eq!(status, 403);
        assert!(body.contains("\"message\":\"only 'a'\""), "{body}");
        assert_eq!(
            answer(Refusal::UnknownCoding).1[ACCEPT_ENCODING],
            "gzip, deflate"
        );
        assert_eq!(
            answer(Refusal::MethodNotAllowed("GET, HEAD")).1[ALLOW],
            "GET, HEAD"
        );
        for busy in [
            Refusal::Overloaded,
            Refusal::Crowded,
            Refusal::Starting,
            Refusal::Unavailable,
            Refusal::NoKeys,
        ] {
            let (status, headers, _) = answer(busy);
            assert_eq!(status, 503);
            assert!(headers.contains_key(RETRY_AFTER));
        }
        let (status, headers, body) = answer(BODY_TIMED_OUT);
        assert_eq!((status, body.as_str()), (408, ""));
        assert_eq!(headers[CONNECTION], "close");
    }

    #[test]
    fn plugin_errors_have_their_status() {
        use plugin::Error;
        for (error, status) in [
            (Error::Closed, 401),
            (Error::Unavailable, 503),
            (Error::Overloaded, 503),
            (Error::TimedOut, 504),
            (Error::Trapped, 502),
            (Error::BadAnswer, 502),
            (Error::BodyTooLarge, 413),
            (Error::BodyBroken, 400),
        ] {
            assert_eq!(answer(error.into()).0, status, "{error:?}");
        }
    }

    #[test]
    fn long_urls_are_cut_between_characters() {
        let url = format!("/{}", "ä".repeat(URL_SHOWN));
        assert_eq!(shortened(&url).len(), URL_SHOWN - 1);
        assert_eq!(shortened("/a"), "/a");
    }
}
