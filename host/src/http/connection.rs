//! One client connection, from accept to close.

use super::{
    Shared, Stage,
    address::{self, Client},
    dormant, exchange,
    head::PARSE_LIMIT,
    socket::{Socket, Watch},
};
use http::HeaderMap;
use hyper::server::conn::http1;
use std::{
    future::{Future, poll_fn},
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    task::Poll,
};
use tokio::net::TcpStream;

/// Bytes hyper buffers of a request before the plugin or the collector takes them.
const READ_BUFFER: usize = 128 << 10;

/// What the requests of one connection share.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) watch: Arc<Watch>,
    peer: IpAddr,
    /// The peer is a proxy whose `Forwarded` and `X-Forwarded-*` are believed.
    pub(super) trusted: bool,
}

impl Connection {
    /// Whose request this is, by address, from `headers` where they are believed: its own, before what the proxies say
    /// was taken off.
    pub(super) fn client(&self, headers: &HeaderMap) -> Client {
        address::of_client(self.peer, headers, |address| self.shared.trusts(address))
    }
}

/// hyper's part. Its own head timeout stays off: `Socket` bounds the head and the idle time between requests apart, and
/// without a timer for every request. Half-close is on: a client that ends its side after the request still gets its
/// answer, and hyper does not read ahead while a request runs.
pub(super) fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .half_close(true)
        .max_header_size(PARSE_LIMIT)
        .max_buf_size(READ_BUFFER)
        .header_read_timeout(None);
    protocol
}

/// Serves the requests of one connection until it ends, or until the server stops.
pub(super) async fn drive(
    protocol: http1::Builder,
    tcp: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%peer, %error, "the connection broke before its first request");
        return;
    }
    let watch = Arc::new(Watch::default());
    let socket = Socket::new(tcp, Arc::clone(&watch), shared.bounds);
    let trusted = shared.trusts(peer.ip());
    let connection = Arc::new(Connection {
        shared: Arc::clone(&shared),
        watch: Arc::clone(&watch),
        peer: peer.ip(),
        trusted,
    });
    let answer = move |request| exchange::answer(Arc::clone(&connection), request);
    let mut line = dormant::line(protocol, socket, watch, answer);

    // The task's waker never changes, so the notification is polled once to register, not at each wake-up.
    let mut notified = pin!(shared.stage_changed.notified());
    let mut registered = false;
    let mut told = false;
    let ended = poll_fn(|cx| {
        if !registered {
            registered = true;
            // Nothing is lost when it is ready already: the stage is read next.
            let _ = notified.as_mut().poll(cx).is_ready();
        }
        if shared.reached(Stage::Stopping) && !told {
            told = true;
            notified.set(shared.stage_changed.notified());
            let _ = notified.as_mut().poll(cx).is_ready();
            line.stop();
        }
        if told && shared.reached(Stage::Cutting) {
            return Poll::Ready(None);
        }
        line.poll(cx).map(Some)
    })
    .await;
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            tracing::debug!(%peer, error = &*error as &dyn std::error::Error, "the connection broke")
        }
        None => tracing::debug!(%peer, "the connection was cut off"),
    }
}
