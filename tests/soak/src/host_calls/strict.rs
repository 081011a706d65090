//! One answer's bytes, by the letter of RFC 9112. More than a client would look at, and less forgiving.

/// How an answer ended that holds to the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All of it is there.
    Whole,
    /// The connection closed within the body, so that a client sees that it is not whole.
    Broken,
    /// Nothing came.
    Closed,
}

/// All that came on a connection that carried one GET, until it was closed. The answer's status, 0 where none came.
pub(super) fn check(bytes: &[u8]) -> Result<(u16, End), String> {
    if bytes.is_empty() {
        return Ok((0, End::Closed));
    }
    let (head, body) = split(bytes, b"\r\n\r\n").ok_or("the head has no end")?;
    let mut lines = lines(head);
    let status = status(lines.next().unwrap_or_default())?;
    let mut length = None;
    let mut chunked = false;
    for line in lines {
        let (name, value) = field(line)?;
        match &*name {
            "content-length" if length.is_some() => return Err("two lengths".into()),
            "content-length" => length = Some(number(value, 10)?),
            "transfer-encoding" if chunked => return Err("two encodings".into()),
            "transfer-encoding" if value == b"chunked" => chunked = true,
            "connection" if value.eq_ignore_ascii_case(b"close") => {}
            "transfer-encoding" | "connection" | "upgrade" | "keep-alive" | "te" | "trailer"
            | "proxy-connection" | "proxy-authenticate" | "x-injected" => {
                return Err(format!("{name}: {}", value.escape_ascii()));
            }
            name if name.starts_with("x-greenroom-") => return Err(name.to_owned()),
            _ => {}
        }
    }
    let end = match (length, chunked) {
        _ if matches!(status, 204 | 205 | 304) => {
            if chunked || !body.is_empty() || (status == 204 && length.is_some()) {
                return Err(format!("a body with {status}"));
            }
            End::Whole
        }
        (Some(_), true) => return Err("a length and chunks".into()),
        (None, true) => chunks(body)?,
        (Some(length), false) if body.len() > length => return Err("more than its length".into()),
        (Some(length), false) if body.len() < length => End::Broken,
        (Some(_), false) => End::Whole,
        (None, false) => return Err("neither a length nor chunks".into()),
    };
    Ok((status, end))
}

/// How what lies behind the head begins, as text: all of a short answer that has a length.
pub(super) fn body(bytes: &[u8]) -> String {
    let (_, body) = split(bytes, b"\r\n\r\n").unwrap_or_default();
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}

fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let start = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..start], &bytes[start + at.len()..]))
}

fn lines(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let (line, after) = split(rest, b"\r\n").unwrap_or_else(|| {
            done = true;
            (rest, b"")
        });
        rest = after;
        Some(line)
    })
}

fn status(line: &[u8]) -> Result<u16, String> {
    let bad = || format!("a status line: {}", line.escape_ascii());
    let rest = line.strip_prefix(b"HTTP/1.1 ").ok_or_else(bad)?;
    let (code, reason) = rest.split_at_checked(3).ok_or_else(bad)?;
    let code = number(code, 10).map_err(|_| bad())?;
    let reason = reason.strip_prefix(b" ").ok_or_else(bad)?;
    let code = u16::try_from(code).map_err(|_| bad())?;
    // Nobody asked for an upgrade, or for a 100.
    if !(200..600).contains(&code) || !reason.iter().all(|byte| is_text(*byte)) {
        return Err(bad());
    }
    Ok(code)
}

/// Its name in lower case, its value without white space around it.
fn field(line: &[u8]) -> Result<(String, &[u8]), String> {
    let bad = || format!("a field line: {}", line.escape_ascii());
    let (name, value) = split(line, b":").ok_or_else(bad)?;
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(token) || !value.iter().all(|byte| is_text(*byte)) {
        return Err(bad());
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Ok((name, value.trim_ascii()))
}

/// No control character, so no CR, LF or NUL.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Digits alone.
fn number(digits: &[u8], radix: u32) -> Result<usize, String> {
    let text = str::from_utf8(digits).unwrap_or_default();
    let good = !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    let number = usize::from_str_radix(text, radix).ok().filter(|_| good);
    number.ok_or_else(|| format!("a number: {}", digits.escape_ascii()))
}

fn chunks(mut rest: &[u8]) -> Result<End, String> {
    loop {
        let Some((size, after)) = split(rest, b"\r\n") else {
            return Ok(End::Broken);
        };
        let size = number(size, 16)?;
        if size == 0 {
            return trailers(after);
        }
        if after.len() < size + 2 {
            return Ok(End::Broken);
        }
        rest = after[size..]
            .strip_prefix(b"\r\n")
            .ok_or("a chunk has no end")?;
    }
}

fn trailers(rest: &[u8]) -> Result<End, String> {
    if rest == b"\r\n" {
        return Ok(End::Whole);
    }
    let (fields, after) = split(rest, b"\r\n\r\n").ok_or("the last chunk has no end")?;
    if !after.is_empty() {
        return Err("bytes behind the answer".into());
    }
    for line in lines(fields) {
        let (name, _) = field(line)?;
        if matches!(&*name, "content-length" | "transfer-encoding")
            || name.starts_with("x-greenroom-")
        {
            return Err(format!("{name} in the trailers"));
        }
    }
    Ok(End::Whole)
}

#[cfg(test)]
mod tests {
    use super::{End, body, check};

    #[test]
    fn the_body_is_what_lies_behind_the_head() {
        assert_eq!(
            body(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n15"),
            "15"
        );
        assert_eq!(body(b"HTTP/1.1 200 OK\r\n"), "");
        assert_eq!(body(b""), "");
    }

    #[test]
    fn what_is_right_passes() {
        for (answer, wanted) in [
            ("", (0, End::Closed)),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nA:\r\n\r\nab",
                (200, End::Whole),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
                (200, End::Broken),
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", (204, End::Whole)),
            (
                "HTTP/1.1 502 \r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
                (502, End::Whole),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nA\r\n01234",
                (200, End::Broken),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n",
                (200, End::Whole),
            ),
        ] {
            assert_eq!(check(answer.as_bytes()), Ok(wanted), "{answer:?}");
        }
    }

    #[test]
    fn what_is_wrong_does_not() {
        for answer in [
            "H",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n",
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 101 Switching\r\n\r\n",
            "HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na",
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nab",
            "HTTP/1.1 200 OK\r\na b: c\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\rc\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\nc: d\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\0\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx-injected: 1\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\ncontent-length: 1\r\n\r\na",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxy\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 1\r\n\r\n",
        ] {
            assert!(check(answer.as_bytes()).is_err(), "{answer:?}");
        }
    }
}
