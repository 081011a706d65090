//! A connection that is small while it is idle. hyper has two buffers of 8 KiB and room for a request for as long as it
//! lives, so it is taken out of a connection that has nothing to do, and comes back with the next input.

use super::socket::{Socket, Watch};
use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, Connection},
    service::{HttpService, service_fn},
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};
use tokio::io::AsyncWrite;

type BoxError = Box<dyn Error + Send + Sync>;

/// While no more connections than this have a hyper (25 KB each), one keeps it until it has been quiet for a while.
/// While there are more, whoever falls idle gives it up at once, which costs it 3 us a request: what many clients use
/// at the same time, if only for a moment, the allocator never gives back to the system.
const LEISURE: usize = 1024;
/// Connections of this process that have a hyper.
static AWAKE: AtomicUsize = AtomicUsize::new(0);

/// One connection, with hyper or without.
pub(super) struct Line<S: HttpService<Incoming>> {
    protocol: Builder,
    watch: Arc<Watch>,
    /// Held by the service, and by each request until hyper has the last byte of its answer.
    running: Arc<()>,
    state: State<S>,
}

enum State<S: HttpService<Incoming>> {
    /// In a box, so that a dormant connection has no room for it.
    Awake(Box<Hyper<S>>),
    /// All requests that were read are answered, and all answers are written. Waits for input.
    Dormant(Socket, S),
    Closing(Socket),
    Ended,
}

struct Hyper<S: HttpService<Incoming>> {
    http: Connection<TokioIo<Socket>, S>,
    _counted: Counted,
}

/// One of `AWAKE`.
struct Counted;

impl Counted {
    fn new() -> Self {
        AWAKE.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        AWAKE.fetch_sub(1, Relaxed);
    }
}

/// A connection whose requests get what `answer` says. It starts dormant: a peer that connects and says nothing costs
/// as little as one between two requests.
pub(super) fn line<A, F, B>(
    protocol: Builder,
    socket: Socket,
    watch: Arc<Watch>,
    answer: A,
) -> Line<impl HttpService<Incoming, ResBody = Held<B>, Error = Infallible, Future: Send>>
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, Infallible>> + Send,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let running = Arc::new(());
    let held = Arc::clone(&running);
    let service = service_fn(move |request| {
        let _held = Arc::clone(&held);
        answer(request).map_ok(|response| response.map(|body| Held { body, _held }))
    });
    Line {
        protocol,
        watch,
        running,
        state: State::Dormant(socket, service),
    }
}

impl<S> Line<S>
where
    S: HttpService<Incoming>,
    S::Error: Into<BoxError>,
    S::ResBody: Body + 'static,
    <S::ResBody as Body>::Error: Into<BoxError>,
{
    /// The server stops: what runs is finished, what is idle ends now.
    pub(super) fn stop(&mut self) {
        self.watch.hurry();
        match &mut self.state {
            State::Awake(hyper) => Pin::new(&mut hyper.http).graceful_shutdown(),
            _ => self.close(),
        }
    }

    /// Ready when the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            match &mut self.state {
                State::Awake(hyper) => {
                    if let Poll::Ready(ended) = Pin::new(&mut hyper.http).poll(cx) {
                        return Poll::Ready(ended.map_err(Into::into));
                    }
                    if self.watch.doubts() {
                        // For an answer whose head was out already.
                        Pin::new(&mut hyper.http).graceful_shutdown();
                    }
                    if !self.is_at_rest() {
                        return Poll::Pending;
                    }
                    ready!(self.poll_part(cx))?;
                }
                State::Dormant(socket, _) => {
                    if ready!(socket.poll_wake(cx)) {
                        self.wake();
                    } else {
                        self.close();
                    }
                }
                State::Closing(socket) => {
                    return Pin::new(socket).poll_shutdown(cx).map_err(Into::into);
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        self.watch.is_idle()
            && (self.watch.is_quiet() || AWAKE.load(Relaxed) > LEISURE)
            && Arc::strong_count(&self.running) == 2
    }

    /// Takes hyper out. Were it not between two requests, the rest of a body would be taken for a request, so it is
    /// asked: told to stop, it ends at once if it is, and neither reads nor writes for that. Nothing else that can
    /// still happen does the same: no answer is left to end, and a body does not end without a read. A hyper that was
    /// not at rest ends later, and the connection with it.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let State::Awake(mut hyper) = mem::replace(&mut self.state, State::Ended) else {
            return Poll::Ready(Ok(()));
        };
        let mut http = Pin::new(&mut hyper.http);
        self.watch.part();
        http.as_mut().graceful_shutdown();
        let ended = http.poll(cx);
        let parted = self.watch.has_parted();
        match ended {
            Poll::Pending => {
                self.state = State::Awake(hyper);
                return Poll::Pending;
            }
            Poll::Ready(ended) => ended?,
        }
        if parted {
            let parts = hyper.http.into_parts();
            let mut socket = parts.io.into_inner();
            socket.give_back(parts.read_buf);
            self.state = State::Dormant(socket, parts.service);
        }
        Poll::Ready(Ok(()))
    }

    fn wake(&mut self) {
        self.state = match mem::replace(&mut self.state, State::Ended) {
            State::Dormant(socket, service) => State::Awake(Box::new(Hyper {
                http: self
                    .protocol
                    .serve_connection(TokioIo::new(socket), service),
                _counted: Counted::new(),
            })),
            other => other,
        };
    }

    fn close(&mut self) {
        self.state = match mem::replace(&mut self.state, State::Ended) {
            State::Dormant(socket, _) => State::Closing(socket),
            other => other,
        };
    }
}

/// The body of an answer, which keeps the connection from being at rest.
pub(super) struct Held<B> {
    body: B,
    _held: Arc<()>,
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
