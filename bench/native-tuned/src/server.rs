//! Accepts connections and hands each to hyper.

use crate::{
    exchange::Exchange,
    head::PARSE_LIMIT,
    socket::Socket,
    watchdog::{Watch, Watchdog},
    writer::Writer,
};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};

/// How long to leave the queue alone when there is nothing to accept with.
const PAUSE: Duration = Duration::from_millis(50);

/// Never returns but with an error.
pub(crate) async fn serve(
    port: u16,
    writer: &'static Writer,
    watchdog: Watchdog,
) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let protocol = protocol();
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => accept(&protocol, tcp, writer, &watchdog),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The head's time is the watchdog's: hyper's own limit costs a timer for every request. With half-close hyper does not
/// read ahead while a request runs, which would cost a call of the system.
fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .half_close(true)
        .max_header_size(PARSE_LIMIT)
        .header_read_timeout(None);
    protocol
}

fn accept(protocol: &http1::Builder, tcp: TcpStream, writer: &'static Writer, watchdog: &Watchdog) {
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    let watch = Arc::new(Watch::new());
    let socket = Socket::new(tcp, Arc::clone(&watch));
    let exchange = Exchange::new(writer, Arc::clone(&watch));
    let connection = protocol.serve_connection(TokioIo::new(socket), exchange);
    let task = tokio::spawn(async move {
        // A connection that breaks concerns nobody else.
        let _ = connection.await;
    });
    watchdog.guard(watch, task.abort_handle());
}
