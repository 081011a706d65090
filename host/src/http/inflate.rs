//! Request bodies in gzip or deflate, inflated piece by piece, so that a bomb is stopped at the body limit and not after.

use super::error::Refusal;
use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};
use http::{HeaderMap, header::CONTENT_ENCODING};

/// What one step yields at most, bytes.
const STEP: usize = 16 << 10;
/// The largest window there is, as a power of two.
const WINDOW: u8 = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// zlib by the book; raw deflate from clients that never read it.
    Deflate,
}

/// The coding that `Content-Encoding` names; `None` for a body as it is.
pub(super) fn coding(headers: &HeaderMap) -> Result<Option<Coding>, Refusal> {
    let mut coding = None;
    for name in headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(super::media::tokens)
    {
        let this = match name.to_ascii_lowercase().as_slice() {
            b"identity" => continue,
            b"gzip" | b"x-gzip" => Coding::Gzip,
            b"deflate" => Coding::Deflate,
            _ => return Err(Refusal::UnknownCoding),
        };
        // Coded twice: nobody does that but to hide a bomb.
        if coding.replace(this).is_some() {
            return Err(Refusal::UnknownCoding);
        }
    }
    Ok(coding)
}

/// The body is not what its coding says, or ends too early.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

pub(super) struct Inflate {
    coding: Coding,
    /// Made when the first byte tells zlib from raw deflate.
    state: Option<Decompress>,
    input: Bytes,
    /// The last step filled its space: more may be waiting inside.
    full: bool,
    /// The coded stream has ended.
    ended: bool,
}

impl Inflate {
    pub(super) fn new(coding: Coding) -> Self {
        Self {
            coding,
            state: None,
            input: Bytes::new(),
            full: false,
            ended: false,
        }
    }

    /// Takes the next piece of the coded body. All of the last one was inflated: `next` said so.
    pub(super) fn feed(&mut self, input: Bytes) {
        self.input = input;
    }

    /// The next piece of the body, at most 16 KiB; `None` when more input is needed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Corrupt> {
        loop {
            if self.ended {
                if self.input.is_empty() {
                    return Ok(None);
                }
                // A gzip body may have several members; after deflate nothing may follow.
                if self.coding == Coding::Deflate {
                    return Err(Corrupt);
                }
                self.state = None;
                self.ended = false;
            }
            if self.input.is_empty() && !self.full {
                return Ok(None);
            }
            let coding = self.coding;
            let first = self.input.first().copied().unwrap_or_default();
            let state = self.state.get_or_insert_with(|| start(coding, first));
            let (read, written) = (state.total_in(), state.total_out());
            let mut piece = Vec::with_capacity(STEP);
            let status = state
                .decompress_vec(&self.input, &mut piece, FlushDecompress::None)
                .map_err(|_| Corrupt)?;
            let read = usize::try_from(state.total_in() - read).map_err(|_| Corrupt)?;
            let stuck = read == 0 && state.total_out() == written && status != Status::StreamEnd;
            self.input.advance(read);
            self.full = piece.len() == piece.capacity();
            self.ended = status == Status::StreamEnd;
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
            if stuck {
                return if self.input.is_empty() {
                    Ok(None)
                } else {
                    Err(Corrupt)
                };
            }
        }
    }

    /// The input is over: was it whole?
    pub(super) fn end(&self) -> Result<(), Corrupt> {
        if self.ended { Ok(()) } else { Err(Corrupt) }
    }
}

fn start(coding: Coding, first: u8) -> Decompress {
    match coding {
        Coding::Gzip => Decompress::new_gzip(WINDOW),
        // A zlib stream starts with method 8 and a window of at most 32 KiB.
        Coding::Deflate => Decompress::new(first & 0x0f == 8 && first >> 4 <= 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use http::HeaderValue;
    use std::io::Write;

    fn inflate(coding: Coding, coded: &[u8], piece: usize) -> Result<Vec<u8>, Corrupt> {
        let mut inflate = Inflate::new(coding);
        let mut text = Vec::new();
        for input in coded.chunks(piece) {
            inflate.feed(Bytes::copy_from_slice(input));
            while let Some(piece) = inflate.next()? {
                assert!(piece.len() <= STEP * 2);
                text.extend_from_slice(&piece);
            }
        }
        inflate.end().map(|()| text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn all_forms_inflate_however_they_are_cut() {
        for text in [
            b"".to_vec(),
            b"{\"title\":\"x\"}".to_vec(),
            vec![b'a'; 100_000],
            vec![b'a'; STEP],
        ] {
            for piece in [1, 7, 1 << 20] {
                assert_eq!(inflate(Coding::Gzip, &gzip(&text), piece).unwrap(), text);
                assert_eq!(inflate(Coding::Deflate, &zlib(&text), piece).unwrap(), text);
                assert_eq!(inflate(Coding::Deflate, &raw(&text), piece).unwrap(), text);
            }
        }
    }

    #[test]
    fn gzip_members_follow_each_other() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        for piece in [1, two.len()] {
            assert_eq!(inflate(Coding::Gzip, &two, piece).unwrap(), b"one two");
        }
    }

    #[test]
    fn broken_bodies_are_corrupt() {
        let text = b"some text that is long enough to be coded, coded, coded";
        for (coding, coded) in [
            (Coding::Gzip, gzip(text)),
            (Coding::Deflate, zlib(text)),
            (Coding::Deflate, raw(text)),
        ] {
            for cut in [0, 1, 5, coded.len() - 1] {
                assert_eq!(
                    inflate(coding, &coded[..cut], 1000),
                    Err(Corrupt),
                    "{coding:?} {cut}"
                );
            }
            let trailing = [&coded[..], b"x"].concat();
            assert_eq!(inflate(coding, &trailing, 1000), Err(Corrupt), "{coding:?}");
        }
        let mut wrong_sum = gzip(text);
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        assert_eq!(inflate(Coding::Gzip, &wrong_sum, 1000), Err(Corrupt));
        assert_eq!(
            inflate(Coding::Gzip, b"{\"not\":\"gzip\"}", 1000),
            Err(Corrupt)
        );
    }

    #[test]
    fn a_bomb_comes_out_in_pieces() {
        let bomb = gzip(&vec![0; 50 << 20]);
        let mut inflate = Inflate::new(Coding::Gzip);
        inflate.feed(bomb.into());
        for _ in 0..10 {
            assert!(inflate.next().unwrap().unwrap().len() <= STEP * 2);
        }
    }

    #[test]
    fn only_gzip_and_deflate_are_known() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            coding(&headers)
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["identity"]), Ok(None));
        assert_eq!(of(&["GZIP"]), Ok(Some(Coding::Gzip)));
        assert_eq!(of(&["x-gzip"]), Ok(Some(Coding::Gzip)));
        assert_eq!(of(&["identity, deflate"]), Ok(Some(Coding::Deflate)));
        for bad in [
            &["br"][..],
            &["zstd"],
            &["gzip, gzip"],
            &["gzip", "deflate"],
            &["gzip;q=1"],
        ] {
            assert_eq!(of(bad), Err(Refusal::UnknownCoding), "{bad:?}");
        }
    }
}
