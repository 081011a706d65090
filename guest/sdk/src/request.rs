//! A request, as a handler sees it.

use crate::{
    Error, Query,
    bindings::wasi::{
        http::types::{Fields, IncomingBody, IncomingRequest, Method},
        io::streams::{InputStream, StreamError},
    },
    json,
};
use serde::de::DeserializeOwned;
use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
};

/// Bytes asked for in one read of a body.
const CHUNK: u64 = 64 << 10;

/// One request. The mount is stripped from its path: `/api/todo/todos?limit=5` arrives as `/todos?limit=5`.
pub struct Request {
    method: Cow<'static, str>,
    target: String,
    query: Query,
    params: Vec<(&'static str, String)>,
    source: Source,
}

enum Source {
    // The headers go first: the host refuses to drop a request whose headers are still held.
    Host {
        headers: OnceCell<Fields>,
        request: IncomingRequest,
    },
    Hand {
        headers: Vec<(String, String)>,
        body: Cell<Vec<u8>>,
    },
}

impl Request {
    /// A request made by hand, for tests of handlers on your own machine.
    pub fn new(method: &'static str, path_and_query: impl Into<String>) -> Self {
        let source = Source::Hand {
            headers: Vec::new(),
            body: Cell::default(),
        };
        Self::from_source(method.into(), path_and_query.into(), source)
    }

    /// Adds a header to a request made by hand.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Source::Hand { headers, .. } = &mut self.source {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        self
    }

    /// Gives a request made by hand its body.
    #[must_use]
    pub fn with_body(mut self, content: impl Into<Vec<u8>>) -> Self {
        if let Source::Hand { body, .. } = &mut self.source {
            body.set(content.into());
        }
        self
    }

    pub(crate) fn incoming(request: IncomingRequest) -> Self {
        let method = method_name(request.method());
        let target = request.path_with_query().unwrap_or_default();
        Self::from_source(
            method,
            target,
            Source::Host {
                headers: OnceCell::new(),
                request,
            },
        )
    }

    fn from_source(method: Cow<'static, str>, target: String, source: Source) -> Self {
        Self {
            method,
            target,
            query: Query::default(),
            params: Vec::new(),
            source,
        }
    }

    /// What the router found: the values of the route's `:names`, and the query.
    pub(crate) fn route(&mut self, params: Vec<(&'static str, String)>, query: Query) {
        self.params = params;
        self.query = query;
    }

    /// `GET`, in capitals.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path as sent, undecoded: `/todos/a%20b`.
    pub fn path(&self) -> &str {
        let (path, _) = self.target.split_once('?').unwrap_or((&self.target, ""));
        if path.is_empty() { "/" } else { path }
    }

    /// The query as sent, without the `?`; empty where there is none.
    pub fn raw_query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The decoded query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The decoded value of a `:name` in the route's pattern.
    ///
    /// # Panics
    /// If the pattern has no such name.
    pub fn param(&self, name: &str) -> &str {
        match self.params.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => value,
            None => panic!("the route's pattern has no :{name}"),
        }
    }

    /// A header's value; several values are joined with `, `, and bytes that are no UTF-8 become U+FFFD.
    pub fn header(&self, name: &str) -> Option<String> {
        match &self.source {
            Source::Hand { headers, .. } => {
                let values = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
                joined(values.map(|(_, value)| Cow::Borrowed(value.as_str())))
            }
            Source::Host { headers, request } => {
                let values = headers.get_or_init(|| request.headers()).get(name);
                joined(values.iter().map(|value| String::from_utf8_lossy(value)))
            }
        }
    }

    /// Every header, names in lower case.
    pub fn headers(&self) -> Vec<(String, String)> {
        match &self.source {
            Source::Hand { headers, .. } => headers.clone(),
            Source::Host { headers, request } => headers
                .get_or_init(|| request.headers())
                .entries()
                .into_iter()
                .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
                .collect(),
        }
    }

    /// Who sends the request, as the host found: `user:default/jane`, `service:ci`, `plugin:catalog` or `none`.
    pub fn principal(&self) -> String {
        self.header("x-greenroom-principal")
            .unwrap_or_else(|| "none".to_owned())
    }

    /// What clients put before this plugin's paths: `/api/todo`. For URLs in answers.
    pub fn prefix(&self) -> String {
        self.header("x-forwarded-prefix").unwrap_or_default()
    }

