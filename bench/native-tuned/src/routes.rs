//! The reads of the API, and which path is what.

use crate::{
    answer::Answer,
    database::{self, Error},
    etag,
    head::Asked,
    query::{ListQuery, decode},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ALLOW, CONTENT_TYPE, ETAG},
};

mod list;

pub(crate) use list::list;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HELLO: &[u8] = b"hello";
/// The weak tag of [`HELLO`].
const HELLO_TAG: HeaderValue = HeaderValue::from_static("W/\"5-b5e9c1ad071b3e7fc779cfaa5e523818\"");

/// What a path names.
pub(crate) enum Route<'a> {
    Hello,
    List,
    /// The id, as it came.
    Item(&'a str),
    /// Nothing, below the path of a plugin.
    Unknown,
    /// Nothing at all.
    Unmounted,
}

pub(crate) fn route(path: &str) -> Route<'_> {
    let below = |mount| {
        let rest = path.strip_prefix(mount)?;
        let rest = if rest.is_empty() { "/" } else { rest };
        let rest = rest.strip_prefix('/')?;
        Some(rest.strip_suffix('/').unwrap_or(rest))
    };
    if let Some(below) = below("/api/todo") {
        return match below.split_once('/') {
            None if below == "todos" => Route::List,
            Some(("todos", id)) if !id.is_empty() && !id.contains('/') => Route::Item(id),
            _ => Route::Unknown,
        };
    }
    match below("/api/hello") {
        Some("") => Route::Hello,
        Some(_) => Route::Unknown,
        None => Route::Unmounted,
    }
}

pub(crate) fn hello(mut headers: HeaderMap) -> Answer {
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(ETAG, HELLO_TAG);
    Answer {
        status: StatusCode::OK,
        headers,
        body: Bytes::from_static(HELLO),
    }
}

pub(crate) fn item(asked: &Asked, id: &str, headers: HeaderMap) -> Answer {
    let Ok(id) = decode(id, false) else {
        return bad_request(headers, "id has an invalid percent-escape");
    };
    if asked
        .uri
        .query()
        .is_some_and(|query| ListQuery::parse(query).is_err())
    {
        return bad_request(headers, BROKEN_QUERY);
    }
    match database::read(|reader| reader.get(&id)) {
        Ok(Some(json)) => single(StatusCode::OK, headers, json),
        Ok(None) => Answer::error(StatusCode::NOT_FOUND, headers, "Todo not found"),
        Err(error) => failed(headers, &error),
    }
}

/// One item with its tag.
pub(crate) fn single(status: StatusCode, headers: HeaderMap, json: Vec<u8>) -> Answer {
    let tag = etag::strong(&json);
    let mut answer = Answer::json(status, headers, json);
    answer.headers.insert(ETAG, tag);
    answer
}

const BROKEN_QUERY: &str = "the query has an invalid percent-escape";

pub(crate) fn bad_request(headers: HeaderMap, message: &str) -> Answer {
    Answer::error(StatusCode::BAD_REQUEST, headers, message)
}

/// The client learns nothing of the inside.
#[expect(clippy::print_stderr, reason = "the operator's log")]
pub(crate) fn failed(headers: HeaderMap, error: &Error) -> Answer {
    eprintln!("native-tuned: {}", error.0);
    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, headers, "internal error")
}

/// A known path without this method.
pub(crate) fn other_method(asked: &Asked, mut headers: HeaderMap, allow: &'static str) -> Answer {
    let allow = HeaderValue::from_static(allow);
    if asked.method == Method::OPTIONS {
        headers.insert(ALLOW, allow);
        return Answer {
            status: StatusCode::NO_CONTENT,
            headers,
            body: Bytes::new(),
        };
    }
    let mut answer = Answer::error(
        StatusCode::METHOD_NOT_ALLOWED,
        headers,
        "the method is not allowed here",
    );
    answer.headers.insert(ALLOW, allow);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_tag_is_that_of_its_bytes() {
        assert_eq!(etag::weak(HELLO), HELLO_TAG);
    }

    #[test]
    fn paths() {
        for path in ["/api/todo/todos", "/api/todo/todos/"] {
            assert!(matches!(route(path), Route::List), "{path}");
        }
        for path in ["/api/hello", "/api/hello/"] {
            assert!(matches!(route(path), Route::Hello), "{path}");
        }
        for path in ["/api/todo/todos/1", "/api/todo/todos/1/"] {
            assert!(matches!(route(path), Route::Item("1")), "{path}");
        }
        for path in [
            "/api/todo",
            "/api/todo//todos",
            "/api/todo/todos//",
            "/api/todo/todos/1/2",
            "/api/hello/x",
        ] {
            assert!(matches!(route(path), Route::Unknown), "{path}");
        }
        for path in ["/", "/api/todos", "/api/todox/todos", "/api/hellox"] {
            assert!(matches!(route(path), Route::Unmounted), "{path}");
        }
    }
}
