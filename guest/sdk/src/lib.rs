//! Write a Greenroom backend plugin in Rust.
//!
//! A plugin is one component: it declares itself, answers requests under `/api/<id>/`, and has a database, a key-value
//! store, configuration and a log. This is a whole one:
//!
//! ```
//! use greenroom_sdk::{Access, Declaration, Error, Migration, Plugin, Request, Response, Router, params, sql};
//!
//! struct Visits;
//! greenroom_sdk::plugin!(Visits);
//!
//! impl Plugin for Visits {
//!     fn declare() -> Declaration {
//!         Declaration::new("visits", env!("CARGO_PKG_VERSION"))
//!             .policy("/", Access::Unauthenticated)
//!             .migration(Migration::additive(1, "create_visits", "CREATE TABLE visits (name TEXT NOT NULL)"))
//!     }
//!
//!     fn routes() -> Router {
//!         Router::new().post("/visits/:name", visit)
//!     }
//! }
//!
//! fn visit(request: &Request) -> Result<Response, Error> {
//!     sql::execute("INSERT INTO visits (name) VALUES ($1)", params![request.param("name")])?;
//!     Ok(Response::no_content())
//! }
//! ```
//!
//! A build runs in many instances at once, each with one request at a time, and any of them may be gone before the
//! next request: nothing that must last belongs into memory.

pub mod bindings;
pub mod conditional;
pub mod config;
mod error;
mod fields;
mod hooks;
pub mod json;
pub mod keyvalue;
pub mod log;
mod percent;
pub mod permissions;
mod plugin;
mod query;
mod request;
mod response;
mod router;
pub mod sql;
mod words;

/// A request makes and drops some thirty small allocations. The C library's allocator, Rust's default in a component,
/// takes half of a short request's time in the component for them; this one a quarter.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

pub use error::Error;
pub use hooks::{Health, Stop};
pub use plugin::{Access, Component, Declaration, Migration, Plugin};
pub use query::Query;
pub use request::{Body, Request};
pub use response::{Response, Writer};
pub use router::{About, Handler, Router};
