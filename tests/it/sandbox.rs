//! What a plugin cannot do to its host, its neighbours and its clients.

mod answers;
mod bodies;
mod capacity;
mod faults;
mod held;
mod instances;
mod logs;
mod outside;

use greenroom_tests::{Host, Setup, chameleon};

/// A chameleon with these `limits` (a YAML map).
fn with_limits(limits: &str) -> Host {
    Setup::new()
        .plugin("chameleon", &chameleon(""))
        .config(&format!("plugins: {{chameleon: {{limits: {limits}}}}}"))
        .start()
}

fn plain() -> Host {
    with_limits("{}")
}

fn status(host: &Host, path: &str) -> u16 {
    host.get(&format!("/api/chameleon{path}")).status
}
