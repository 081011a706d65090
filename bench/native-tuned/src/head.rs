//! A request's head, read once.

use crate::request_id::{is_sane, made};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, Version,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, IF_NONE_MATCH, TRANSFER_ENCODING},
    request::Parts,
};

/// The most a head may take, bytes.
const HEAD_LIMIT: usize = 16 << 10;
/// The most a request target may take, bytes.
const TARGET_LIMIT: usize = 8 << 10;
/// What hyper reads before it answers 431 by itself; larger, so that a target that is too long gets its 414. That there
/// are at most 100 headers is hyper's.
pub(crate) const PARSE_LIMIT: usize = 72 << 10;

/// What an answer depends on.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) id: HeaderValue,
    pub(crate) if_none_match: Vec<HeaderValue>,
    /// The body is said to be JSON in UTF-8.
    pub(crate) json: bool,
    /// The body is said to be compressed.
    pub(crate) coded: bool,
}

impl Asked {
    pub(crate) fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// The status is a refusal that closes the connection. The emptied map is for the answer: hyper gives the answer's map
/// to the next request, so a connection allocates one in all.
pub(crate) fn read(head: Parts) -> (Asked, Result<(), StatusCode>, HeaderMap) {
    let mut fields = 0;
    let (mut hosts, mut types, mut ids) = (0, 0, 0);
    let mut framed = true;
    let (mut json, mut coded, mut id) = (false, false, None);
    let mut if_none_match = Vec::new();
    for (name, value) in &head.headers {
        fields += name.as_str().len() + value.len() + 4;
        match *name {
            HOST => hosts += 1,
            CONTENT_TYPE => {
                types += 1;
                json = value.to_str().is_ok_and(is_json);
            }
            CONTENT_ENCODING => coded |= !value.as_bytes().eq_ignore_ascii_case(b"identity"),
            IF_NONE_MATCH => if_none_match.push(value.clone()),
            // Two readings of one body are how requests get smuggled.
            TRANSFER_ENCODING => framed &= value.as_bytes().eq_ignore_ascii_case(b"chunked"),
            _ if name.as_str() == "x-request-id" => {
                ids += 1;
                id = Some(value).filter(|value| is_sane(value.as_bytes()));
            }
            _ => {}
        }
    }
    let asked = Asked {
        id: match id {
            Some(id) if ids == 1 => id.clone(),
            _ => made(),
        },
        method: head.method,
        uri: head.uri,
        if_none_match,
        json: json && types == 1,
        coded,
    };
    let checked = check(
        &asked,
        fields,
        hosts == 1 || (hosts == 0 && head.version == Version::HTTP_10),
        framed,
    );
    let mut headers = head.headers;
    headers.clear();
    (asked, checked, headers)
}

fn check(asked: &Asked, fields: usize, host: bool, framed: bool) -> Result<(), StatusCode> {
    let target = match asked.uri.path_and_query() {
        Some(target) => target.as_str().len(),
        None => 0,
    };
    if target > TARGET_LIMIT {
        return Err(StatusCode::URI_TOO_LONG);
    }
    // Method, spaces, version and line ends of the request line, and the empty line.
    if asked.method.as_str().len() + target + 14 + fields > HEAD_LIMIT {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    match asked.uri.path() {
        "" if asked.method != Method::CONNECT => Err(StatusCode::BAD_REQUEST),
        "*" if asked.method != Method::OPTIONS => Err(StatusCode::BAD_REQUEST),
        _ if !host || !framed => Err(StatusCode::BAD_REQUEST),
        _ => Ok(()),
    }
}

/// `application/json` or `application/*+json`, with charset UTF-8 or none.
fn is_json(content_type: &str) -> bool {
    if content_type == "application/json" {
        return true;
    }
    let (media, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let media = media.trim().to_ascii_lowercase();
    let Some(subtype) = media.strip_prefix("application/") else {
        return false;
    };
    let kin = |stem: &str| {
        !stem.is_empty() && stem != "json-patch" && !stem.contains([' ', ',', '/', '"'])
    };
    let utf8 = parameters.split(';').all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        !name.trim().eq_ignore_ascii_case("charset") || value == "utf-8" || value == "utf8"
    });
    utf8 && (subtype == "json" || subtype.strip_suffix("+json").is_some_and(kin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for good in [
            "application/json",
            " Application/JSON; charset=UTF-8",
            "application/a+json;x=1",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/json-patch+json",
            "application/json; Charset=latin1",
            "application/json, application/json",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
