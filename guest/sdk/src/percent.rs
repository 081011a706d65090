//! Percent-decoding, strict: what is no valid escape or no UTF-8 is an error, never a guess.

use std::borrow::Cow;

/// The text is no valid percent-encoded UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// Decodes one segment of a path: `%41` is `A`, `+` stays.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, Broken> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    bytes(text, |byte| byte).map(Cow::Owned)
}

/// Decodes a name or value of a form-urlencoded query: as [`decode`], and `+` is a space.
pub(crate) fn decode_form(text: &str) -> Result<Cow<'_, str>, Broken> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    bytes(text, |byte| if byte == b'+' { b' ' } else { byte }).map(Cow::Owned)
}

/// The opposite of [`decode_form`], appended to `encoded`.
pub(crate) fn encode_form(text: &str, encoded: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                encoded.push(byte.into())
            }
            b' ' => encoded.push('+'),
            _ => {
                let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
                encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

fn bytes(text: &str, plain: fn(u8) -> u8) -> Result<String, Broken> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (&[high, low], after) = rest.split_first_chunk().ok_or(Broken)?;
            decoded.push(digit(high)? << 4 | digit(low)?);
            rest = after;
        } else {
            decoded.push(plain(byte));
        }
    }
    String::from_utf8(decoded).map_err(|_| Broken)
}

fn digit(byte: u8) -> Result<u8, Broken> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(Broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once() {
        assert_eq!(decode("a%2Fb%20c+d").as_deref(), Ok("a/b c+d"));
        assert_eq!(decode("%2541").as_deref(), Ok("%41"));
        assert_eq!(decode("%C3%A4ä").as_deref(), Ok("ää"));
        assert_eq!(decode_form("a+b%2Bc").as_deref(), Ok("a b+c"));
        assert_eq!(decode(""), Ok(Cow::Borrowed("")));
    }

    #[test]
    fn encodes_what_it_decodes() {
        let mut encoded = String::new();
        encode_form("a b+ä&=%/:*", &mut encoded);
        assert_eq!(encoded, "a+b%2B%C3%A4%26%3D%25%2F%3A*");
        assert_eq!(decode_form(&encoded).as_deref(), Ok("a b+ä&=%/:*"));
    }

    #[test]
    fn refuses_what_is_broken() {
        for text in [
            "%",
            "%4",
            "%zz",
            "a%-1",
            "%+1",
            "%FF",
            "%C3",
            "%E2%82",
            "%ED%A0%80",
            "%4ä",
        ] {
            assert_eq!(decode(text), Err(Broken), "{text}");
            assert_eq!(decode_form(text), Err(Broken), "{text}");
        }
    }
}
