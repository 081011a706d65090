//! A body in one piece, or how it begins when it is too large for that.

use super::{Fault, Source};
use crate::http::kept::{Kept, Share};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

pub(super) enum Collected {
    Whole(Bytes),
    /// More than the buffer holds, and there is more to come.
    Part(Bytes),
}

/// `buffer`: bytes.
pub(super) async fn collect(
    source: &mut Source,
    buffer: usize,
    kept: &Kept,
) -> Result<Collected, Fault> {
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    let mut share = kept.share();
    while let Some(frame) = source.frame().await {
        // Trailers are not passed on.
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if first.is_empty() {
            first = data;
        } else {
            if more.is_empty() {
                more.reserve((first.len() + data.len()).max(source.expected(buffer)));
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
        if !share.grow_to(first.len().max(more.capacity())) {
            return Err(Fault::Crowded);
        }
        if first.len().max(more.len()) > buffer {
            return Ok(Collected::Part(joined(first, more, share)));
        }
    }
    Ok(Collected::Whole(joined(first, more, share)))
}

fn joined(first: Bytes, more: BytesMut, share: Share) -> Bytes {
    share.with(if more.is_empty() {
        first
    } else {
        more.freeze()
    })
}
