//! Entity tags.

use bytes::Bytes;
use http::HeaderValue;
use xxhash_rust::{xxh3::xxh3_128, xxh64::xxh64};

/// The strong tag of one item: the XXH64 of its JSON.
pub(crate) fn strong(json: &[u8]) -> HeaderValue {
    let mut tag = [b'"'; 18];
    // The space is as long as the digits.
    let _ = hex::encode_to_slice(xxh64(json, 0).to_be_bytes(), &mut tag[1..17]);
    value(tag.to_vec())
}

/// The weak tag of a body without one: its length and its XXH3.
pub(crate) fn weak(body: &[u8]) -> HeaderValue {
    let mut digits = [0; 32];
    let _ = hex::encode_to_slice(xxh3_128(body).to_be_bytes(), &mut digits);
    let mut tag = Vec::with_capacity(56);
    tag.extend_from_slice(b"W/\"");
    hexadecimal(body.len(), &mut tag);
    tag.push(b'-');
    tag.extend_from_slice(&digits);
    tag.push(b'"');
    value(tag)
}

/// Without leading zeros.
fn hexadecimal(number: usize, text: &mut Vec<u8>) {
    let digits = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        text.push(b"0123456789abcdef"[number >> (place * 4) & 15]);
    }
}

fn value(tag: Vec<u8>) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(tag)).unwrap_or(HeaderValue::from_static("W/\"0\""))
}

/// Whether an `If-None-Match` names this tag, by weak comparison, or is `*`.
pub(crate) fn matches(if_none_match: &[HeaderValue], tag: &HeaderValue) -> bool {
    let Some((wanted, _)) = opaque(tag.as_bytes()) else {
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

    #[test]
    fn tags_are_those_of_greenroom() {
        assert_eq!(weak(b""), "W/\"0-99aa06d3014798d86001c324468d497f\"");
        let long = [b'a'; 0x1_2345];
        let expected = format!("W/\"12345-{:032x}\"", xxh3_128(&long));
        assert_eq!(weak(&long), expected.as_str());
        assert_eq!(strong(b"abc"), "\"44bc2cf5ad770999\"");
    }

    #[test]
    fn comparison_is_weak_and_reads_lists() {
        let held = |value| {
            matches(
                &[HeaderValue::from_static(value)],
                &HeaderValue::from_static("W/\"a\""),
            )
        };
        for yes in ["*", "\"a\"", "W/\"a\"", "\"x,\", W/\"a\""] {
            assert!(held(yes), "{yes}");
        }
        for no in ["", "a", "\"b\"", "junk, \"a\"", "*, \"b\""] {
            assert!(!held(no), "{no}");
        }
    }
}
