//! The admin door: HTTP over a Unix socket that only its owner may open. `greenroom deploy`, `rollback`, `remove` and
//! `plugins` come in here.
//!
//! | request | answer |
//! |---|---|
//! | `GET /plugins` | 200 `{"plugins":[Status...]}` |
//! | `POST /deploy[?as=ID]`, the component's bytes | 200 Outcome, 422 `{"error","stage"}` |
//! | `POST /plugins/ID/rollback` | 200 Outcome, 404 unknown id, 409 nothing older, 422 |
//! | `DELETE /plugins/ID` | 200 Outcome, 404 |
//! | `POST /backup`, `{"folder","plugins":[ID...]}` | 200 Report, 422 `{"error"}` |
//! | `GET /log` | 200 Levels |
//! | `POST /log`, `{"plugin":ID,"level":LEVEL}` or `{"levels":LEVELS}`, null for what held at the start | 200 Levels, 400, 404 unknown id |

mod log;
mod requests;
mod socket;

pub(super) use socket::LONGEST_PATH;
pub use socket::{BindError, Socket};

use super::accept::Backoff;
use crate::plugin::Deployer;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{sync::Arc, time::Duration};
use tokio::{net::UnixStream, sync::Semaphore, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at once; more wait in the kernel.
const CONNECTIONS: u32 = 16;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// One connection in all: an upload, an exclusive migration, and a client that reads slowly.
const CONNECTION_TIME: Duration = Duration::from_secs(900);

/// Serves until `shutdown`, then lets running deploys end, at most for `grace`, and removes the socket.
pub async fn serve(
    socket: Socket,
    deployer: Arc<Deployer>,
    shutdown: CancellationToken,
    grace: Duration,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
    // Deploys are tracked on their own: one goes on when its client leaves.
    let deploys = TaskTracker::new();
    let mut backoff = Backoff::default();
    let accepting = async {
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match socket.accept().await {
                Ok(stream) => {
                    backoff.succeeded();
                    let connection = drive(
                        stream,
                        Arc::clone(&deployer),
                        deploys.clone(),
                        shutdown.clone(),
                    );
                    tokio::spawn(async move {
                        // A deploy of a connection that is cut goes on.
                        let _ = time::timeout(CONNECTION_TIME, connection).await;
                        drop(place);
                    });
                }
                Err(error) => backoff.failed(&error).await,
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = accepting => {}
    }
    socket.remove();
    deploys.close();
    let ended = time::timeout(grace, async {
        deploys.wait().await;
        // Their answers are still to be written.
        let _ = places.acquire_many(CONNECTIONS).await;
    });
    if ended.await.is_err() {
        tracing::warn!("a deploy or its client did not end within the shutdown timeout");
    }
}

async fn drive(
    stream: UnixStream,
    deployer: Arc<Deployer>,
    deploys: TaskTracker,
    shutdown: CancellationToken,
) {
    // Whom `Socket::accept` let in.
    let user = match stream.peer_cred() {
        Ok(peer) => peer.uid(),
        Err(error) => {
            tracing::warn!(%error, "an admin connection does not say whose it is");
            return;
        }
    };
    let service = service_fn(move |request| {
        requests::answer(Arc::clone(&deployer), deploys.clone(), user, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "an admin connection broke"
        );
    }
}
