//! `backend.auth.externalAccess`: callers that are neither users nor plugins.

use super::{Principal, Refused, Restriction, fetch::Fetcher, keys::Keys, token::Token};
use crate::{
    auth::InvalidPrincipal,
    config::{self, Method, Secret},
    id::PluginId,
};
use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

/// For the keys of all issuers together.
const LONGEST: Duration = Duration::from_secs(11);

pub(super) struct External {
    statics: Vec<Static>,
    issuers: Vec<Issuer>,
}

struct Static {
    /// SHA-256 of the token: all are equally long, and comparing them tells nothing of what is right.
    digest: [u8; 32],
    principal: Principal,
    limits: Limits,
}

struct Issuer {
    config: config::Jwks,
    keys: Arc<Keys>,
    limits: Limits,
}

/// `accessRestrictions` of one entry.
struct Limits {
    plugins: BTreeMap<String, Restriction>,
    refusal: Arc<str>,
}

impl External {
    pub(super) fn new(
        entries: &[config::External],
        fetcher: &Arc<Fetcher>,
    ) -> Result<Self, InvalidPrincipal> {
        let (mut statics, mut issuers) = (Vec::new(), Vec::new());
        for entry in entries {
            let limits = Limits::new(&entry.restrictions);
            match &entry.method {
                Method::Static { token, subject } => statics.push(Static {
                    digest: digest(token),
                    principal: Principal::service(subject, None)?,
                    limits,
                }),
                Method::Jwks(config) => issuers.push(Issuer {
                    config: config.clone(),
                    keys: Keys::new(config.url.clone(), fetcher),
                    limits,
                }),
            }
        }
        Ok(Self { statics, issuers })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.statics.is_empty() && self.issuers.is_empty()
    }

    pub(super) fn has_issuers(&self) -> bool {
        !self.issuers.is_empty()
    }

    /// The principal of a static token. Each is compared, whichever fits.
    pub(super) fn known(
        &self,
        token: &str,
        plugin: &PluginId,
    ) -> Result<Option<Principal>, Refused> {
        if self.statics.is_empty() {
            return Ok(None);
        }
        let given: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        for entry in &self.statics {
            let fits = bool::from(entry.digest.ct_eq(&given));
            if fits && found.is_none() {
                found = Some(entry);
            }
        }
        found
            .map(|entry| entry.limits.apply(entry.principal.clone(), plugin))
            .transpose()
    }

    /// The principal of a token that one of the issuers signed; the first whose conditions it meets decides. What the
    /// last one says of it is the reason where none takes it.
    pub(super) async fn principal(
        &self,
        token: &Token<'_>,
        plugin: &PluginId,
        now: SystemTime,
    ) -> Result<Principal, Refused> {
        let issuers = self.issuers.iter();
        let asked = join_all(issuers.map(|issuer| issuer.principal(token, now)));
        // One that does not answer holds up nobody but whom it signed for, and them for so long.
        let Ok(found) = timeout(LONGEST, asked).await else {
            return Err(Refused::Unreachable);
        };
        let mut why = Refused::Invalid("it is of no issuer that is known here");
        for (issuer, found) in self.issuers.iter().zip(found) {
            match found {
                Ok(principal) => return issuer.limits.apply(principal, plugin),
                // That keys cannot be had is the reason, whatever others say.
                Err(_) if why == Refused::Unreachable => {}
                Err(refused) => why = refused,
            }
        }
        Err(why)
    }
}

impl Issuer {
    async fn principal(&self, token: &Token<'_>, now: SystemTime) -> Result<Principal, Refused> {
        let wanted = &self.config;
        let algorithm = format!("{:?}", token.algorithm());
        if !wanted.algorithms.is_empty() && !wanted.algorithms.contains(&algorithm) {
            return Err(Refused::Invalid("its algorithm is not one of `algorithm`"));
        }
        // Before its keys are asked for: a token of another issuer is none of this one's.
        let said = token.unverified()?;
        let among = |names: &[String], is: &dyn Fn(&str) -> bool| {
            names.is_empty() || names.iter().any(|name| is(name))
        };
        if !among(&wanted.issuers, &|name| said.is_from(name)) {
            return Err(Refused::Invalid("its issuer is not one of `issuer`"));
        }
        let key = self.keys.of(token).await?;
        let claims = token.verify(&key)?;
        let until = claims.until(now)?;
        if !among(&wanted.issuers, &|name| claims.is_from(name)) {
            return Err(Refused::Invalid("its issuer is not one of `issuer`"));
        }
        if !among(&wanted.audiences, &|name| claims.is_for(name)) {
            return Err(Refused::Invalid("its audience is not one of `audience`"));
        }
        if !wanted
            .claims
            .iter()
            .all(|(name, values)| claims.has(name, values))
        {
            return Err(Refused::Invalid("a claim is not as `claims` wants it"));
        }
        let sub = claims.sub.ok_or(Refused::Invalid("it names no subject"))?;
        let subject = match &wanted.subject_prefix {
            Some(prefix) => format!("external:{prefix}:{sub}"),
            None => format!("external:{sub}"),
        };
        if sub.is_empty() {
            return Err(Refused::Invalid("it names no subject"));
        }
        Principal::service(&subject, until)
            .map_err(|_| Refused::Invalid("its subject is no name that fits into a header"))
    }
}

impl Limits {
    fn new(config: &BTreeMap<String, Restriction>) -> Self {
        let quoted: Vec<_> = config.keys().map(|plugin| format!("'{plugin}'")).collect();
        let refusal = format!(
            "This token's access is restricted to plugin(s) {}",
            quoted.join(", ")
        );
        Self {
            plugins: config.clone(),
            refusal: refusal.into(),
        }
    }

    fn apply(&self, principal: Principal, plugin: &PluginId) -> Result<Principal, Refused> {
        if self.plugins.is_empty() {
            return Ok(principal);
        }
        match self.plugins.get(plugin.as_str()) {
            Some(restriction) if *restriction == Restriction::default() => Ok(principal),
            Some(restriction) => Ok(principal.restricted(restriction.clone())),
            None => Err(Refused::Restricted(self.refusal.clone())),
        }
    }
}

fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}
