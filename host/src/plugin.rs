//! Plugins: how a component becomes a build that serves, how one build takes over from another, and how one request runs.
//!
//! `registry` finds the `mount` of an id; a mount has a `gate` and the live `build`; a build has a `pool` of instances;
//! `call` runs one request in one of them. `watch` and the admin socket hand new bytes to `deploy`, which loads, migrates,
//! starts and publishes.

pub mod backup;
mod build;
mod call;
mod component;
mod deploy;
mod describe;
pub mod descriptor;
mod ending;
mod error;
mod gate;
pub mod header;
mod health;
mod held;
mod history;
mod hook;
mod inspect;
mod instance;
mod limits;
mod link;
mod load_error;
mod mount;
mod pool;
mod registry;
pub mod reload;
mod schema;
mod state;
mod status;
mod stream;
#[cfg(test)]
mod tests;
mod unary;
pub mod watch;

pub use crate::{id::PluginId, permissions::Status as Policies};
pub use deploy::{Databases, Deployer};
pub use descriptor::Access;
pub use error::Error;
pub use header::MAX_COMPONENT;
pub use inspect::{Inspection, inspect_compiled, inspect_file};
pub use load_error::{LoadError, Stage};
pub use mount::{Mount, Phase};
pub use registry::Registry;
pub use status::{Outcome, Status, Wellness};

use bytes::Bytes;

/// A body that streams: a large request's on its way in, a large answer's on its way out.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BodyError>;
/// For a request's body: an [`Error`] says what is wrong with it.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request or of an answer.
pub enum Content {
    /// All of it is here. Of an answer: and the plugin has ended.
    Whole(Bytes),
    /// Larger than `limits.buffer`: the client, or the plugin, still writes it.
    Stream(Body),
}
