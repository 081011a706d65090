//! The accept loop and the end of it.

use super::{Listener, Shared, Stage, accept::Backoff, connection};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time};
use tokio_util::sync::CancellationToken;

/// File descriptors left to databases, components and the admin socket when clients take all they can.
const RESERVED_DESCRIPTORS: u64 = 256;
/// More than this many connections at once are never accepted; the others wait in the kernel's backlog.
const MOST_CONNECTIONS: u64 = 65_536;
/// How long connections that were cut get to leave.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// Serves until `shutdown`, then finishes what runs, at most for the configured time. Idle connections are closed at
/// once, new ones refused.
pub async fn serve(listener: Listener, shared: Arc<Shared>, shutdown: CancellationToken) {
    let most = connection_limit();
    let places = Arc::new(Semaphore::new(most as usize));
    let protocol = connection::protocol();
    let mut backoff = Backoff::default();

    let accepting = async {
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.tcp.accept().await {
                Ok((tcp, peer)) => {
                    backoff.succeeded();
                    let connection =
                        connection::drive(protocol.clone(), tcp, peer, Arc::clone(&shared));
                    tokio::spawn(async move {
                        connection.await;
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

    shared.enter(Stage::Stopping);
    drop(listener);
    if time::timeout(shared.shutdown_timeout, places.acquire_many(most))
        .await
        .is_err()
    {
        let open = most as usize - places.available_permits();
        tracing::warn!(
            connections = open,
            "requests still ran at the end of the shutdown timeout and are cut off"
        );
        shared.enter(Stage::Cutting);
        if time::timeout(CUT_GRACE, places.acquire_many(most))
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
    }
}

/// As many connections as the process may have descriptors, less some for the host itself.
fn connection_limit() -> u32 {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(u64::MAX);
    let most = descriptors
        .saturating_sub(RESERVED_DESCRIPTORS)
        .max(descriptors / 2)
        .clamp(1, MOST_CONNECTIONS);
    u32::try_from(most).unwrap_or(u32::MAX)
}
