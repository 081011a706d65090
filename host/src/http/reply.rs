//! The body of an answer on its way to hyper.

use super::compress::Compressed;
use crate::plugin;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A body that hyper writes together with the head, or a stream.
pub(super) enum Reply {
    /// Empty when there is none.
    Whole(Bytes),
    Stream(plugin::Body),
    Compressed(Box<Compressed>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = plugin::BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
            Self::Compressed(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
            Self::Compressed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            // A content-length that the plugin gave is in the head, and hyper holds the stream to it.
            Self::Stream(_) | Self::Compressed(_) => SizeHint::new(),
        }
    }
}
