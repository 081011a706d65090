//! Bodies too large to collect: an answer that goes out while its guest writes it, and the errors of a request's body.

use super::{BodyError, Error, build::Build, call::Guest, gate::Place};
use bytes::Bytes;
use http_body::{Body, Frame};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};
use tokio::time::Sleep;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// What a guest learns when its request's body breaks off. The body's own error says which it was.
pub(super) fn request_error(error: BodyError) -> wasmtime_wasi_http::Error {
    match error.downcast_ref::<Error>() {
        Some(Error::BodyTooLarge) => wasmtime_wasi_http::Error::HttpRequestBodySize(None),
        Some(Error::TimedOut) => wasmtime_wasi_http::Error::ConnectionReadTimeout,
        _ => wasmtime_wasi_http::Error::ConnectionTerminated,
    }
}

/// Yields what was collected, then what the guest writes; drives the guest itself, so that a client that goes away takes
/// the guest with it. An error aborts the connection: the client sees a broken body, never a clean end.
pub(super) struct Streamed {
    build: Arc<Build>,
    begun: Option<Bytes>,
    rest: HyperOutgoingBody,
    running: Option<Guest>,
    /// `limits.chunkTimeout` without a chunk, or `limits.streamTimeout` for the whole.
    bound: Pin<Box<Sleep>>,
    by: Instant,
    place: Option<Place>,
}

impl Streamed {
    pub(super) fn new(
        build: Arc<Build>,
        begun: Bytes,
        rest: HyperOutgoingBody,
        running: Option<Guest>,
        by: Instant,
        place: Place,
    ) -> Self {
        let first = by.min(Instant::now() + build.limits.chunk_timeout);
        let bound = Box::pin(tokio::time::sleep_until(first.into()));
        Self {
            build,
            begun: Some(begun),
            rest,
            running,
            bound,
            by,
            place: Some(place),
        }
    }

    fn drive_guest(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        if let Some(guest) = self.running.as_mut()
            && let Poll::Ready(end) = guest.as_mut().poll(cx)
        {
            self.running = None;
            self.build.pool.put(end?);
        }
        Ok(())
    }

    /// The body has ended and the guest still works: it may until the deadline, without the client.
    fn finish_later(&mut self) {
        let (Some(guest), place) = (self.running.take(), self.place.take()) else {
            return;
        };
        let (build, by) = (self.build.clone(), self.by);
        tokio::spawn(async move {
            if let Ok(Ok(instance)) = tokio::time::timeout_at(by.into(), guest).await {
                build.pool.put(instance);
            }
            drop(place);
        });
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(begun) = this.begun.take() {
            return Poll::Ready(Some(Ok(Frame::data(begun))));
        }
        this.drive_guest(cx)?;
        let frame = match Pin::new(&mut this.rest).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(this.bound.as_mut().poll(cx));
                return Poll::Ready(Some(Err(Box::new(Error::TimedOut))));
            }
        };
        let next = this
            .by
            .min(Instant::now() + this.build.limits.chunk_timeout);
        this.bound.as_mut().reset(next.into());
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_data() => Some(Ok(frame)),
            // Trailers are not passed on; nothing follows them.
            None | Some(Ok(_)) => {
                this.finish_later();
                None
            }
            Some(Err(error)) => Some(Err(Box::new(error))),
        })
    }
}
