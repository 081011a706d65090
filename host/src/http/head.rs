//! A request's head: refused, or stripped of what clients may not say and completed with what the host says.

mod given;

pub(super) use given::Given;

use super::media::tokens;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header,
    header::{CONNECTION, FORWARDED, HOST, TRANSFER_ENCODING},
    request,
    uri::{Authority, Scheme},
};

/// The most a head may take, bytes.
const HEAD_LIMIT: usize = 16 << 10;
/// The most a request target may take, bytes.
const TARGET_LIMIT: usize = 8 << 10;
/// What hyper parses before it answers 431 by itself. Larger than a head may be, so that a target that is too long is
/// seen whole and answered 414, up to hyper's own limit for targets (64 KiB), which it answers 414 too. The 100 headers
/// are hyper's default.
pub(super) const PARSE_LIMIT: usize = 72 << 10;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Refusals that need no more than the head: they are answered without a body, and the connection ends.
pub(super) fn check(head: &request::Parts, given: &Given) -> Result<(), StatusCode> {
    let target = target_length(&head.uri);
    if target > TARGET_LIMIT {
        return Err(StatusCode::URI_TOO_LONG);
    }
    // Method, spaces, version and line ends of the request line, and the empty line: 14 bytes and the method.
    let line = head.method.as_str().len() + target + 14;
    if line + given.length > HEAD_LIMIT {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if (given.hosts == 0 && head.version == Version::HTTP_11) || given.hosts > 1 {
        return Err(StatusCode::BAD_REQUEST);
    }
    if given.transfer_encoding && !is_chunked(&head.headers) {
        return Err(StatusCode::BAD_REQUEST);
    }
    // `GET host:80` (authority form) belongs to CONNECT, `*` to OPTIONS.
    match head.uri.path() {
        "" if head.method != Method::CONNECT => Err(StatusCode::BAD_REQUEST),
        "*" if head.method != Method::OPTIONS => Err(StatusCode::BAD_REQUEST),
        _ => Ok(()),
    }
}

/// hyper takes any list that ends in `chunked`. Codings other than that are not understood here, and two readings of one
/// body are how requests get smuggled.
fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = codings
        .next()
        .is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    chunked && codings.next().is_none()
}

fn target_length(uri: &Uri) -> usize {
    let origin = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + 3);
    origin
        + scheme
        + uri
            .authority()
            .map_or(0, |authority| authority.as_str().len())
}

/// Whether the client spoke https to the proxy before us. `trusted`: the peer is a proxy that is believed.
pub(super) fn came_by_https(headers: &HeaderMap, trusted: bool) -> bool {
    if !trusted {
        return false;
    }
    // The leftmost element is what the outermost proxy saw.
    let first = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok()?.split(',').next())
    };
    if let Some(proto) = first(FORWARDED_PROTO) {
        return proto.trim().eq_ignore_ascii_case("https");
    }
    first(FORWARDED).is_some_and(|element| {
        element
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .any(|(name, value)| {
                name.trim().eq_ignore_ascii_case("proto")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("https")
            })
    })
}

/// Removes what ends at this hop and what only the host may say.
pub(super) fn strip(headers: &mut HeaderMap, trusted: bool) {
    // Nothing is most common. `Connection` is among these, so without one of them no other is named either.
    if !headers
        .keys()
        .any(|name| is_stripped(name.as_str(), trusted))
    {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(tokens)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        // Nominating these would make the plugin and the host see two different requests.
        .filter(|name| {
            !matches!(
                *name,
                HOST | header::CONTENT_LENGTH | header::CONTENT_ENCODING | header::CONTENT_TYPE
            )
        })
        .collect();
    let owned: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_stripped(name.as_str(), trusted))
        .cloned()
        .collect();
    for name in named.iter().chain(&owned) {
        headers.remove(name);
    }
}

/// Hop-by-hop headers of either direction.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// `x-greenroom-...`: the host's own, in both directions.
pub(super) fn is_greenroom(name: &str) -> bool {
    name.starts_with("x-greenroom-")
}

fn is_stripped(name: &str, trusted: bool) -> bool {
    // `Expect` was the host's to answer.
    is_hop_by_hop(name)
        || is_greenroom(name)
        || matches!(name, "expect" | "x-forwarded-prefix")
        || (!trusted && (name == "forwarded" || name.starts_with("x-forwarded-")))
}

/// What the host says in the client's place: where the plugin is mounted, who asks, and the request's name. `mount`:
/// `/api/<id>`.
pub(super) fn introduction<'a>(
    mount: &'a str,
    principal: &'a str,
    request: &'a str,
) -> [(&'static str, &'a str); 3] {
    [
        ("x-forwarded-prefix", mount),
        ("x-greenroom-principal", principal),
        ("x-request-id", request),
    ]
}

