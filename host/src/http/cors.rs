//! Cross-origin answers from `backend.cors`, as the npm package `cors` gives them under Backstage. Requests are never
//! refused here: the browser judges by the headers.

use crate::config;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
        ORIGIN,
    },
};

const DEFAULT_METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");

/// `backend.cors`, with its header values made once.
pub(super) struct Policy {
    origins: Origins,
    methods: HeaderValue,
    /// `None`: what the preflight asks for.
    allowed_headers: Option<HeaderValue>,
    exposed_headers: Option<HeaderValue>,
    credentials: bool,
    max_age: Option<HeaderValue>,
}

enum Origins {
    Any,
    /// Lower case; `*` stands for any run of characters but `/`.
    Like(Vec<String>),
}

impl Policy {
    pub(super) fn new(cors: &config::Cors) -> Self {
        let origins = if cors.origin.iter().any(|origin| origin == "*") {
            Origins::Any
        } else {
            Origins::Like(
                cors.origin
                    .iter()
                    .map(|origin| origin.to_ascii_lowercase())
                    .collect(),
            )
        };
        Self {
            origins,
            methods: list(&cors.methods).unwrap_or(DEFAULT_METHODS),
            allowed_headers: list(&cors.allowed_headers),
            exposed_headers: list(&cors.exposed_headers),
            credentials: cors.credentials,
            max_age: cors.max_age.map(HeaderValue::from),
        }
    }

    /// Whether answers differ by `Origin`, so that caches must keep them apart.
    pub(super) fn varies(&self) -> bool {
        matches!(self.origins, Origins::Like(_))
    }

    /// Adds what the browser needs to let the page at `origin` read an answer. False when that origin is not allowed.
    pub(super) fn allow(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) -> bool {
        let allowed = match (&self.origins, origin) {
            (Origins::Any, _) => HeaderValue::from_static("*"),
            (Origins::Like(patterns), Some(origin)) if is_like(patterns, origin) => origin.clone(),
            _ => return false,
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            answer.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if let Some(exposed) = &self.exposed_headers {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        true
    }

    /// The rest of a preflight's answer, after `allow` said yes. True when it differs by the headers asked for.
    pub(super) fn preflight(&self, asked: &HeaderMap, answer: &mut HeaderMap) -> bool {
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        if let Some(seconds) = &self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, seconds.clone());
        }
        match (
            &self.allowed_headers,
            asked.get(ACCESS_CONTROL_REQUEST_HEADERS),
        ) {
            (Some(allowed), _) => {
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
                false
            }
            (None, wanted) => {
                if let Some(wanted) = wanted {
                    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
                }
                true
            }
        }
    }
}

/// A browser asks whether it may send a request, before it does.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Headers that only the host may set: `access-control-...`.
pub(super) fn is_cors(name: &str) -> bool {
    name.starts_with("access-control-")
}

fn list(values: &[String]) -> Option<HeaderValue> {
    if values.is_empty() {
        return None;
    }
    HeaderValue::try_from(values.join(",")).ok()
}

fn is_like(patterns: &[String], origin: &HeaderValue) -> bool {
    let origin = origin.as_bytes().to_ascii_lowercase();
    patterns
        .iter()
        .any(|pattern| like(pattern.as_bytes(), &origin))
}

/// Glob match with `*` alone; linear but for backing up to the last star.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star, and how much of the text that star has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after, taken)) = star
            && text[taken] != b'/'
        {
            star = Some((after, taken + 1));
            p = after;
            t = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origins: &[&str]) -> Policy {
        Policy::new(&config::Cors {
            origin: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            credentials: true,
            exposed_headers: vec!["link".into(), "etag".into()],
            max_age: Some(600),
            ..config::Cors::default()
        })
    }

    fn allowed(policy: &Policy, origin: &'static str) -> bool {
        policy.allow(
            Some(&HeaderValue::from_static(origin)),
            &mut HeaderMap::new(),
        )
    }

    #[test]
    fn origins_match_exactly_or_by_pattern_in_any_case() {
        let policy = policy(&[
            "http://localhost:3000",
            "https://*.example.com",
            "http://127.0.0.1:*",
        ]);
        for yes in [
            "http://localhost:3000",
            "HTTP://LocalHost:3000",
            "https://a.b.example.com",
            "http://127.0.0.1:81",
        ] {
            assert!(allowed(&policy, yes), "{yes}");
        }
        for no in [
            "http://localhost:30000",
            "https://example.com",
            "https://evil.com/.example.com",
            "https://a.example.com.evil",
            "null",
            "",
        ] {
            assert!(!allowed(&policy, no), "{no}");
        }
        assert!(!policy.allow(None, &mut HeaderMap::new()));
        assert!(!allowed(&self::policy(&[]), "http://a"));
    }

    #[test]
    fn an_allowed_origin_is_echoed_with_credentials() {
        let mut headers = HeaderMap::new();
        let policy = policy(&["http://a"]);
        assert!(policy.varies());
        assert!(policy.allow(Some(&HeaderValue::from_static("http://a")), &mut headers));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "http://a");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], "link,etag");
    }

    #[test]
    fn any_origin_is_a_star_and_does_not_vary() {
        let mut headers = HeaderMap::new();
        let policy = policy(&["*"]);
        assert!(!policy.varies());
        assert!(policy.allow(None, &mut headers));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }

    #[test]
    fn preflights_reflect_the_headers_asked_for_unless_configured() {
        let mut asked = HeaderMap::new();
        asked.insert(
            ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static("x-a, x-b"),
        );
        let mut headers = HeaderMap::new();
        let mut policy = policy(&["http://a"]);
        assert!(policy.preflight(&asked, &mut headers));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "x-a, x-b");
        assert_eq!(
            headers[ACCESS_CONTROL_ALLOW_METHODS],
            "GET,HEAD,PUT,PATCH,POST,DELETE"
        );
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "600");
        policy.allowed_headers = Some(HeaderValue::from_static("x-c"));
        assert!(!policy.preflight(&asked, &mut headers));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "x-c");
    }
}
