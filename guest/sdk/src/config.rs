//! The plugin's configuration: `plugins.<id>.config` of the host. Nested keys are joined with dots, scalars are text,
//! lists are JSON. An instance sees the same for as long as it lives: a change reaches the next one.
//!
//! [`section`] reads all of it into a type of the plugin's. What it may hold is said in a JSON Schema:
//! `greenroom_sdk::plugin!(Todo, config_schema = include_str!("../config.schema.json"))`.

mod flat;

use crate::{
    Error,
    bindings::wasi::config::store::{self, Error as HostError},
};
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// The value of a key.
pub fn get(key: &str) -> Result<Option<String>, Error> {
    store::get(key).map_err(unreadable)
}

/// The value of a key, parsed. A value that does not parse is an internal error that names the key.
pub fn parse<T: FromStr>(key: &str) -> Result<Option<T>, Error> {
    get(key)?
        .map(|text| {
            text.parse().map_err(|_| {
                Error::internal(format!(
                    "config: {key} has a value that this plugin cannot read"
                ))
            })
        })
        .transpose()
}

/// The value of a key that has to be there, parsed. Without it, an internal error that names the key.
pub fn require<T: FromStr>(key: &str) -> Result<T, Error> {
    parse(key)?.ok_or_else(|| Error::internal(format!("config: {key} is not set")))
}

/// The whole section as a type: a struct with a field for each key, `Option` or `#[serde(default)]` where one may be
/// missing.
///
/// ```no_run
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     url: String,
///     retries: Option<u32>,
/// }
/// let settings: Settings = greenroom_sdk::config::section()?;
/// # Ok::<(), greenroom_sdk::Error>(())
/// ```
///
/// What does not fit is an internal error that names the key and what it takes, never the value.
pub fn section<T: DeserializeOwned>() -> Result<T, Error> {
    flat::read(all()?).map_err(|why| Error::internal(format!("config: {why}")))
}

/// Every key and its value.
pub fn all() -> Result<Vec<(String, String)>, Error> {
    store::get_all().map_err(unreadable)
}

fn unreadable(error: HostError) -> Error {
    let (HostError::Upstream(message) | HostError::Io(message)) = error;
    Error::internal(format!("config: {message}"))
}
