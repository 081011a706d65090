//! A request in the form that its build takes. Each is made from what the client sent in one step: most builds never see
//! an `http::Request`, and one that is made only to be written out as text costs more than the text.

use super::super::Content;
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Uri,
    header::HOST,
    request,
    uri::{PathAndQuery, Scheme},
};

/// What the host says in a request's head: names in lower case, and values.
pub(in crate::plugin) type Said<'a> = &'a [(&'static str, &'a str)];

pub(in crate::plugin) struct Asked {
    pub(super) method: Method,
    pub(super) form: Form,
}

pub(super) enum Form {
    /// For `greenroom:http/handler`: its head as text, and its body.
    Flat(Vec<u8>, Bytes),
    /// For wasi:http. Boxed: it is large, and moves with the other.
    Http(Box<Request<Content>>),
}

impl Asked {
    /// `unary`: the build has `greenroom:http/handler`. `head`: with an absolute URI, and without what clients may not
    /// say. `below`: the part of its path that the plugin sees.
    pub(in crate::plugin) fn new(
        unary: bool,
        head: &mut request::Parts,
        below: &str,
        said: Said<'_>,
        body: Content,
    ) -> Self {
        let method = head.method.clone();
        let form = match body {
            Content::Whole(body) if unary => Form::Flat(flat(head, below, said), body),
            body => Form::Http(Box::new(full(head, below, said, body))),
        };
        Self { method, form }
    }
}

/// The head as `greenroom:http/handler` gets it. `Host` is in the URI.
fn flat(head: &request::Parts, below: &str, said: Said<'_>) -> Vec<u8> {
    let uri = &head.uri;
    let (mark, query) = uri.query().map_or(("", ""), |query| ("?", query));
    let mut text = Vec::with_capacity(512);
    let mut line = |parts: &[&[u8]]| parts.iter().for_each(|part| text.extend_from_slice(part));
    line(&[
        head.method.as_str().as_bytes(),
        b" ",
        uri.scheme_str().unwrap_or("http").as_bytes(),
        b"://",
        uri.authority()
            .map_or("localhost", |authority| authority.as_str())
            .as_bytes(),
        below.as_bytes(),
        mark.as_bytes(),
        query.as_bytes(),
        b" HTTP/1.1\r\n",
    ]);
    for (name, value) in &head.headers {
        if *name != HOST && !is_said(said, name) {
            let name = name.as_str().as_bytes();
            line(&[name, b": ", value.as_bytes(), b"\r\n"]);
        }
    }
    for (name, value) in said {
        line(&[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    line(&[b"\r\n"]);
    text
}

/// The same for wasi:http. Takes the head's headers.
fn full(head: &mut request::Parts, below: &str, said: Said<'_>, body: Content) -> Request<Content> {
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri_below(&head.uri, below);
    let headers = request.headers_mut();
    std::mem::swap(headers, &mut head.headers);
    for (name, value) in said {
        let name = HeaderName::from_static(name);
        match HeaderValue::from_str(value) {
            Ok(value) => drop(headers.insert(name, value)),
            // Ids of plugins and requests are plain ASCII, so this is never reached. What the client said must not stand.
            Err(_) => drop(headers.remove(name)),
        }
    }
    request
}

/// Only the host's word counts on what it says.
fn is_said(said: Said<'_>, name: &HeaderName) -> bool {
    said.iter().any(|(own, _)| *own == name.as_str())
}

fn uri_below(uri: &Uri, below: &str) -> Uri {
    let target = match uri.query() {
        None => PathAndQuery::try_from(below),
        Some(query) => PathAndQuery::try_from([below, "?", query].concat()),
    };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(uri.scheme().cloned().unwrap_or(Scheme::HTTP));
    parts.authority = uri.authority().cloned();
    parts.path_and_query = Some(target.expect("from a slash on, it is part of a target"));
    Uri::from_parts(parts).expect("the URI it comes from is absolute")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Said<'static> = &[("x-forwarded-prefix", "/api/todo"), ("x-request-id", "7")];

    fn head(uri: &str) -> request::Parts {
        let request = Request::post(uri)
            .header("host", "other")
            .header("x-request-id", "the-clients")
            .header("x-a", "b")
            .header("x-request-id", "and-another")
            .header("x-a", &b"\xff"[..]);
        request.body(()).unwrap().into_parts().0
    }

    /// The text of an `http::Request`, written independently of `flat`.
    fn told(request: &Request<Content>) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
        let fields = request.headers().iter().filter(|(name, _)| *name != HOST);
        for (name, value) in fields {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        text.extend(b"\r\n");
        text
    }

    /// Lines in any order: a map puts a value in the place of the one before it.
    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut lines: Vec<_> = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        lines[1..].sort_unstable();
        lines
    }

    #[test]
    fn a_flat_head_is_written_as_http_writes_it() {
        assert_eq!(
            flat(&head("https://a:1/api/todo/b?c=d"), "/b", SAID).escape_ascii().to_string(),
            b"POST https://a:1/b?c=d HTTP/1.1\r\nx-a: b\r\nx-a: \xff\r\nx-forwarded-prefix: /api/todo\r\nx-request-id: 7\r\n\r\n"
                .escape_ascii().to_string()
        );
    }

    #[test]
    fn both_forms_say_the_same() {
        for (uri, below, expected) in [
            ("http://a:1/api/todo", "/", "http://a:1/"),
            ("http://a/api/todo?x=%2F", "/", "http://a/?x=%2F"),
            ("https://a/api/todo/x?", "/x", "https://a/x?"),
            (
                "http://a/api/todo/%2Fb/../c",
                "/%2Fb/../c",
                "http://a/%2Fb/../c",
            ),
            ("http://a/api/todo//?a?b", "//", "http://a//?a?b"),
            ("http://a/api/todo/ü?ü", "/ü", "http://a/ü?ü"),
        ] {
            let mut head = head(uri);
            let text = flat(&head, below, SAID);
            let request = full(&mut head, below, SAID, Content::Whole(Bytes::new()));
            assert_eq!(request.uri(), expected);
            assert_eq!(request.headers()["host"], "other");
            assert_eq!(lines(&text), lines(&told(&request)), "{uri}");
        }
    }

    #[test]
    fn only_bodies_that_are_here_go_flat() {
        let form = |unary, body| Asked::new(unary, &mut head("http://a/"), "/", SAID, body).form;
        let whole = || Content::Whole(Bytes::from_static(b"abc"));
        let stream = http_body_util::Empty::new();
        let stream = http_body_util::BodyExt::map_err(stream, |never| match never {});
        assert!(matches!(form(true, whole()), Form::Flat(_, body) if body == "abc"));
        assert!(matches!(form(false, whole()), Form::Http(_)));
        let stream = Content::Stream(http_body_util::BodyExt::boxed_unsync(stream));
        assert!(matches!(form(true, stream), Form::Http(_)));
    }
}
