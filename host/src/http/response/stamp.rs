//! The headers that every answer of this host carries.

use super::Asked;
use crate::http::request_id::X_REQUEST_ID;
use http::{
    HeaderMap, HeaderValue,
    header::{
        CONTENT_SECURITY_POLICY, Entry, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};

/// As a Backstage backend sends it, less the `unsafe-eval` that its web application needs and an API does not.
const CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const SAMEORIGIN: HeaderValue = HeaderValue::from_static("SAMEORIGIN");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// 180 days.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=15552000; includeSubDomains");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// Adds them. A plugin's own policies for framing, referrers and content stand; the rest is the host's word.
pub(super) fn stamp(headers: &mut HeaderMap, asked: &Asked<'_>) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.entry(REFERRER_POLICY).or_insert(NO_REFERRER);
    headers.entry(X_FRAME_OPTIONS).or_insert(SAMEORIGIN);
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(CSP);
    if asked.https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    } else {
        // Over plain http it means nothing, and a plugin does not decide it for the whole host.
        headers.remove(STRICT_TRANSPORT_SECURITY);
    }
    headers.insert(X_REQUEST_ID, asked.id.value.clone());
    if let Some(cors) = &asked.shared.cors {
        cors.allow(asked.origin.as_ref(), headers);
        if cors.varies() {
            vary(headers, &ORIGIN);
        }
    }
}

/// Adds `name` to `Vary` unless it is there, or `*` is.
pub(super) fn vary(headers: &mut HeaderMap, name: &HeaderValue) {
    let old = match headers.entry(VARY) {
        Entry::Vacant(none) => {
            none.insert(name.clone());
            return;
        }
        Entry::Occupied(lines) => lines.get().clone(),
    };
    let named = name.to_str().unwrap_or_default();
    let mut lines = headers.get_all(VARY).iter();
    if lines
        .any(|line| crate::http::media::holds(line, named) || crate::http::media::holds(line, "*"))
    {
        return;
    }
    let joined = [old.as_bytes(), b", ", name.as_bytes()].concat();
    // Only the first line is extended; others stay as they were.
    match HeaderValue::try_from(joined) {
        Ok(joined) if headers.get_all(VARY).iter().nth(1).is_none() => {
            drop(headers.insert(VARY, joined))
        }
        _ => drop(headers.append(VARY, name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varied(before: &[&'static str], name: &'static str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for value in before {
            headers.append(VARY, HeaderValue::from_static(value));
        }
        vary(&mut headers, &HeaderValue::from_static(name));
        headers
            .get_all(VARY)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn vary_names_each_header_once() {
        assert_eq!(varied(&[], "Origin"), ["Origin"]);
        assert_eq!(varied(&["Accept"], "Origin"), ["Accept, Origin"]);
        assert_eq!(varied(&["accept, ORIGIN"], "Origin"), ["accept, ORIGIN"]);
        assert_eq!(varied(&["*"], "Origin"), ["*"]);
        assert_eq!(varied(&["a", "b"], "Origin"), ["a", "b", "Origin"]);
        assert_eq!(varied(&["a", "Origin"], "Origin"), ["a", "Origin"]);
    }
}
