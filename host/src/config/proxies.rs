//! `backend.trustProxy`: whose `Forwarded` and `X-Forwarded-*` are believed.

use super::{
    cursor::{Field, Section},
    node::Value,
};
use ipnet::IpNet;
use std::net::IpAddr;

const TAKES: &str = "addresses, networks (`10.0.0.0/8`) or `loopback`";

/// Names that Express knows, with what they stand for.
const NAMED: [(&str, &[&str]); 3] = [
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    ("linklocal", &["169.254.0.0/16", "fe80::/10"]),
    (
        "uniquelocal",
        &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
    ),
];

pub(super) fn trusted(backend: &Section<'_>) -> Vec<IpNet> {
    let Some(field) = backend.get("trustProxy") else {
        return Vec::new();
    };
    let nets = match &field.node.value {
        Value::Boolean(false) => Vec::new(),
        Value::Boolean(true) | Value::Integer(_) => {
            field.refuse(
                format!("`backend.trustProxy` takes {TAKES}"),
                "whose headers would be believed?",
                "name the proxy, such as `trustProxy: [10.1.2.3]`, or `trustProxy: loopback` for one on this machine",
            );
            Vec::new()
        }
        Value::List(_) => field
            .items()
            .into_iter()
            .flatten()
            .flat_map(|item| nets(&item))
            .collect(),
        _ => nets(&field),
    };
    if nets.iter().any(|net| net.prefix_len() == 0) {
        backend.reader.note(
            "backend.trustProxy holds every address: any client can claim any address and scheme in its headers",
        );
    }
    nets
}

/// One text, with commas between several.
fn nets(field: &Field<'_>) -> Vec<IpNet> {
    let Some((text, secret)) = field.text(TAKES) else {
        return Vec::new();
    };
    let mut nets = Vec::new();
    for word in text.split(',').map(str::trim) {
        if let Some((_, named)) = NAMED.iter().find(|(name, _)| *name == word) {
            nets.extend(named.iter().filter_map(|net| net.parse::<IpNet>().ok()));
        } else if let Ok(address) = word.parse::<IpAddr>() {
            nets.push(IpNet::from(address));
        } else if let Ok(net) = word.parse::<IpNet>() {
            nets.push(net.trunc());
        } else {
            field.out_of::<()>(TAKES, "none of these", secret);
        }
    }
    nets
}
