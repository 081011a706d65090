//! Who may do what: the operator's policies in Cedar, about the permissions that plugins declare.
//!
//! An [`Authority`] has the policies and what they know of entities, read from files and replaced as a whole when these
//! change. A build has what its plugin [`Declared`]. A call asks a [`Question`] of a principal and a permission, and gets a
//! [`Verdict`] for each resource. Nothing here knows wasm.

mod authority;
mod declared;
mod entities;
mod files;
mod mistake;
mod names;
mod policies;
mod question;
mod resource;
mod set;
mod stack;
mod statements;
#[cfg(test)]
mod tests;

pub use authority::{Authority, Known, Status};
pub use declared::{Act, Declared, Permission};
pub use mistake::{Mistake, Mistakes};
pub use names::principal;
pub use question::{Question, Verdict, Why};
pub use resource::{MOST_RESOURCES, Resource, Value};
pub use set::{Report, check};
