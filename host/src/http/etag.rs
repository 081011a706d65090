//! Entity tags: made for answers that have none, compared with what the client holds.

use http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128;

/// A weak tag of a body. XXH3 is specified and takes no seed here: every host makes the same tag of the same bytes, after
/// restarts as well. It need not resist an attacker, who could only make his own answers look alike.
pub(super) fn of(body: &[u8]) -> HeaderValue {
    let (mut length, mut hash) = ([0; 16], [0; 32]);
    // Neither fails: there is space for all digits.
    let _ = hex::encode_to_slice((body.len() as u64).to_be_bytes(), &mut length);
    let _ = hex::encode_to_slice(xxh3_128(body).to_be_bytes(), &mut hash);
    let zeros = length[..15].iter().take_while(|digit| **digit == b'0');
    let length = &length[zeros.count()..];
    HeaderValue::try_from([b"W/\"", length, b"-", &hash, b"\""].concat())
        .unwrap_or(HeaderValue::from_static("W/\"0\""))
}

/// The weak form of a tag. What is no tag stays as it is.
pub(super) fn weakened(tag: &HeaderValue) -> HeaderValue {
    if !tag.as_bytes().starts_with(b"\"") {
        return tag.clone();
    }
    let mut text = Vec::with_capacity(tag.len() + 2);
    text.extend_from_slice(b"W/");
    text.extend_from_slice(tag.as_bytes());
    HeaderValue::try_from(text).unwrap_or_else(|_| tag.clone())
}

/// Whether an `If-None-Match` names this tag, by weak comparison (RFC 9110 8.8.3.2), or is `*`.
pub(super) fn matches(if_none_match: &[HeaderValue], tag: &HeaderValue) -> bool {
    let Some(wanted) = opaque(tag.as_bytes()).map(|(opaque, _)| opaque) else {
        return false;
    };
    if_none_match.iter().any(|value| {
        let mut rest = value.as_bytes().trim_ascii();
        if rest == b"*" {
            return true;
        }
        loop {
            // Tags may hold commas, so the list cannot be split first.
            while let [b' ' | b'\t' | b',', after @ ..] = rest {
                rest = after;
            }
            match opaque(rest) {
                Some((held, _)) if held == wanted => return true,
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
    })
}

/// The text between the quotes of the tag at the start, and what follows the tag.
fn opaque(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let quoted = text
        .strip_prefix(b"W/")
        .unwrap_or(text)
        .strip_prefix(b"\"")?;
    let end = quoted.iter().position(|byte| *byte == b'"')?;
    Some((&quoted[..end], &quoted[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(values: &[&'static str], tag: &'static str) -> bool {
        let values: Vec<_> = values
            .iter()
            .map(|value| HeaderValue::from_static(value))
            .collect();
        matches(&values, &HeaderValue::from_static(tag))
    }

    #[test]
    fn a_tag_depends_on_the_bytes_alone() {
        assert_eq!(of(b"[]"), format!("W/\"2-{:032x}\"", xxh3_128(b"[]")));
        let long = [7; 0x1f0a];
        assert_eq!(of(&long), format!("W/\"1f0a-{:032x}\"", xxh3_128(&long)));
        assert_eq!(of(b""), "W/\"0-99aa06d3014798d86001c324468d497f\"");
        assert_ne!(of(b"a"), of(b"b"));
    }

    #[test]
    fn comparison_is_weak_and_reads_lists() {
        assert!(held(&["\"a\""], "\"a\""));
        assert!(held(&["W/\"a\""], "\"a\""));
        assert!(held(&["\"a\""], "W/\"a\""));
        assert!(held(&["\"x\", W/\"y,\" ,\"a\""], "\"a\""));
        assert!(held(&["\"y,z\""], "\"y,z\""));
        assert!(held(&["\"x\"", "\"a\""], "\"a\""));
        assert!(held(&[" * "], "\"a\""));
        assert!(held(&["\"\""], "\"\""));
    }

    #[test]
    fn what_is_no_match_is_none() {
        for bad in [
            "\"b\"",
            "a",
            "w/\"a\"",
            "\"a",
            "",
            "\"A\"",
            "\"*\"",
            "junk, \"a\"",
            "*, \"b\"",
        ] {
            assert!(!held(&[bad], "\"a\""), "{bad}");
        }
        assert!(!held(&[], "\"a\""));
        assert!(!held(&["*"], "no tag"));
    }

    #[test]
    fn weakening_is_done_once() {
        assert_eq!(weakened(&HeaderValue::from_static("\"a\"")), "W/\"a\"");
        assert_eq!(weakened(&HeaderValue::from_static("W/\"a\"")), "W/\"a\"");
        assert_eq!(weakened(&HeaderValue::from_static("junk")), "junk");
    }
}
