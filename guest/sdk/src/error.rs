//! What a handler fails with, and what the client sees of it.

use crate::{Request, Response, json, keyvalue, sql};
use std::fmt;

/// An answer other than success: a status, and a message for the client as `{"error": "message"}`. That of a permission
/// that was denied has the shape of the host's own errors, which clients of Backstage read.
///
/// `?` turns errors of [`sql`] and [`keyvalue`] into one: a conflict or an overloaded database into 503 with
/// `Retry-After`, a full one into 507, everything else into 500. The engine's own words go to the log, never to the
/// client.
#[derive(Debug)]
pub struct Error {
    status: u16,
    message: String,
    headers: Vec<(&'static str, String)>,
    detail: Option<Detail>,
    denied: bool,
}

/// Longest URL repeated in an error's body, bytes; the host's own errors have the same.
const URL_SHOWN: usize = 1024;

/// For the log, and how it gets there: a plugin none of whose errors has a detail does not import the log.
#[derive(Debug)]
struct Detail {
    text: String,
    log: fn(&str),
}

impl Error {
    /// `message` is sent to the client.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            headers: Vec::new(),
            detail: None,
            denied: false,
        }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 403, as Backstage says it: the caller has not this permission.
    pub fn denied(permission: &str) -> Self {
        Self {
            denied: true,
            ..Self::new(403, format!("the permission {permission} is denied"))
        }
    }

    /// 500 with the message `internal error`; `detail` goes to the log.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "internal error").with_detail(detail)
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds what the log shall hold, at the level `error`; the client does not see it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(Detail {
            text: detail.into(),
            log: |text| crate::log::error!("{text}"),
        });
        self
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// What the client sees.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the log gets, if anything.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_ref().map(|detail| detail.text.as_str())
    }

    /// The answer to this request.
    pub(crate) fn answer(self, request: &Request) -> Response {
        if !self.denied {
            return self.into();
        }
        let mut body = br#"{"error":{"name":"NotAllowedError","message":"#.to_vec();
        json::write_text(&self.message, &mut body);
        body.extend_from_slice(br#"},"request":{"method":"#);
        json::write_text(request.method(), &mut body);
        body.extend_from_slice(br#","url":"#);
        json::write_text(&shown(request), &mut body);
        body.extend_from_slice(br#"},"response":{"statusCode":403}}"#);
        headed(Response::json_bytes(self.status, body), self.headers)
    }

    /// Writes the detail, if there is one, to the log.
    pub(crate) fn log(&self) {
        if let Some(detail) = &self.detail {
            (detail.log)(&detail.text);
        }
    }

    /// 503, to be tried again soon: nothing was applied.
    pub(crate) fn busy(detail: String) -> Self {
        Self::new(503, "the plugin is busy, try again")
            .with_header("retry-after", "1")
            .with_detail(detail)
    }

    /// 507.
    fn full(detail: String) -> Self {
        Self::new(507, "the plugin's storage is full").with_detail(detail)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.status,
            self.detail().unwrap_or(&self.message)
        )
    }
}

impl std::error::Error for Error {}

impl From<Error> for Response {
    fn from(error: Error) -> Self {
        #[derive(Debug)]
        struct Shape<'a>(&'a str);
        impl serde::Serialize for Shape<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("error", self.0)])
            }
        }
        let response = Response::json(error.status, &Shape(&error.message));
        headed(response, error.headers)
    }
}

fn headed(response: Response, headers: Vec<(&'static str, String)>) -> Response {
    headers
        .into_iter()
        .fold(response, |response, (name, value)| {
            response.with_header(name, value)
        })
}

/// What the client asked for, the mount included, as far as an error repeats it.
fn shown(request: &Request) -> String {
    let mut url = request.prefix();
    url.push_str(request.path());
    if !request.raw_query().is_empty() {
        url.push('?');
        url.push_str(request.raw_query());
    }
    url.truncate(url.floor_char_boundary(URL_SHOWN));
    url
}

impl From<sql::Error> for Error {
    fn from(error: sql::Error) -> Self {
        use sql::{Error as E, LimitKind};
        let detail = format!("sql: {}", sql::describe(&error));
        match error {
            E::Conflict(_) | E::TimedOut | E::Unavailable(_) => Self::busy(detail),
            E::StorageFull => Self::full(detail),
            E::LimitExceeded(limit) if limit.kind == LimitKind::DatabaseSize => Self::full(detail),
            _ => Self::internal(detail),
        }
    }
}

impl From<keyvalue::Error> for Error {
    fn from(error: keyvalue::Error) -> Self {
        Self::internal(match error {
            keyvalue::Error::NoSuchStore => {
                "keyvalue: no such store: a bucket's name takes 1 to 64 of a-z, 0-9, '.', '_' and '-'"
                    .to_owned()
            }
            keyvalue::Error::AccessDenied => {
                "keyvalue: access denied: the plugin has as many buckets as limits.keyvalue.buckets allows"
                    .to_owned()
            }
            keyvalue::Error::Other(message) => format!("keyvalue: {message}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sql::{DbError, LimitExceeded, LimitKind};

    fn engine(message: &str) -> DbError {
        DbError {
            sqlstate: None,
            native_code: Some(5),
            message: message.into(),
            position: None,
        }
    }

    #[test]
    fn the_client_never_sees_the_engine() {
        let conflict = Error::from(sql::Error::Conflict(engine("database is locked")));
        assert_eq!(
            (conflict.status(), conflict.detail()),
            (503, Some("sql: conflict: database is locked (5)"))
        );
        let response = Response::from(conflict);
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(
            response.bytes(),
            Some(&br#"{"error":"the plugin is busy, try again"}"#[..])
        );

        let wrong = Error::from(sql::Error::InvalidStatement(engine(
            "near \"SELEC\": syntax error",
        )));
        assert_eq!((wrong.status(), wrong.message()), (500, "internal error"));
    }

    #[test]
    fn a_full_database_says_so() {
        for error in [
            sql::Error::StorageFull,
            sql::Error::LimitExceeded(LimitExceeded {
                kind: LimitKind::DatabaseSize,
                maximum: 1 << 30,
            }),
        ] {
            assert_eq!(Error::from(error).status(), 507);
        }
        let rows = sql::Error::LimitExceeded(LimitExceeded {
            kind: LimitKind::ResultRows,
            maximum: 10,
        });
        assert_eq!(Error::from(rows).status(), 500);
    }

    #[test]
    fn a_denial_is_as_backstage_says_it() {
        let request =
            Request::new("DELETE", "/todos/1?x=\"").with_header("x-forwarded-prefix", "/api/todo");
        let response = Error::denied("todo.delete").answer(&request);
        assert_eq!(response.status(), 403);
        assert_eq!(
            response.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        assert_eq!(
            str::from_utf8(response.bytes().unwrap()).unwrap(),
            concat!(
                r#"{"error":{"name":"NotAllowedError","message":"the permission todo.delete is denied"},"#,
                r#""request":{"method":"DELETE","url":"/api/todo/todos/1?x=\""},"response":{"statusCode":403}}"#
            )
        );
        let long = Request::new("GET", format!("/{}", "ä".repeat(URL_SHOWN)));
        assert_eq!(shown(&long).len(), URL_SHOWN - 1);
        let other = Error::new(403, "no").answer(&request);
        assert_eq!(other.bytes(), Some(&br#"{"error":"no"}"#[..]));
    }

    #[test]
    fn messages_are_escaped() {
        let response = Response::from(Error::bad_request("a \"b\"\n"));
        assert_eq!(response.bytes(), Some(&br#"{"error":"a \"b\"\n"}"#[..]));
    }
}