/// The target as an absolute URI. `None` when the Host header is no authority.
pub(super) fn absolute(uri: &Uri, headers: &HeaderMap, https: bool) -> Option<Uri> {
    let authority = match uri.authority() {
        // With an absolute target the Host header does not count (RFC 9112 3.2.2).
        Some(authority) => authority.clone(),
        None => match headers.get(HOST) {
            Some(host) => Authority::try_from(host.as_bytes()).ok()?,
            None => Authority::from_static("localhost"),
        },
    };
    // No user, and a host: what is left then begins with it.
    let text = authority.as_str().as_bytes();
    if text.contains(&b'@') || matches!(text, [] | [b':', ..]) {
        return None;
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query = uri.path_and_query().cloned();
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, fields: &[(&str, &str)]) -> request::Parts {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn heads_are_refused_for_what_they_are() {
        let long = format!("/{}", "a".repeat(TARGET_LIMIT));
        let large = "v".repeat(HEAD_LIMIT);
        let h = ("host", "a");
        for (target, fields, expected) in [
            ("/", vec![h], Ok(())),
            ("/", vec![], Err(400)),
            ("/", vec![h, h], Err(400)),
            (&long[..TARGET_LIMIT], vec![h], Ok(())),
            (&long, vec![h], Err(414)),
            ("/", vec![h, ("x", &large)], Err(431)),
            ("/", vec![h, ("transfer-encoding", "Chunked")], Ok(())),
            (
                "/",
                vec![h, ("transfer-encoding", "gzip, chunked")],
                Err(400),
            ),
            (
                "/",
                vec![
                    h,
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                Err(400),
            ),
            ("*", vec![h], Err(400)),
            ("a:80", vec![h], Err(400)),
            ("http://a", vec![h], Ok(())),
        ] {
            let head = head(target, &fields);
            let got = check(&head, &Given::of(&head.headers)).map_err(|status| status.as_u16());
            assert_eq!(
                got,
                expected,
                "{} {:?}",
                &target[..target.len().min(20)],
                fields.len()
            );
        }
    }

    #[test]
    fn http_1_0_needs_no_host() {
        let mut head = head("/", &[]);
        head.version = Version::HTTP_10;
        assert_eq!(check(&head, &Given::of(&head.headers)), Ok(()));
    }

    #[test]
    fn strips_what_ends_here_and_what_only_the_host_says() {
        let fields = [
            ("host", "a"),
            ("connection", "keep-alive, X-Private , host"),
            ("keep-alive", "timeout=5"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("x-greenroom-principal", "user:default/root"),
            ("x-greenroom-anything", "1"),
            ("x-forwarded-prefix", "/evil"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
            ("accept", "*/*"),
        ];
        let mut headers = head("/", &fields).headers;
        let mut trusted = headers.clone();
        strip(&mut headers, false);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "host"]);

        strip(&mut trusted, true);
        let mut left: Vec<_> = trusted.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "forwarded", "host", "x-forwarded-for"]);
        assert_eq!(trusted["x-forwarded-for"], "1.2.3.4");
    }

    #[test]
    fn each_is_stripped_alone() {
        for (name, from_trusted) in [
            ("connection", true),
            ("http2-settings", true),
            ("keep-alive", true),
            ("proxy-authenticate", true),
            ("proxy-authorization", true),
            ("proxy-connection", true),
            ("te", true),
            ("trailer", true),
            ("transfer-encoding", true),
            ("upgrade", true),
            ("expect", true),
            ("x-forwarded-prefix", true),
            ("x-greenroom-principal", true),
            ("x-greenroom-anything", true),
            ("x-forwarded-for", false),
            ("forwarded", false),
        ] {
            let mut headers = head("/", &[("host", "a"), (name, "x"), (name, "y")]).headers;
            let mut trusted = headers.clone();
            strip(&mut headers, false);
            assert_eq!(headers.keys().collect::<Vec<_>>(), ["host"], "{name}");
            strip(&mut trusted, true);
            assert_eq!(trusted.contains_key(name), !from_trusted, "{name}");
        }
    }

    #[test]
    fn https_counts_only_from_a_trusted_proxy() {
        for (fields, expected) in [
            (vec![("x-forwarded-proto", "https")], true),
            (vec![("x-forwarded-proto", "HTTPS , http")], true),
            (vec![("x-forwarded-proto", "http, https")], false),
            (
                vec![("forwarded", "for=1.2.3.4; proto=\"https\", proto=http")],
                true,
            ),
            (vec![("forwarded", "for=1.2.3.4")], false),
            (vec![], false),
        ] {
            let headers = head("/", &fields).headers;
            assert_eq!(came_by_https(&headers, true), expected, "{fields:?}");
            assert!(!came_by_https(&headers, false));
        }
    }

    #[test]
    fn targets_gain_an_authority() {
        let made = |target: &str, host: &str, https| {
            let head = head(target, &[("host", host)]);
            absolute(&head.uri, &head.headers, https).map(|uri| uri.to_string())
        };
        for (target, host, https, expected) in [
            ("/api/todo", "a:1", false, "http://a:1/api/todo"),
            ("/api/todo?x=%2F", "a", true, "https://a/api/todo?x=%2F"),
            ("http://b/api/todo/x?", "a", false, "http://b/api/todo/x?"),
            ("/api/todo", "[::1]:80", false, "http://[::1]:80/api/todo"),
        ] {
            assert_eq!(made(target, host, https).as_deref(), Some(expected));
        }
        for bad in ["", "a b", "user@a", "@a", "a/b", ":80", ":", "@"] {
            assert_eq!(made("/api/todo", bad, false), None, "{bad:?}");
        }
        let none = absolute(&Uri::from_static("/x"), &HeaderMap::new(), false);
        assert_eq!(none.unwrap(), "http://localhost/x");
    }
}
