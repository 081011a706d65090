//! What a plugin may not say is removed from its answer; what is no valid answer is refused.

use crate::{
    http::{admit, cors, head},
    plugin::Content,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, SET_COOKIE},
};

/// The answer is no valid HTTP: 502.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) struct Invalid(pub(in crate::http) &'static str);

/// Removes the host's own headers and those of the hop, and checks the framing. Afterwards `content-length` is there only
/// where it says more than the body does: on a stream, and on an answer to HEAD without a body.
pub(in crate::http) fn clean(
    method: &Method,
    status: StatusCode,
    headers: &mut HeaderMap,
    answer: &mut Content,
) -> Result<(), Invalid> {
    // 1xx is not for plugins: nothing is upgraded, and interim answers are the host's.
    if !(200..600).contains(&status.as_u16()) {
        return Err(Invalid("the status is none of 200 to 599"));
    }
    strip(headers);
    let length = declared_length(headers)?;
    if has_no_body(status) {
        headers.remove(CONTENT_LENGTH);
        *answer = Content::Whole(Bytes::new());
        return Ok(());
    }
    if let Content::Whole(body) = answer {
        let told_to_head = method == Method::HEAD && body.is_empty();
        if length.is_some_and(|length| length != body.len() as u64) && !told_to_head {
            return Err(Invalid("content-length is not the length of the body"));
        }
        if length.is_some() && !told_to_head {
            headers.remove(CONTENT_LENGTH);
        }
    }
    Ok(())
}

/// Statuses whose answers never have a body.
pub(super) fn has_no_body(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

fn strip(headers: &mut HeaderMap) {
    // Nothing is most common. `Connection` is among these, so without one of them no other is named either.
    if !headers
        .keys()
        .any(|name| is_the_hosts(name.as_str()) || name == SET_COOKIE)
    {
        return;
    }
    keep_session(headers);
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(crate::http::media::tokens)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| *name != CONTENT_LENGTH)
        .collect();
    let owned: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_the_hosts(name.as_str()))
        .cloned()
        .collect();
    for name in named.iter().chain(&owned) {
        headers.remove(name);
    }
}

/// All plugins are one origin to a browser: no answer may replace the cookie that says who its user is. (A script of a
/// plugin's page can.)
fn keep_session(headers: &mut HeaderMap) {
    let name = admit::COOKIE_NAME.as_bytes();
    let sets_session = |value: &HeaderValue| {
        // `=NAME=VALUE` has no name, and browsers send it as NAME=VALUE.
        let text = value.as_bytes().trim_ascii_start();
        let text = text.strip_prefix(b"=").unwrap_or(text);
        let cookie = text.split(|b| matches!(b, b'=' | b';')).next();
        cookie.is_some_and(|cookie| cookie.trim_ascii() == name)
    };
    if !headers.get_all(SET_COOKIE).iter().any(sets_session) {
        return;
    }
    let kept: Vec<_> = (headers.get_all(SET_COOKIE).iter())
        .filter(|value| !sets_session(value))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for value in kept {
        headers.append(SET_COOKIE, value);
    }
}

fn is_the_hosts(name: &str) -> bool {
    matches!(
        name,
        "date" | "server" | "x-powered-by" | "x-request-id" | "clear-site-data"
    ) || head::is_hop_by_hop(name)
        || head::is_greenroom(name)
        || cors::is_cors(name)
}

/// The plugin's `content-length`; repeated ones must agree.
fn declared_length(headers: &mut HeaderMap) -> Result<Option<u64>, Invalid> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    let digits = first.as_bytes();
    if digits.is_empty()
        || !digits.iter().all(u8::is_ascii_digit)
        || values.any(|other| other != first)
    {
        return Err(Invalid("content-length is no number, or several"));
    }
    let length = first.to_str().ok().and_then(|text| text.parse().ok());
    let length = length.ok_or(Invalid("content-length is out of range"))?;
    // Written once, whatever the plugin sent.
    let once = first.clone();
    headers.insert(CONTENT_LENGTH, once);
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn cleaned(
        method: &Method,
        status: u16,
        fields: &[(&'static str, &str)],
        body: &'static str,
    ) -> Result<HeaderMap, Invalid> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let mut answer = Content::Whole(Bytes::from_static(body.as_bytes()));
        clean(
            method,
            StatusCode::from_u16(status).unwrap(),
            &mut headers,
            &mut answer,
        )
        .map(|()| headers)
    }

    #[test]
    fn the_hosts_headers_are_removed() {
        let headers = cleaned(
            &Method::GET,
            200,
            &[
                ("date", "x"),
                ("server", "x"),
                ("x-powered-by", "x"),
                ("x-request-id", "x"),
                ("access-control-allow-origin", "*"),
                ("access-control-made-up", "*"),
                ("x-greenroom-principal", "x"),
                ("connection", "close, x-named"),
                ("x-named", "x"),
                ("keep-alive", "x"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "x"),
                ("trailer", "x"),
                ("content-type", "text/plain"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("set-cookie", "backstage-auth=x; Path=/"),
                ("set-cookie", "=backstage-auth=x; Path=/"),
                ("set-cookie", " backstage-auth"),
                ("clear-site-data", "\"cookies\""),
            ],
            "x",
        )
        .unwrap();
        let mut left: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "set-cookie", "set-cookie"]);
    }

    #[test]
    fn statuses_outside_200_to_599_are_refused() {
        for status in [100, 101, 103, 199, 600, 999] {
            assert!(cleaned(&Method::GET, status, &[], "").is_err(), "{status}");
        }
        for status in [200, 299, 418, 599] {
            assert!(cleaned(&Method::GET, status, &[], "").is_ok(), "{status}");
        }
    }

    #[test]
    fn lengths_must_be_the_bodys() {
        let get = |fields: &[(&'static str, &str)], body| cleaned(&Method::GET, 200, fields, body);
        assert!(
            !get(&[("content-length", "3")], "abc")
                .unwrap()
                .contains_key(CONTENT_LENGTH)
        );
        assert!(get(&[("content-length", "3"), ("content-length", "3")], "abc").is_ok());
        for bad in [
            "2",
            "4",
            "+3",
            "3 ",
            "",
            "0x3",
            "3, 3",
            "18446744073709551616",
        ] {
            let got = get(&[("content-length", bad)], "abc");
            // A trailing space never arrives: parsing a value trims nothing, so it is no number.
            assert!(got.is_err(), "{bad:?}");
        }
        assert!(get(&[("content-length", "3"), ("content-length", "4")], "abc").is_err());
    }

    #[test]
    fn head_may_tell_the_length_of_what_it_leaves_out() {
        let head = |length, body| cleaned(&Method::HEAD, 200, &[("content-length", length)], body);
        assert_eq!(head("9", "").unwrap()[CONTENT_LENGTH], "9");
        assert!(!head("3", "abc").unwrap().contains_key(CONTENT_LENGTH));
        assert!(head("9", "abc").is_err());
    }

    #[test]
    fn some_statuses_never_have_a_body() {
        for status in [
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::NOT_MODIFIED,
        ] {
            for stream in [false, true] {
                let body = http_body_util::Full::new(Bytes::from_static(b"abc"));
                let mut answer = match stream {
                    true => Content::Stream(body.map_err(|never| match never {}).boxed_unsync()),
                    false => Content::Whole(Bytes::from_static(b"abc")),
                };
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_LENGTH, 3.into());
                clean(&Method::GET, status, &mut headers, &mut answer).unwrap();
                assert!(headers.is_empty());
                assert!(matches!(answer, Content::Whole(body) if body.is_empty()));
            }
        }
    }
}
