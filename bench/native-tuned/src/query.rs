//! Percent-decoding and the query of a URL. What is no valid escape or no UTF-8 is an error.

use std::borrow::Cow;

#[derive(Debug, PartialEq)]
pub(crate) struct Broken;

/// The parameters of the list; each may be given once.
#[derive(Default)]
pub(crate) struct ListQuery<'a> {
    pub(crate) entity_ref: Once<'a>,
    pub(crate) limit: Once<'a>,
    pub(crate) after: Once<'a>,
}

#[derive(Default)]
pub(crate) enum Once<'a> {
    #[default]
    Absent,
    Given(Cow<'a, str>),
    Repeated,
}

impl<'a> ListQuery<'a> {
    /// Parameters that are not the list's are checked for broken escapes like the others.
    pub(crate) fn parse(query: &'a str) -> Result<Self, Broken> {
        let mut found = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name, true)?, decode(value, true)?);
            let parameter = match &*name {
                "entityRef" => &mut found.entity_ref,
                "limit" => &mut found.limit,
                "after" => &mut found.after,
                _ => continue,
            };
            *parameter = match parameter {
                Once::Absent => Once::Given(value),
                _ => Once::Repeated,
            };
        }
        Ok(found)
    }
}

/// `form`: a plus is a space.
pub(crate) fn decode(text: &str, form: bool) -> Result<Cow<'_, str>, Broken> {
    if !(text.contains('%') || (form && text.contains('+'))) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (pair, after) = rest.split_first_chunk::<2>().ok_or(Broken)?;
                let mut value = [0];
                hex::decode_to_slice(pair, &mut value).map_err(|_| Broken)?;
                decoded.extend_from_slice(&value);
                rest = after;
            }
            b'+' if form => decoded.push(b' '),
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Broken)
}

/// Appends a value as a form has it.
pub(crate) fn encode(text: &str, encoded: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                encoded.push(byte)
            }
            b' ' => encoded.push(b'+'),
            _ => encoded.extend_from_slice(&[
                b'%',
                b"0123456789ABCDEF"[usize::from(byte >> 4)],
                b"0123456789ABCDEF"[usize::from(byte & 15)],
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_strictly() {
        assert_eq!(decode("a%2Fb+c", false).as_deref(), Ok("a/b+c"));
        assert_eq!(decode("a+b%2B%C3%A4", true).as_deref(), Ok("a b+ä"));
        for bad in ["%", "%4", "%zz", "%+1", "%FF", "%4ä"] {
            assert_eq!(decode(bad, false), Err(Broken), "{bad}");
        }
        let mut encoded = Vec::new();
        encode("a b+ä&=%/:*", &mut encoded);
        assert_eq!(encoded, b"a+b%2B%C3%A4%26%3D%25%2F%3A*");
    }

    #[test]
    fn parameters_are_given_once() {
        let query = ListQuery::parse("x=1&limit=5&&entityRef=a%3Ab&after=1&%61fter=2").unwrap();
        assert!(matches!(query.limit, Once::Given(limit) if limit == "5"));
        assert!(matches!(query.entity_ref, Once::Given(entity) if entity == "a:b"));
        assert!(matches!(query.after, Once::Repeated));
        assert!(ListQuery::parse("x=%zz").is_err());
    }
}
