//! Reading header values: lists, media types.

use http::HeaderValue;

/// The elements of a comma-separated list of tokens, without the space around them. Empty ones are left out.
pub(super) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// Whether a list holds a token, in any case.
pub(super) fn holds(value: &HeaderValue, token: &str) -> bool {
    tokens(value).any(|held| held.eq_ignore_ascii_case(token.as_bytes()))
}

/// Types outside `text/` that shrink, all lower case. Images, archives, audio and video are compressed already.
const COMPRESSIBLE: [&[u8]; 21] = [
    b"application/json",
    b"application/javascript",
    b"application/x-javascript",
    b"application/ecmascript",
    b"application/xml",
    b"application/xml-dtd",
    b"application/graphql",
    b"application/ndjson",
    b"application/x-ndjson",
    b"application/jsonl",
    b"application/x-www-form-urlencoded",
    b"application/yaml",
    b"application/x-yaml",
    b"application/toml",
    b"application/rtf",
    b"application/sql",
    b"application/wasm",
    b"application/vnd.ms-fontobject",
    b"font/ttf",
    b"font/otf",
    b"image/bmp",
];

/// Whether a body of this `Content-Type` is worth compressing.
pub(super) fn is_compressible(content_type: &HeaderValue) -> bool {
    let bytes = content_type.as_bytes();
    let end = bytes
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(bytes.len());
    let essence = bytes[..end].trim_ascii();
    let starts = |prefix: &[u8]| {
        essence
            .get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    let ends = |suffix: &[u8]| {
        essence.len() > suffix.len()
            && essence[essence.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    };
    if starts(b"text/") {
        // Events must leave one by one; no compressor may hold them back.
        return !essence.eq_ignore_ascii_case(b"text/event-stream");
    }
    COMPRESSIBLE
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
        || [&b"+json"[..], b"+xml", b"+yaml", b"+text"]
            .into_iter()
            .any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_its_kin_are_compressible() {
        for yes in [
            "application/json; charset=utf-8",
            "Text/HTML",
            "text/plain;charset=utf-8",
            "application/problem+json",
            "image/svg+xml",
            "APPLICATION/JSON ",
            "application/wasm",
        ] {
            assert!(is_compressible(&HeaderValue::from_static(yes)), "{yes}");
        }
        for no in [
            "text/event-stream",
            "Text/Event-Stream; x",
            "image/png",
            "application/gzip",
            "",
            "+json",
            "json",
        ] {
            assert!(!is_compressible(&HeaderValue::from_static(no)), "{no}");
        }
    }

    #[test]
    fn lists_are_split_and_trimmed() {
        let list = HeaderValue::from_static(" a ,, B\t,c");
        assert_eq!(tokens(&list).collect::<Vec<_>>(), [b"a", b"B", b"c"]);
        assert!(holds(&list, "b") && !holds(&list, "d"));
    }
}
