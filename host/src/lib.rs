//! Greenroom: a backend host for WebAssembly plugins. ARCHITECTURE.md has the map.

pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
pub mod engine;
pub mod host;
pub mod http;
pub mod id;
pub mod permissions;
pub mod plugin;
pub mod scaffold;
pub mod service;
pub mod storage;
pub mod telemetry;
