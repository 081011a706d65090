//! The todo API on axum and sqlx, as it is usually written: `native-usual <port> <database file>`.

mod api;
mod error;
mod todo;

use anyhow::{Context, Result};
use axum::serve::ListenerExt;
use std::{
    env,
    io::{self, IsTerminal},
    net::Ipv4Addr,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stdout().is_terminal())
        .init();

    let mut arguments = env::args().skip(1);
    let (Some(port), Some(file)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: native-usual <port> <database file>");
    };
    let port: u16 = port.parse().context("the port is a number")?;

    let pool = todo::open(&file)
        .await
        .with_context(|| format!("opening {file}"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("listening on port {port}"))?
        .tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::warn!(%error, "no TCP_NODELAY");
            }
        });
    let mut terminate = signal(SignalKind::terminate())?;
    tracing::info!(port, file, "listening");

    axum::serve(listener, api::router(pool.clone()))
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    pool.close().await;
    Ok(())
}
