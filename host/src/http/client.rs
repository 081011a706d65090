//! The client of the admin socket, for the command line.

use super::admin::LONGEST_PATH;
use bytes::Bytes;
use http::{HeaderValue, Request, header::HOST};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{io, path::Path, time::Duration};
use tokio::{net::UnixStream, time};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An exclusive migration may take 5 minutes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// The largest answer read, bytes.
const LARGEST: usize = 16 << 20;

/// Sends one request to the host at `socket`; returns the status and the body. `target`: `/plugins`,
/// `/deploy?as=todo`. Fails with `NotFound` or `ConnectionRefused` when no host is there, `PermissionDenied` when it is
/// another user's, `TimedOut` after 5 s without a connection or 10 min without an answer.
pub async fn call(
    socket: &Path,
    method: &str,
    target: &str,
    body: Bytes,
) -> Result<(u16, Bytes), io::Error> {
    let length = socket.as_os_str().len();
    if length > LONGEST_PATH {
        let why = format!(
            "{} is too long for a Unix socket ({length} bytes, at most {LONGEST_PATH})",
            socket.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method.parse().map_err(invalid)?;
    *request.uri_mut() = target.parse().map_err(invalid)?;
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("greenroom"));

    let stream = time::timeout(CONNECT_TIMEOUT, UnixStream::connect(socket))
        .await
        .map_err(|_| late("the host does not accept the connection"))??;
    time::timeout(ANSWER_TIMEOUT, exchange(stream, request))
        .await
        .map_err(|_| late("the host does not answer"))?
}

async fn exchange(stream: UnixStream, request: Request<Full<Bytes>>) -> io::Result<(u16, Bytes)> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST)
            .collect()
            .await
            .map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            // The answer may have come with the end.
            Ok(()) => answer.await,
            Err(error) => Err(io::Error::other(error)),
        },
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
