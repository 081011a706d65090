//! `Accept-Encoding` (RFC 9110 12.5.3).

use super::Coding;
use http::{HeaderMap, header::ACCEPT_ENCODING};

/// What the client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Accepted {
    pub(in crate::http) coding: Coding,
    /// `identity;q=0`: even a short body should be coded.
    pub(in crate::http) always: bool,
}

const CODINGS: [(Coding, &[&[u8]]); 3] = [
    (Coding::Brotli, &[b"br"]),
    (Coding::Zstd, &[b"zstd"]),
    (Coding::Gzip, &[b"gzip", b"x-gzip"]),
];

/// The coding the client likes best; among equals br, zstd, gzip. `None`: as it is. When it takes nothing the host has,
/// the header is ignored, as the RFC allows.
pub(in crate::http) fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let mut given: [Option<u16>; 3] = [None; 3];
    let mut identity = None;
    let mut others = None;
    for value in headers.get_all(ACCEPT_ENCODING) {
        for element in value.as_bytes().split(|byte| *byte == b',') {
            let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let Some(quality) = quality(parts) else {
                continue;
            };
            if name == b"*" {
                others = Some(quality);
            } else if name.eq_ignore_ascii_case(b"identity") {
                identity = Some(quality);
            } else if let Some(at) = CODINGS
                .iter()
                .position(|(_, names)| names.iter().any(|n| n.eq_ignore_ascii_case(name)))
            {
                given[at] = Some(quality);
            }
        }
    }
    let mut best: Option<(Coding, u16)> = None;
    for ((coding, _), quality) in CODINGS.iter().zip(given) {
        let quality = quality.or(others).unwrap_or(0);
        if quality > best.map_or(0, |(_, best)| best) {
            best = Some((*coding, quality));
        }
    }
    let (coding, quality) = best?;
    if identity.is_some_and(|identity| identity > quality) {
        return None;
    }
    Some(Accepted {
        coding,
        always: identity.or(others) == Some(0),
    })
}

/// The `q` among an element's parameters, in thousandths. `None` when it is no number of 0 to 1.
fn quality<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> Option<u16> {
    let mut quality = 1000;
    for parameter in parameters {
        let [b'q' | b'Q', rest @ ..] = parameter else {
            continue;
        };
        let digits = rest
            .trim_ascii_start()
            .strip_prefix(b"=")?
            .trim_ascii_start();
        let (whole, fraction) = match digits {
            [whole @ (b'0' | b'1')] => (whole, &[][..]),
            [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => {
                (whole, fraction)
            }
            _ => return None,
        };
        quality = u16::from(whole - b'0') * 1000;
        let mut worth = 100;
        for digit in fraction {
            if !digit.is_ascii_digit() {
                return None;
            }
            quality += u16::from(digit - b'0') * worth;
            worth /= 10;
        }
    }
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn choice(value: &str) -> Option<(Coding, bool)> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        accepted(&headers).map(|accepted| (accepted.coding, accepted.always))
    }

    #[test]
    fn the_clients_taste_decides_then_the_hosts() {
        use Coding::{Brotli, Gzip, Zstd};
        for (value, expected) in [
            ("gzip, deflate, br, zstd", Some((Brotli, false))),
            ("gzip, zstd", Some((Zstd, false))),
            ("GZIP", Some((Gzip, false))),
            ("x-gzip", Some((Gzip, false))),
            ("gzip;q=1.0, br;q=0.5", Some((Gzip, false))),
            ("br;q=0.001, gzip;q=0", Some((Brotli, false))),
            ("br ; q = 0.2 , gzip;Q=0.3", Some((Gzip, false))),
            ("*", Some((Brotli, false))),
            ("*, br;q=0", Some((Zstd, false))),
            ("gzip;q=0.5, *;q=0", Some((Gzip, true))),
            ("gzip, identity;q=0", Some((Gzip, true))),
            ("gzip;q=0.5, identity", None),
            ("gzip;q=0.5, identity;q=0.5", Some((Gzip, false))),
            ("identity", None),
            ("", None),
            ("gzip;q=0", None),
            ("*;q=0", None),
            ("deflate, compress", None),
            ("gzip;q=2, br;q=0.5", Some((Brotli, false))),
            ("gzip;q=0.0000", None),
            ("gzip;q=x", None),
        ] {
            assert_eq!(choice(value), expected, "{value:?}");
        }
        assert_eq!(accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn several_header_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("br;q=0.9"));
        assert_eq!(accepted(&headers).unwrap().coding, Coding::Gzip);
    }
}
