//! A request's head: refused, or stripped of what clients may not say and completed with what the host says.

use super::media::tokens;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header,
    header::{CONNECTION, FORWARDED, HOST, TRANSFER_ENCODING},
    request,
    uri::{Authority, PathAndQuery, Scheme},
};

/// The most a head may take, bytes.
const HEAD_LIMIT: usize = 16 << 10;
/// The most a request target may take, bytes.
const TARGET_LIMIT: usize = 8 << 10;
/// What hyper parses before it answers 431 by itself. Larger than a head may be, so that a target that is too long is
/// seen whole and answered 414, up to hyper's own limit for targets (64 KiB), which it answers 414 too. The 100 headers
/// are hyper's default.
pub(super) const PARSE_LIMIT: usize = 72 << 10;

const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PRINCIPAL: HeaderName = HeaderName::from_static("x-greenroom-principal");

/// Refusals that need no more than the head: they are answered without a body, and the connection ends.
pub(super) fn check(head: &request::Parts) -> Result<(), StatusCode> {
    let target = target_length(&head.uri);
    if target > TARGET_LIMIT {
        return Err(StatusCode::URI_TOO_LONG);
    }
    // Method, spaces, version and line ends of the request line, and the empty line: 14 bytes and the method.
    let line = head.method.as_str().len() + target + 14;
    let fields: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if line + fields > HEAD_LIMIT {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    if (hosts.next().is_none() && head.version == Version::HTTP_11) || hosts.next().is_some() {
        return Err(StatusCode::BAD_REQUEST);
    }
    // hyper takes any list that ends in `chunked`. Codings other than that are not understood here, and two readings of
    // one body are how requests get smuggled.
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = codings
        .next()
        .is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if !chunked || codings.next().is_some() {
        return Err(StatusCode::BAD_REQUEST);
    }
    // `GET host:80` (authority form) belongs to CONNECT, `*` to OPTIONS.
    match head.uri.path() {
        "" if head.method != Method::CONNECT => Err(StatusCode::BAD_REQUEST),
        "*" if head.method != Method::OPTIONS => Err(StatusCode::BAD_REQUEST),
        _ => Ok(()),
    }
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

/// Says where the plugin is mounted and who asks. `mount`: `/api/<id>`.
pub(super) fn introduce(headers: &mut HeaderMap, mount: &str) {
    // A plugin id is plain ASCII, so this never fails.
    if let Ok(prefix) = HeaderValue::from_str(mount) {
        headers.insert(FORWARDED_PREFIX, prefix);
    }
    headers.insert(PRINCIPAL, HeaderValue::from_static("none"));
}

/// The URI as the plugin sees it: absolute, without the mount. `below`: the path below the mount, never empty. `None`
/// when the Host header is no authority.
pub(super) fn uri_below(uri: &Uri, below: &str, headers: &HeaderMap, https: bool) -> Option<Uri> {
    let authority = match uri.authority() {
        // With an absolute target the Host header does not count (RFC 9112 3.2.2).
        Some(authority) => authority.clone(),
        None => match headers.get(HOST) {
            Some(host) => Authority::try_from(host.as_bytes()).ok()?,
            None => Authority::from_static("localhost"),
        },
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let target = match uri.query() {
        None if below == "/" => PathAndQuery::from_static("/"),
        None => PathAndQuery::try_from(below).ok()?,
        Some(query) => {
            let mut target = String::with_capacity(below.len() + 1 + query.len());
            target.push_str(below);
            target.push('?');
            target.push_str(query);
            PathAndQuery::try_from(target).ok()?
        }
    };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query = Some(target);
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
            let got = check(&head(target, &fields)).map_err(|status| status.as_u16());
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
        assert_eq!(check(&head), Ok(()));
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
        introduce(&mut trusted, "/api/todo");
        assert_eq!(trusted["x-forwarded-for"], "1.2.3.4");
        assert_eq!(trusted["x-forwarded-prefix"], "/api/todo");
        assert_eq!(
            trusted
                .get_all("x-greenroom-principal")
                .iter()
                .collect::<Vec<_>>(),
            ["none"]
        );
        assert!(!trusted.contains_key("x-greenroom-anything"));
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
    fn uris_lose_the_mount_and_gain_an_authority() {
        let made = |target: &str, below: &str, host: &str| {
            let head = head(target, &[("host", host)]);
            uri_below(&head.uri, below, &head.headers, false).map(|uri| uri.to_string())
        };
        assert_eq!(
            made("/api/todo", "/", "a:1").as_deref(),
            Some("http://a:1/")
        );
        assert_eq!(
            made("/api/todo?x=%2F", "/", "a").as_deref(),
            Some("http://a/?x=%2F")
        );
        assert_eq!(
            made("/api/todo/a%2Fb/../c", "/a%2Fb/../c", "a").as_deref(),
            Some("http://a/a%2Fb/../c")
        );
        assert_eq!(
            made("http://b/api/todo/x?", "/x", "a").as_deref(),
            Some("http://b/x?")
        );
        for bad in ["", "a b", "user@a", "a/b", ":80"] {
            assert_eq!(made("/api/todo", "/", bad), None, "{bad:?}");
        }
    }
}
