//! The listening socket. Bound before anything else starts, so that a taken port is told at once and port 0 can be
//! printed.

use crate::config::Listen;
use std::{io, net::SocketAddr};
use tokio::net::{TcpListener, TcpSocket};

/// Connections the kernel holds until they are accepted.
const BACKLOG: u32 = 4096;

/// A bound and listening socket.
pub struct Listener {
    pub(super) tcp: TcpListener,
    address: SocketAddr,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("backend.listen: cannot resolve the host {host:?}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("backend.listen: the host {host:?} has no address")]
    NoAddress { host: String },
    #[error(
        "backend.listen: {address} is taken by another process; stop that, or pick another port (0 picks a free one)"
    )]
    Taken { address: SocketAddr },
    #[error("backend.listen: cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
}

impl Listener {
    /// Listens on the first address of `listen.host` that works.
    pub async fn bind(listen: &Listen) -> Result<Self, BindError> {
        let addresses = tokio::net::lookup_host((listen.host.as_str(), listen.port))
            .await
            .map_err(|source| BindError::Resolve {
                host: listen.host.clone(),
                source,
            })?;
        let mut failure = BindError::NoAddress {
            host: listen.host.clone(),
        };
        for address in addresses {
            match listen_on(address) {
                Ok(listener) => return Ok(listener),
                Err(source) if source.kind() == io::ErrorKind::AddrInUse => {
                    failure = BindError::Taken { address }
                }
                Err(source) => failure = BindError::Listen { address, source },
            }
        }
        Err(failure)
    }

    /// The address with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listen_on(address: SocketAddr) -> io::Result<Listener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait for the old process's connections to leave TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let tcp = socket.listen(BACKLOG)?;
    let address = tcp.local_addr()?;
    Ok(Listener { tcp, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_0_picks_one_and_a_taken_port_is_named() {
        let first = Listener::bind(&Listen {
            host: "127.0.0.1".into(),
            port: 0,
        })
        .await
        .unwrap();
        let port = first.address().port();
        assert_ne!(port, 0);
        let second = Listener::bind(&Listen {
            host: "127.0.0.1".into(),
            port,
        })
        .await;
        assert!(matches!(second, Err(BindError::Taken { address }) if address.port() == port));
    }

    #[tokio::test]
    async fn an_unknown_host_is_named() {
        let listen = Listen {
            host: "no such host".into(),
            port: 0,
        };
        let Err(error) = Listener::bind(&listen).await else {
            panic!("it resolved")
        };
        assert!(error.to_string().contains("no such host"), "{error}");
    }
}
