//! Bodies too large to collect: an answer that goes out while its guest writes it, and the errors of a request's body.

use super::{BodyError, Error, build::Build, call::Guest, gate::Place};
use crate::auth::Caller;
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
    caller: Caller,
    begun: Option<Bytes>,
    rest: HyperOutgoingBody,
    running: Option<Guest>,
    /// `limits.chunkTimeout` without a chunk, or `limits.streamTimeout` for the whole.
    bound: Pin<Box<Sleep>>,
    by: Instant,
    place: Option<Place>,
    /// Bytes that its content-length promises and that are still to come.
    promised: Option<u64>,
}

impl Streamed {
    pub(super) fn new(
        build: Arc<Build>,
        caller: Caller,
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
            caller,
            begun: Some(begun),
            rest,
            running,
            bound,
            by,
            place: Some(place),
            promised: None,
        }
    }

    /// Holds the body to the length that its head says, which the client's side might cut it to.
    pub(super) fn promising(mut self, length: Option<u64>) -> Self {
        self.promised = length;
        self
    }

    /// A piece goes out.
    fn count(&mut self, piece: &Bytes) -> Result<(), BodyError> {
        let Some(left) = &mut self.promised else {
            return Ok(());
        };
        match left.checked_sub(piece.len() as u64) {
            Some(rest) => *left = rest,
            None => return Err(self.broken("its body is longer than its content-length says")),
        }
        Ok(())
    }

    /// Nobody asks for more than was promised, and the guest may have yet to return.
    fn end_if_all_is_out(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        if self.promised == Some(0) {
            self.drive_guest(cx)?;
            self.finish_later();
        }
        Ok(())
    }

    fn broken(&self, what: &str) -> BodyError {
        tracing::error!(
            plugin = %self.build.plugin, build = %self.build.id.short(), request = &*self.caller.request,
            principal = self.caller.principal.name(), what, "plugin gave no valid answer"
        );
        Box::new(Error::BadAnswer)
    }

    fn drive_guest(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        if let Some(guest) = self.running.as_mut()
            && let Poll::Ready(end) = Pin::new(guest).poll(cx)
        {
            self.running = None;
            self.build.pool.put(end.map_err(|dead| dead.error)?);
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
            this.count(&begun)?;
            this.end_if_all_is_out(cx)?;
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
            Some(Ok(frame)) if frame.is_data() => {
                let counted = frame.data_ref().map_or(Ok(()), |piece| this.count(piece));
                counted.and_then(|()| this.end_if_all_is_out(cx))?;
                Some(Ok(frame))
            }
            None | Some(Ok(_)) if this.promised.is_some_and(|left| left > 0) => Some(Err(
                this.broken("its body is shorter than its content-length says")
            )),
            // Trailers are not passed on; nothing follows them.
            None | Some(Ok(_)) => {
                this.finish_later();
                None
            }
            Some(Err(error)) => Some(Err(Box::new(error))),
        })
    }
}