    /// The body as a stream, once; a second call answers an empty one.
    pub fn stream(&self) -> Body {
        Body(match &self.source {
            Source::Hand { body, .. } => Inner::Hand(body.take()),
            Source::Host { request, .. } => match request
                .consume()
                .and_then(|body| Ok((body.stream()?, body)))
            {
                Ok((stream, body)) => Inner::Host(stream, body),
                Err(()) => Inner::Hand(Vec::new()),
            },
        })
    }

    /// The whole body, once. More than `limit` bytes are a 413.
    pub fn body(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body = self.stream();
        let mut whole = Vec::new();
        while let Some(mut chunk) = body.chunk()? {
            if whole.len() + chunk.len() > limit {
                return Err(Error::new(
                    413,
                    format!("the body must be at most {limit} bytes"),
                ));
            }
            if whole.is_empty() {
                whole = chunk;
            } else {
                whole.append(&mut chunk);
            }
        }
        Ok(whole)
    }

    /// 415 unless `Content-Type` says JSON in UTF-8: see [`json::is_json`].
    pub fn expect_json(&self) -> Result<(), Error> {
        if self
            .header("content-type")
            .is_some_and(|value| json::is_json(&value))
        {
            return Ok(());
        }
        Err(Error::new(
            415,
            "the body must be application/json in UTF-8",
        ))
    }

    /// The body as a JSON object: [`Request::expect_json`], [`Request::body`] and [`json::object`] in one.
    pub fn json<T: DeserializeOwned>(&self, limit: usize) -> Result<T, Error> {
        self.expect_json()?;
        json::object(&self.body(limit)?)
    }
}

/// A request's body, chunk by chunk.
pub struct Body(Inner);

enum Inner {
    // The stream goes before the body that it belongs to.
    Host(
        InputStream,
        #[expect(dead_code, reason = "held until the stream is dropped")] IncomingBody,
    ),
    Hand(Vec<u8>),
}

impl Body {
    /// The next bytes, at most 64 KiB of them and never none; `None` is the end. A body that breaks off is a 400.
    pub fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.0 {
            Inner::Hand(bytes) => Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())),
            Inner::Host(stream, _) => loop {
                match stream.blocking_read(CHUNK) {
                    Ok(chunk) if chunk.is_empty() => {}
                    Ok(chunk) => return Ok(Some(chunk)),
                    Err(StreamError::Closed) => return Ok(None),
                    Err(StreamError::LastOperationFailed(error)) => {
                        return Err(Error::bad_request("the body could not be read to its end")
                            .with_detail(format!(
                                "reading the body: {}",
                                error.to_debug_string()
                            )));
                    }
                }
            },
        }
    }
}

fn joined<'a>(mut values: impl Iterator<Item = Cow<'a, str>>) -> Option<String> {
    let first = values.next()?.into_owned();
    Some(values.fold(first, |all, value| all + ", " + &value))
}

fn method_name(method: Method) -> Cow<'static, str> {
    Cow::Borrowed(match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return Cow::Owned(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_split() {
        let request = Request::new("GET", "/a%20b?c=d?e");
        assert_eq!((request.path(), request.raw_query()), ("/a%20b", "c=d?e"));
        assert_eq!(Request::new("GET", "?x").path(), "/");
        assert_eq!(Request::new("GET", "").path(), "/");
    }

    #[test]
    fn headers_of_one_name_are_joined() {
        let request = Request::new("GET", "/")
            .with_header("If-Match", "\"a\"")
            .with_header("if-match", "\"b\"");
        assert_eq!(request.header("IF-MATCH").as_deref(), Some("\"a\", \"b\""));
        assert_eq!(request.header("etag"), None);
    }

    #[test]
    fn the_body_has_a_limit_and_is_read_once() {
        let request = Request::new("POST", "/").with_body("12345");
        assert_eq!(request.body(5).unwrap(), b"12345");
        assert_eq!(request.body(5).unwrap(), b"");
        assert_eq!(
            Request::new("POST", "/")
                .with_body("12345")
                .body(4)
                .unwrap_err()
                .status(),
            413
        );
    }

    #[test]
    fn json_needs_its_content_type() {
        let request = Request::new("POST", "/").with_body("{}");
        assert_eq!(
            request
                .json::<serde::de::IgnoredAny>(9)
                .unwrap_err()
                .status(),
            415
        );
        let request = Request::new("POST", "/")
            .with_body("{}")
            .with_header("content-type", "application/json");
        assert!(request.json::<serde::de::IgnoredAny>(9).is_ok());
    }
}
