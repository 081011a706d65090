//! Compression of answers: which coding the client gets, and the encoders.

mod coder;
mod negotiate;

pub(super) use coder::{Compressed, whole};
pub(super) use negotiate::{Accepted, accepted};

use http::HeaderValue;

/// Bodies below this leave as they are: they fit one packet anyway.
pub(super) const SMALLEST: u64 = 1024;

/// A content coding, in the host's order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

impl Coding {
    pub(super) fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        })
    }
}
