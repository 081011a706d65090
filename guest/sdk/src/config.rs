//! The plugin's configuration: `plugins.<id>.config` of the host. Nested keys are joined with dots, scalars are text,
//! lists are JSON.

use crate::{
    Error,
    bindings::wasi::config::store::{self, Error as HostError},
};
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

/// Every key and its value.
pub fn all() -> Result<Vec<(String, String)>, Error> {
    store::get_all().map_err(unreadable)
}

fn unreadable(error: HostError) -> Error {
    let (HostError::Upstream(message) | HostError::Io(message)) = error;
    Error::internal(format!("config: {message}"))
}
