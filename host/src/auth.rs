//! Who sends a request: from a credential to a principal.
//!
//! `backstage` and `external` know whose tokens are believed; `token` checks one by `keys`, which `fetch` gets from their
//! issuer; `crypto` is the cryptography. Nothing of a token reaches a log or an answer: why one is refused is one of a
//! fixed set of texts.

mod backstage;
mod cookie;
mod crypto;
mod external;
mod fetch;
mod keys;
mod principal;
mod refused;
#[cfg(test)]
mod tests;
mod token;
mod verified;

pub use cookie::Limited;
pub use principal::{InvalidPrincipal, Principal, Restriction};
pub use refused::Refused;

use crate::{config, id::PluginId};
use backstage::Backstage;
use external::External;
use fetch::Fetcher;
use std::{sync::Arc, time::SystemTime};
use token::Token;
use verified::Verified;

/// Characters of a token; what is longer is not looked at.
const MAX_TOKEN: usize = 8 << 10;
const TOO_LONG: Refused = Refused::Invalid("it is longer than 8 KiB");

/// A request by its id, and who sent it: what a call carries through every room.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The request's id, for the log; `probe` and the like where the host itself asks.
    pub request: Arc<str>,
    pub principal: Principal,
}

impl Caller {
    /// The host itself, at work on `what`.
    pub fn host(what: &str) -> Self {
        Self {
            request: what.into(),
            principal: Principal::NONE,
        }
    }
}

/// Whose credentials are believed.
pub struct Auth {
    backstage: Option<Backstage>,
    external: External,
    verified: Verified,
}

impl Auth {
    pub fn new(config: &config::Auth) -> Result<Self, InvalidPrincipal> {
        crypto::install();
        let fetcher = Arc::new(Fetcher::new(asks_over_tls(config)));
        Ok(Self {
            backstage: config
                .backstage
                .as_ref()
                .map(|config| Backstage::new(config, &fetcher)),
            external: External::new(&config.external, &fetcher)?,
            verified: Verified::new(),
        })
    }

    /// Whether a token may be one of ours, good or bad: plugins do not get to see those. `true` for every JWT while any
    /// issuer is believed, since one that cannot be checked at the moment is as secret as one that can.
    pub fn may_be_ours(&self, token: &str) -> bool {
        let signed = self.backstage.is_some() || self.external.has_issuers();
        signed && token.bytes().filter(|b| *b == b'.').count() == 2
    }

    /// The principal of a bearer token, in a request to `plugin`. Waits for keys of its issuer where they are not here,
    /// for 11 s at most; for a plugin's token on behalf of a user twice as long.
    pub async fn bearer(&self, token: &str, plugin: &PluginId) -> Result<Principal, Refused> {
        if self.backstage.is_none() && self.external.is_empty() {
            return Err(Refused::Invalid("no tokens are taken here"));
        }
        if token.len() > MAX_TOKEN {
            return Err(TOO_LONG);
        }
        if let Some(principal) = self.external.known(token, plugin)? {
            return Ok(principal);
        }
        let now = SystemTime::now();
        let hash = Verified::hash(token, plugin);
        if let Some(principal) = self.verified.get(&hash, now) {
            return Ok(principal);
        }
        let principal = self.check(token, plugin, now).await?;
        self.verified.put(hash, &principal);
        Ok(principal)
    }

    async fn check(
        &self,
        text: &str,
        plugin: &PluginId,
        now: SystemTime,
    ) -> Result<Principal, Refused> {
        let token = Token::parse(text)?;
        if let Some(backstage) = &self.backstage
            && let Some(principal) = backstage.principal(&token, plugin, now).await?
        {
            return Ok(principal);
        }
        self.external.principal(&token, plugin, now).await
    }

    /// What a user's token becomes in a browser's cookie.
    pub async fn limit(&self, token: &str) -> Result<Limited, Refused> {
        match &self.backstage {
            _ if token.len() > MAX_TOKEN => Err(TOO_LONG),
            Some(backstage) => {
                backstage
                    .limit(&Token::parse(token)?, SystemTime::now())
                    .await
            }
            None => Err(Refused::Invalid("no Backstage is known here")),
        }
    }

    /// Whether there is a Backstage whose users' cookies mean something here.
    pub fn knows_backstage(&self) -> bool {
        self.backstage.is_some()
    }

    /// The user whom a browser's cookie names: a limited token, good for paths of the policy `user-cookie` alone.
    pub async fn cookie(&self, token: &str, plugin: &PluginId) -> Result<Principal, Refused> {
        if token.len() > MAX_TOKEN || !Token::parse(token)?.is_limited() {
            return Err(Refused::Invalid(
                "the cookie holds no limited token of a user",
            ));
        }
        self.bearer(token, plugin).await
    }
}

/// Whether any issuer is asked for its keys over TLS.
fn asks_over_tls(config: &config::Auth) -> bool {
    let external = config.external.iter().map(|entry| match &entry.method {
        config::Method::Jwks(jwks) => jwks.url.as_str(),
        config::Method::Static { .. } => "",
    });
    let backstage = config.backstage.iter().map(|backstage| &*backstage.url);
    external
        .chain(backstage)
        .any(|url| url.starts_with("https:"))
}
