//! A request, as a handler sees it.

mod body;

pub use body::Body;

use crate::{
    Error, Query,
    bindings::wasi::http::types::{Fields, IncomingRequest, Method},
    fields::{self, text},
    json,
};
use serde::de::DeserializeOwned;
use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
};

/// One request. The mount is stripped from its path: `/api/todo/todos?limit=5` arrives as `/todos?limit=5`.
pub struct Request {
    method: Cow<'static, str>,
    target: String,
    /// Where in the target the path ends: at its `?`, if it has one.
    path_end: usize,
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
    /// All of it at once: field lines (RFC 9112 5), each ended by CR LF, from `fields` on.
    Whole {
        head: Vec<u8>,
        fields: usize,
        /// Where the field lines end, once a header is asked for.
        ends: OnceCell<Vec<usize>>,
        body: Cell<Vec<u8>>,
    },
}

impl Request {
    /// A request made by hand, for tests of handlers on your own machine.
    pub fn new(method: &'static str, path_and_query: impl Into<String>) -> Self {
        let source = Source::Whole {
            head: Vec::new(),
            fields: 0,
            ends: OnceCell::new(),
            body: Cell::default(),
        };
        Self::from_source(method.into(), path_and_query.into(), source)
    }

    /// Adds a header to a request made by hand.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Source::Whole { head, ends, .. } = &mut self.source {
            ends.take();
            head.extend(
                [&name.to_ascii_lowercase(), ": ", value, "\r\n"]
                    .concat()
                    .bytes(),
            );
        }
        self
    }

    /// Gives a request made by hand its body.
    #[must_use]
    pub fn with_body(mut self, content: impl Into<Vec<u8>>) -> Self {
        if let Source::Whole { body, .. } = &mut self.source {
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

    /// `head` as `greenroom:http/handler` describes it.
    pub(crate) fn whole(head: Vec<u8>, body: Vec<u8>) -> Self {
        let end = memchr::memchr(b'\r', &head).unwrap_or(head.len());
        let line = &head[..end];
        let mut words = line.split(|byte| *byte == b' ');
        let method = words.next().unwrap_or_default();
        let uri = match line.strip_suffix(b" HTTP/1.1") {
            Some(line) => line.get(method.len() + 1..),
            None => words.next(),
        };
        let uri = uri.unwrap_or_default();
        let method = match known(method) {
            Some(known) => Cow::Borrowed(known),
            None => text(method).into_owned().into(),
        };
        let target = text(&uri[authority_end(uri)..]).into_owned();
        let source = Source::Whole {
            fields: (end + 2).min(head.len()),
            head,
            ends: OnceCell::new(),
            body: Cell::new(body),
        };
        Self::from_source(method, target, source)
    }

    fn from_source(method: Cow<'static, str>, target: String, source: Source) -> Self {
        let path_end = memchr::memchr(b'?', target.as_bytes());
        Self {
            method,
            path_end: path_end.unwrap_or(target.len()),
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
        let path = &self.target[..self.path_end];
        if path.is_empty() { "/" } else { path }
    }

    /// The query as sent, without the `?`; empty where there is none.
    pub fn raw_query(&self) -> &str {
        self.target.get(self.path_end + 1..).unwrap_or("")
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
        self.value(name).map(Cow::into_owned)
    }

    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        match &self.source {
            Source::Whole {
                head, fields, ends, ..
            } => {
                let head = &head[*fields..];
                let ends = ends.get_or_init(|| {
                    let mut ends = Vec::with_capacity(16);
                    ends.extend(fields::ends(head));
                    ends
                });
                let values = fields::values(head, ends.iter().copied(), name);
                joined(values.map(text))
            }
            Source::Host { headers, request } => {
                let values = headers.get_or_init(|| request.headers()).get(name);
                let values = values.iter().map(|value| text(value).into_owned().into());
                joined(values)
            }
        }
    }

    /// Every header, names in lower case.
    pub fn headers(&self) -> Vec<(String, String)> {
        match &self.source {
            Source::Whole { head, fields, .. } => {
                let head = &head[*fields..];
                let lines = fields::lines(head, fields::ends(head));
                lines.filter_map(fields::parts).map(owned).collect()
            }
            Source::Host { headers, request } => {
                let entries = headers.get_or_init(|| request.headers()).entries();
                let entries = entries
                    .iter()
                    .map(|(name, value)| (name.as_bytes(), &value[..]));
                entries.map(owned).collect()
            }
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
        match &self.source {
            Source::Whole { body, .. } => Body::whole(body.take()),
            Source::Host { request, .. } => Body::incoming(request),
        }
    }

    /// The whole body, once. More than `limit` bytes are a 413.
    pub fn body(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body = self.stream();
        let mut whole = body.take_whole().unwrap_or_default();
        while whole.len() <= limit {
            match body.chunk()? {
                Some(mut chunk) => whole.append(&mut chunk),
                None => return Ok(whole),
            }
        }
        let problem = format!("the body must be at most {limit} bytes");
        Err(Error::new(413, problem))
    }

    /// 415 unless `Content-Type` says JSON in UTF-8: see [`json::is_json`].
    pub fn expect_json(&self) -> Result<(), Error> {
        if self
            .value("content-type")
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

fn owned((name, value): (&[u8], &[u8])) -> (String, String) {
    (text(name).into_owned(), text(value).into_owned())
}

/// Where the path of an absolute URI begins.
fn authority_end(uri: &[u8]) -> usize {
    let authority = uri.windows(3).position(|three| three == b"://");
    let authority = authority.map_or(0, |at| at + 3);
    let path = memchr::memchr2(b'/', b'?', &uri[authority..]);
    path.map_or(uri.len(), |path| authority + path)
}

/// The usual methods, without a copy.
fn known(method: &[u8]) -> Option<&'static str> {
    Some(match method {
        b"GET" => "GET",
        b"HEAD" => "HEAD",
        b"POST" => "POST",
        b"PUT" => "PUT",
        b"DELETE" => "DELETE",
        b"OPTIONS" => "OPTIONS",
        b"PATCH" => "PATCH",
        _ => return None,
    })
}

fn joined<'a>(mut values: impl Iterator<Item = Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let first = values.next()?;
    Some(values.fold(first, |all, value| [&*all, ", ", &*value].concat().into()))
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
    use serde::de::IgnoredAny;

    #[test]
    fn the_target_is_split() {
        let request = Request::new("GET", "/a%20b?c=d?e");
        assert_eq!((request.path(), request.raw_query()), ("/a%20b", "c=d?e"));
        assert_eq!(Request::new("GET", "?x").path(), "/");
        assert_eq!(Request::new("GET", "").path(), "/");
    }

    #[test]
    fn a_whole_request_is_read_from_its_head() {
        let made = |line: &str| {
            let head = [
                line.as_bytes(),
                b" HTTP/1.1\r\na: \xff\r\nb:\r\nb:  c:d \r\n\r\n",
            ]
            .concat();
            let request = Request::whole(head, b"body".to_vec());
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let headers = [pair("a", "\u{fffd}"), pair("b", ""), pair("b", " c:d ")];
            assert_eq!(request.headers(), headers);
            assert_eq!(request.header("B").as_deref(), Some(",  c:d "));
            assert_eq!(request.header("c"), None);
            assert_eq!(request.body(4).unwrap(), b"body");
            (request.method().to_owned(), request.target)
        };
        for (uri, target) in [
            ("http://a:1/b?c=http://d/e", "/b?c=http://d/e"),
            ("https://a/", "/"),
            ("http://a?b", "?b"),
            ("http://a", ""),
        ] {
            let expected = ("PATCH".to_owned(), target.to_owned());
            assert_eq!(made(&format!("PATCH {uri}")), expected, "{uri}");
        }
        assert_eq!(made("get http://a/b").0, "get");
        // Nothing that the host sends, and no panic.
        for head in ["", "\r\n", "GET", "GET\r"] {
            assert_eq!(Request::whole(head.into(), Vec::new()).headers(), []);
        }
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
        let refused = request.json::<IgnoredAny>(9).unwrap_err();
        assert_eq!(refused.status(), 415);
        let request = Request::new("POST", "/")
            .with_body("{}")
            .with_header("content-type", "application/json");
        assert!(request.json::<IgnoredAny>(9).is_ok());
    }
}
