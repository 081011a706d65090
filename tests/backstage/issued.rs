//! What a Backstage issues: its tokens, and the keys that it publishes for them.

use crate::{OTHER, TARGET, backend::Backend};
use greenroom_tests::{from_base64url, now};
use serde_json::Value;
use std::collections::BTreeMap;

pub(crate) const USER_KEYS: &str = "/api/auth/.well-known/jwks.json";
pub(crate) const CALLER_KEYS: &str = "/api/caller/.backstage/auth/v1/jwks.json";

pub(crate) struct Issued {
    /// Seconds since 1970, at which all of them were good.
    pub(crate) at: i64,
    /// Of the guest.
    pub(crate) user: String,
    /// Of the guest, for cookies.
    pub(crate) limited: String,
    /// Of the plugin `caller`, for ours.
    pub(crate) plugin: String,
    /// The same on behalf of the guest.
    pub(crate) for_user: String,
    /// Of the plugin `caller`, for another of ours.
    pub(crate) elsewhere: String,
    /// By path.
    pub(crate) keys: BTreeMap<&'static str, Value>,
}

impl Issued {
    pub(crate) fn by(backend: &Backend) -> Self {
        let user = backend.sign_in();
        let limited = backend.text("/api/caller/limited", &user, "token");
        let plugin = backend.token("plugin", TARGET, &user);
        let for_user = backend.token("user", TARGET, &user);
        let elsewhere = backend.token("plugin", OTHER, &user);
        let keys = [USER_KEYS, CALLER_KEYS].map(|path| (path, backend.get(path, &user).json()));
        Self {
            at: now(),
            user,
            limited,
            plugin,
            for_user,
            elsewhere,
            keys: keys.into(),
        }
    }

    /// The public key that a token was signed with.
    pub(crate) fn jwk(&self, path: &str, token: &str) -> &Value {
        let header = token.split('.').next().expect("a header");
        let header: Value = serde_json::from_slice(&from_base64url(header)).expect("JSON");
        let mut keys = self.keys[path]["keys"].as_array().expect("keys").iter();
        keys.find(|key| key["kid"] == header["kid"])
            .expect("a key of this kid")
    }
}
