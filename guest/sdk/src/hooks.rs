//! What a plugin may do besides answering requests: its exports that the host looks for and never asks for.

use crate::{
    Component, Plugin,
    bindings::{
        health::exports::greenroom::plugin::health, stop::exports::greenroom::plugin::stop,
    },
};

/// What a build does after its last request, for `plugin!(Todo, stop)`.
///
/// ```
/// use greenroom_sdk::{Access, Declaration, Plugin, Router, Stop, params, sql};
///
/// struct Relay;
/// greenroom_sdk::plugin!(Relay, stop);
///
/// impl Stop for Relay {
///     fn stop() -> Result<(), String> {
///         sql::execute("DELETE FROM leases WHERE build = $1", params![env!("CARGO_PKG_VERSION")])
///             .map(|_| ())
///             .map_err(|error| sql::describe(&error))
///     }
/// }
///
/// impl Plugin for Relay {
///     // ...
/// #    fn declare() -> Declaration {
/// #        Declaration::new("relay", env!("CARGO_PKG_VERSION"))
/// #    }
/// #    fn routes() -> Router {
/// #        Router::new()
/// #    }
/// }
/// ```
pub trait Stop: Plugin {
    /// Runs once when this build serves no longer: another one has taken its place and serves already, the plugin is
    /// removed, or the host stops. Every service works, in an instance of its own, for 5 seconds at most. An error goes to
    /// the log. Do not rely on it for what must not be left undone: a host that is killed does not run it.
    fn stop() -> Result<(), String>;
}

/// How the plugin is, for `plugin!(Todo, health)`.
///
/// ```
/// use greenroom_sdk::{Access, Declaration, Health, Plugin, Router, params, sql};
///
/// struct Relay;
/// greenroom_sdk::plugin!(Relay, health);
///
/// impl Health for Relay {
///     fn check() -> Result<(), String> {
///         let late = sql::query("SELECT count(*) FROM outbox WHERE due < unixepoch() - 600", params![])
///             .and_then(|rows| rows.first::<(i64,)>())
///             .map_err(|error| sql::describe(&error))?;
///         match late {
///             Some((late,)) if late > 0 => Err(format!("{late} messages are 10 minutes late")),
///             _ => Ok(()),
///         }
///     }
/// }
///
/// impl Plugin for Relay {
///     // ...
/// #    fn declare() -> Declaration {
/// #        Declaration::new("relay", env!("CARGO_PKG_VERSION"))
/// #    }
/// #    fn routes() -> Router {
/// #        Router::new()
/// #    }
/// }
/// ```
pub trait Health: Plugin {
    /// The host asks every 10 seconds (`plugins.<id>.health`), in an instance of its own, and never for a request. An
    /// error says what is wrong, in a line for operators; so does a panic, and no answer within 5 seconds.
    fn check() -> Result<(), String>;
}

impl<P: Stop> stop::Guest for Component<P> {
    fn stop() -> Result<(), String> {
        P::stop()
    }
}

impl<P: Health> health::Guest for Component<P> {
    fn check() -> Result<(), String> {
        P::check()
    }
}
