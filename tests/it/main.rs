//! End-to-end tests: one module an area. Each starts the real binary on a free port with a folder of its own.
#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in what tests share as well"
)]

mod any_host;
mod auth;
mod config;
mod contract;
mod core_services;
mod data;
mod deploy;
mod deployed;
mod disk;
mod docs;
mod edge;
mod forgery;
mod kept;
mod lifecycle;
mod logger;
mod permissions;
mod rate_limit;
mod readme;
mod sandbox;
mod scaffold;
mod smoke;
mod tidy;
mod unary;
