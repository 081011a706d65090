//! Whose request it is, by address: the peer's own, or what the proxies that are believed say of theirs.

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};
use std::{collections::VecDeque, net::IpAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies in a row that are looked through.
const MOST_PROXIES: usize = 32;

/// What a proxy says of its peer: an address, or nothing that is one (`unknown`, a name of its own).
type Told = Option<IpAddr>;

/// Whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// It is a proxy's own address, since what was said of its client is not believed: it stands for all of those.
    pub(super) stands_in: bool,
}

/// The client's address: of the first peer, from here outwards, that is no proxy that is believed. Where one of those does
/// not say whose request it passes on, it stands for its clients itself.
///
/// `X-Forwarded-For` and `Forwarded` are both read. Most proxies write one and let the other pass as their client sent it:
/// where both are there and do not agree, neither is believed.
pub(super) fn of_client(
    peer: IpAddr,
    headers: &HeaderMap,
    trusts: impl Fn(IpAddr) -> bool,
) -> Client {
    let peer = peer.to_canonical();
    if !trusts(peer) {
        return Client {
            address: peer,
            stands_in: false,
        };
    }
    let from = |told: Vec<Told>| outwards(peer, told, &trusts);
    let listed = headers.contains_key(FORWARDED_FOR);
    let listed = listed.then(|| from(listed_in(headers)));
    let described = headers.contains_key(FORWARDED);
    // One that cannot be read says nothing.
    let described = described.then(|| from(described_in(headers).unwrap_or_default()));
    let told = listed.is_some() || described.is_some();
    let address = match (listed, described) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    };
    Client {
        address,
        stands_in: told && address == peer,
    }
}

/// `told`: from the last proxy, which is `peer`, to the first.
fn outwards(peer: IpAddr, told: Vec<Told>, trusts: &impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer;
    for address in told {
        let Some(address) = address else { break };
        client = address;
        if !trusts(client) {
            break;
        }
    }
    client
}

/// `X-Forwarded-For: client, proxy`, the last first.
fn listed_in(headers: &HeaderMap) -> Vec<Told> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let elements = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    elements
        .map(|element| str::from_utf8(element).map_or("unknown", str::trim))
        .filter(|element| !element.is_empty())
        .take(MOST_PROXIES)
        .map(address)
        .collect()
}

/// `Forwarded: for=client;proto=https, for=proxy`, the last first (RFC 7239). `None`: a line that is none. In one whose
/// client left a quote open, what the proxies add would be part of a text.
fn described_in(headers: &HeaderMap) -> Option<Vec<Told>> {
    let mut last = VecDeque::new();
    for line in headers.get_all(FORWARDED) {
        for element in elements(line)? {
            if last.len() == MOST_PROXIES {
                last.pop_front();
            }
            last.push_back(told_by(element)?);
        }
    }
    Some(last.into_iter().rev().collect())
}

fn elements(line: &HeaderValue) -> Option<impl Iterator<Item = &str>> {
    let elements = outside_of_quotes(line.to_str().ok()?, ',')?.into_iter();
    Some(elements.filter(|element| !element.is_empty()))
}

/// The parameter `for` of one element.
fn told_by(element: &str) -> Option<Told> {
    let mut told = None;
    for pair in outside_of_quotes(element, ';')? {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value.trim_start())?;
        if name.trim_end().eq_ignore_ascii_case("for") && told.replace(address(&value)).is_some() {
            return None;
        }
    }
    Some(told.flatten())
}

/// The text cut at each `mark` that is not within quotes, without the spaces around. `None`: a quote does not end.
fn outside_of_quotes(text: &str, mark: char) -> Option<Vec<&str>> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == mark && !quoted => {
                parts.push(text[from..at].trim());
                from = at + mark.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    (!quoted).then_some(parts)
}

/// A token, or what a quoted text says.
fn unquoted(value: &str) -> Option<String> {
    let Some(inside) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let (mut said, mut rest) = (String::new(), inside.chars());
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(said),
            '\\' => said.push(rest.next()?),
            plain => said.push(plain),
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`; a port may be a name.
fn address(text: &str) -> Told {
    let address = match (text.strip_prefix('['), text.split_once(':')) {
        (Some(rest), _) => {
            let (inside, port) = rest.split_once(']')?;
            if !port.is_empty() && !port.starts_with(':') {
                return None;
            }
            IpAddr::V6(inside.parse().ok()?)
        }
        // One colon is a port's; more are an address's.
        (None, Some((before, port))) if !port.contains(':') => IpAddr::V4(before.parse().ok()?),
        (None, _) => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
