//! Starts the real `greenroom` binary on a free port with a folder of its own, and talks to it as a client does.
//!
//! A [`Host`] that goes out of scope is stopped with SIGTERM and must exit with 0 and without a panic in its log.

mod client;
mod component;
mod host;
mod jwt;
mod key_server;
mod namespace;
mod setup;
mod tamper;
mod wire;

pub use client::{Connection, Request, Response, get, pause, raw};
pub use component::{chameleon, configured, fixture, repository, todo, variant, without_unary};
pub use host::Host;
pub use jwt::{SigningKey, base64url, from_base64url, now, sign_hs256};
pub use key_server::{Answer, KeyServer};
pub use namespace::{Filler, in_namespace, in_namespace_with, inside, seen_by};
pub use setup::{Setup, binary};
pub use tamper::{Form, forgeries};
pub use wire::{Raw, Wire};
