//! `backend.listen`, and `--listen`: where the host answers.

use super::{
    Listen,
    cursor::{Field, Section},
    node::Value,
};
use std::{fmt, net::Ipv6Addr, str::FromStr};

const LOCAL: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 7007;
const TAKES: &str = "`HOST:PORT`, `:PORT` or `{ host, port }`";

/// Why a text is no [`Listen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidListen(&'static str);

impl fmt::Display for InvalidListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidListen {}

impl Default for Listen {
    fn default() -> Self {
        Self {
            host: LOCAL.to_owned(),
            port: DEFAULT_PORT,
        }
    }
}

impl FromStr for Listen {
    type Err = InvalidListen;

    /// `127.0.0.1:7007`, `[::1]:7007`, `localhost:7007`, `:7007` or `7007`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = split(text.trim())?;
        Ok(Self {
            host: host.unwrap_or_else(|| LOCAL.to_owned()),
            port,
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn split(text: &str) -> Result<(Option<String>, u16), InvalidListen> {
    if text.contains("://") {
        return Err(InvalidListen(
            "an address, not a URL: write it as `127.0.0.1:7007`",
        ));
    }
    let (host, port) = match text.rsplit_once(':') {
        None if text.bytes().all(|b| b.is_ascii_digit()) => ("", text),
        None => {
            return Err(InvalidListen(
                "the port is missing: write it as `127.0.0.1:7007` or `:7007`",
            ));
        }
        Some(parts) => parts,
    };
    let bad_port = InvalidListen("a port is a number from 0 to 65535");
    // u16's own parser takes a plus sign.
    let port = if port.bytes().all(|b| b.is_ascii_digit()) {
        port.parse().map_err(|_| bad_port)?
    } else {
        return Err(bad_port);
    };
    if host.is_empty() {
        return Ok((None, port));
    }
    let host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .filter(|host| host.contains(':'))
            .ok_or(InvalidListen("a bracket too few"))?,
        None if host.contains(':') => {
            return Err(InvalidListen(
                "write an IPv6 address in brackets: `[::1]:7007`",
            ));
        }
        None => host,
    };
    Ok((Some(checked(host)?), port))
}

/// A host name or an IP address.
fn checked(host: &str) -> Result<String, InvalidListen> {
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if host == "*" {
        Err(InvalidListen(
            "for all addresses write `0.0.0.0`, or `[::]` for IPv6 as well",
        ))
    } else if host.contains(':') {
        host.parse::<Ipv6Addr>()
            .map(|address| address.to_string())
            .map_err(|_| InvalidListen("no IPv6 address"))
    } else if host.is_empty() || host.len() > 253 || !host.bytes().all(name) {
        Err(InvalidListen("no host name and no IP address"))
    } else {
        Ok(host.to_owned())
    }
}

pub(super) fn listen(backend: &Section<'_>) -> Listen {
    let Some(field) = backend.get("listen") else {
        return Listen::default();
    };
    let (host, port) = match &field.node.value {
        Value::Map(_) => parts(&field),
        Value::Text(_) | Value::Integer(_) => field
            .scalar(TAKES)
            .and_then(|(text, secret)| match split(text.trim()) {
                Ok(parts) => Some(parts),
                Err(InvalidListen(why)) => field.out_of(TAKES, why, secret),
            })
            .unwrap_or((None, DEFAULT_PORT)),
        _ => {
            field.refuse_kind(TAKES);
            (None, DEFAULT_PORT)
        }
    };
    let host = host.unwrap_or_else(|| {
        backend.reader.note(format!(
            "backend.listen names no host: only this machine can connect, on {LOCAL}; for all addresses name 0.0.0.0"
        ));
        LOCAL.to_owned()
    });
    Listen { host, port }
}

fn parts(field: &Field<'_>) -> (Option<String>, u16) {
    let Some(section) = field.section() else {
        return (None, DEFAULT_PORT);
    };
    let host = section.get("host").and_then(|field| {
        let (text, secret) = field.text("a host name or an IP address")?;
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(&text);
        match checked(bare) {
            Ok(host) => Some(host),
            Err(InvalidListen(why)) => field.out_of("a host name or an IP address", why, secret),
        }
    });
    let port = section
        .get("port")
        .and_then(|field| field.whole(0..=65_535));
    section.judge_others(&[]);
    (
        host,
        port.and_then(|port| u16::try_from(port).ok())
            .unwrap_or(DEFAULT_PORT),
    )
}
