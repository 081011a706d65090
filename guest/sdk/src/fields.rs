//! Field lines (RFC 9112 5): `name: value`, each ended by CR LF.

use crate::words::{self, below, holds};
use std::borrow::Cow;

/// A text of the host's; what is no UTF-8 becomes U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    // Many times faster than the conversion below, which looks at one byte after the other.
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Where the lines end. Neither name nor value holds a CR.
pub(crate) fn ends(lines: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'\r', lines)
}

/// The lines that end there, without their CR LF.
pub(crate) fn lines(
    lines: &[u8],
    ends: impl IntoIterator<Item = usize>,
) -> impl Iterator<Item = &[u8]> {
    ends.into_iter().scan(0, |start, end| {
        let line = lines.get(*start..end);
        *start = end + 2;
        line
    })
}

/// The values of the lines with this name.
pub(crate) fn values<'a>(
    lines: &'a [u8],
    ends: impl IntoIterator<Item = usize>,
    name: &str,
) -> impl Iterator<Item = &'a [u8]> {
    let mut next = 0;
    // With a colon it is no name, and would be found within a value.
    let name = if name.contains(':') { "" } else { name };
    ends.into_iter().filter_map(move |end| {
        let start = std::mem::replace(&mut next, end + 2);
        // Before the line is cut out, which costs more: most have their colon elsewhere.
        if lines.get(start + name.len()) != Some(&b':') {
            return None;
        }
        value_of(lines.get(start..end)?, name)
    })
}

/// The value of a line with this name.
fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    if line.get(name.len()) != Some(&b':') {
        return None;
    }
    let (start, rest) = line.split_at(name.len());
    let same = start.eq_ignore_ascii_case(name.as_bytes());
    same.then(|| value(&rest[1..]))
}

/// The name and the value of a line.
pub(crate) fn parts(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..colon], value(&line[colon + 1..])))
}

/// What follows the colon.
fn value(rest: &[u8]) -> &[u8] {
    rest.strip_prefix(b" ").unwrap_or(rest)
}

/// Appends a line. False, and nothing is appended, where name or value cannot be sent: with an end of line in it the
/// value's other lines would be headers of their own, which nobody meant.
pub(crate) fn append(name: &str, value: &[u8], lines: &mut Vec<u8>) -> bool {
    let start = lines.len();
    let name_is_sound = !name.is_empty() && name.bytes().all(|byte| TOKEN[usize::from(byte)]);
    if name_is_sound {
        words::append(name.as_bytes(), lines, |_| 0);
        lines.extend_from_slice(b": ");
        if words::append(value, lines, |word| below(word, 0x20) | holds(word, 0x7f))
            || append_with_tabs(value, lines)
        {
            lines.extend_from_slice(b"\r\n");
            return true;
        }
    }
    lines.truncate(start);
    false
}

#[cold]
fn append_with_tabs(value: &[u8], lines: &mut Vec<u8>) -> bool {
    let sound = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
    let is_sound = value.iter().all(sound);
    if is_sound {
        lines.extend_from_slice(value);
    }
    is_sound
}

/// Which bytes a name may hold.
const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0;
    while byte < 128u8 {
        token[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        token[others[at] as usize] = true;
        at += 1;
    }
    token
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_and_read() {
        let mut written = Vec::new();
        for (name, value) in [
            ("content-type", &b"application/json"[..]),
            ("X-a", b""),
            ("x-b", b" a\tb: \xff "),
            ("!#$%&'*+-.^_`|~9", b"c"),
        ] {
            assert!(append(name, value, &mut written), "{name}");
        }
        let expected = b"content-type: application/json\r\nX-a: \r\nx-b:  a\tb: \xff \r\n!#$%&'*+-.^_`|~9: c\r\n";
        assert_eq!(written, expected);
        let read: Vec<_> = lines(&written, ends(&written)).collect();
        assert_eq!(parts(read[2]), Some((&b"x-b"[..], &b" a\tb: \xff "[..])));
        let value = |name: &str| values(&written, ends(&written), name).next();
        assert_eq!(value("x-A"), Some(&b""[..]));
        assert_eq!(value("x-b"), Some(&b" a\tb: \xff "[..]));
        // There is a colon that far on, but in the next line.
        assert_eq!(value("X-a: \r\nx-b"), None);
        assert_eq!(value("x-"), None);
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let mut written = b"a: b\r\n".to_vec();
        for name in ["", "a b", "a:", "ä", "a\r", "a\n", "(", "\u{7f}"] {
            assert!(!append(name, b"c", &mut written), "{name:?}");
        }
        for bad in (0..0x20).chain([0x7f]).filter(|bad| *bad != b'\t') {
            for at in 0..20 {
                let mut value = [b'v'; 20];
                value[at] = bad;
                assert!(!append("a", &value, &mut written), "{bad} at {at}");
                assert!(!append("a", &value[at..], &mut written), "{bad}");
            }
        }
        assert_eq!(written, b"a: b\r\n");
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        assert_eq!(text("aä".as_bytes()), "aä");
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
    }
}
