//! Tokens of a running Backstage: of its users, and of its plugins, which may call on behalf of a user.

use super::{Limited, Principal, Refused, cookie, fetch::Fetcher, keys::Keys, token::Token};
use crate::{config, id::PluginId};
#[cfg(test)]
use jsonwebtoken::jwk::Jwk;
use moka::sync::Cache;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// The header's `typ` of its tokens (its package auth-node).
const USER: &str = "vnd.backstage.user";
pub(super) const LIMITED_USER: &str = "vnd.backstage.limited-user";
const PLUGIN: &str = "vnd.backstage.plugin";
/// The audience of its users' tokens.
const AUDIENCE: &str = "backstage";
/// Plugins whose keys are kept, and how long after the last use.
const MOST_PLUGINS: u64 = 256;
const IDLE: Duration = Duration::from_secs(3600);
/// New plugins in a minute: a token can name any, and each is a question to Backstage.
const MOST_NEW: u32 = 60;

pub(super) struct Backstage {
    config: config::Backstage,
    fetcher: Arc<Fetcher>,
    users: Arc<Keys>,
    /// By the id of the calling plugin: those of which a token was good.
    plugins: Cache<String, Arc<Keys>>,
    /// Those that tokens name, which can name any.
    unproven: Cache<String, Arc<Keys>>,
    /// When the minute began, and how many were new in it.
    new: Mutex<(Instant, u32)>,
}

impl Backstage {
    pub(super) fn new(config: &config::Backstage, fetcher: &Arc<Fetcher>) -> Self {
        let users = format!("{}/api/auth/.well-known/jwks.json", config.url);
        let cache = || {
            let cache = Cache::builder().max_capacity(MOST_PLUGINS);
            cache.time_to_idle(IDLE).build()
        };
        Self {
            config: config.clone(),
            fetcher: fetcher.clone(),
            users: Keys::new(users, fetcher),
            plugins: cache(),
            unproven: cache(),
            new: Mutex::new((Instant::now(), 0)),
        }
    }

    /// One whose keys are here, and fetched from nowhere.
    #[cfg(test)]
    pub(super) fn holding(users: &[Jwk], plugins: &[(&str, &[Jwk])]) -> Self {
        let config = config::Backstage {
            url: "http://127.0.0.1:1".into(),
            issuer: None,
        };
        let mut backstage = Self::new(&config, &Arc::new(Fetcher::new(false)));
        backstage.users = Keys::holding(users);
        for (id, keys) in plugins {
            backstage.plugins.insert((*id).into(), Keys::holding(keys));
        }
        backstage
    }

    /// `None`: it is no token of Backstage's. One that is and is not good is an error, whoever else may be asked.
    pub(super) async fn principal(
        &self,
        token: &Token<'_>,
        plugin: &PluginId,
        now: SystemTime,
    ) -> Result<Option<Principal>, Refused> {
        match token.kind() {
            Some(USER) => self.user(token, now).await.map(Some),
            Some(LIMITED_USER) => {
                let user = self.limited_user(token, now).await?;
                Ok(Some(user.limited()))
            }
            Some(PLUGIN) => self.plugin(token, plugin, now).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn user(&self, token: &Token<'_>, now: SystemTime) -> Result<Principal, Refused> {
        let claims = token.verify(&self.users.of(token).await?)?;
        let until = claims.bounded(now)?;
        if !claims.is_for(AUDIENCE) {
            return Err(Refused::Invalid("its audience is not `backstage`"));
        }
        if let Some(issuer) = &self.config.issuer
            && !claims.is_from(issuer)
        {
            return Err(Refused::Invalid("its issuer is not that of `issuer`"));
        }
        let sub = claims.sub.ok_or(Refused::Invalid("it names no user"))?;
        let owns_as = claims.ent.unwrap_or_else(|| vec![sub.clone()]);
        named(Principal::user(&sub, owns_as, until))
    }

    /// What a user's token becomes in a cookie, or in a plugin's token: it has no audience, and says no more than who.
    async fn limited_user(&self, token: &Token<'_>, now: SystemTime) -> Result<Principal, Refused> {
        let claims = token.verify(&self.users.of(token).await?)?;
        let until = claims.bounded(now)?;
        let sub = claims.sub.ok_or(Refused::Invalid("it names no user"))?;
        named(Principal::user(&sub, vec![sub.clone()], until))
    }

    /// The limited token that a user's holds in parts, checked like one that comes in.
    pub(super) async fn limit(
        &self,
        token: &Token<'_>,
        now: SystemTime,
    ) -> Result<Limited, Refused> {
        if token.kind() != Some(USER) {
            return Err(Refused::Invalid("it is no user's token"));
        }
        self.user(token, now).await?;
        let text = cookie::limited(token)?;
        let user = self.limited_user(&Token::parse(&text)?, now).await?;
        let until = user.until().unwrap_or(now);
        Ok(Limited { token: text, until })
    }

    /// `here`: the plugin that is called, which its audience has to be.
    async fn plugin(
        &self,
        token: &Token<'_>,
        here: &PluginId,
        now: SystemTime,
    ) -> Result<Principal, Refused> {
        let said = token.unverified()?.sub;
        let id = said.ok_or(Refused::Invalid("it names no plugin"))?;
        // It becomes part of a URL.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if id.is_empty() || id.len() > 128 || !id.bytes().all(plain) {
            return Err(Refused::Invalid("it names no plugin"));
        }
        let keys = self.keys_of(&id)?;
        let claims = token.verify(&keys.of(token).await?)?;
        if !self.plugins.contains_key(&id) {
            self.plugins.insert(id.clone(), keys);
        }
        let until = claims.bounded(now)?;
        if !claims.is_for(here.as_str()) {
            return Err(Refused::Invalid("its audience is another plugin"));
        }
        // The keys were those of this name.
        if claims.sub.as_deref() != Some(&*id) {
            return Err(Refused::Invalid("it names no plugin"));
        }
        let caller = named(Principal::plugin(&id, until))?;
        let Some(user) = claims.obo else {
            return Ok(caller);
        };
        let user = Token::parse(&user)?;
        if !user.is_limited() {
            return Err(Refused::Invalid(
                "on whose behalf it is, is no user's token",
            ));
        }
        let user = self.limited_user(&user, now).await?;
        Ok(user.by(&caller))
    }

    fn keys_of(&self, id: &str) -> Result<Arc<Keys>, Refused> {
        if let Some(keys) = self.plugins.get(id).or_else(|| self.unproven.get(id)) {
            return Ok(keys);
        }
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if new.0.elapsed() >= Duration::from_secs(60) {
            *new = (Instant::now(), 0);
        }
        new.1 = new.1.saturating_add(1);
        if new.1 > MOST_NEW {
            if new.1 == MOST_NEW + 1 {
                tracing::warn!(
                    "tokens name more plugins of Backstage than a minute takes; those of new ones are refused"
                );
            }
            return Err(Refused::Unreachable);
        }
        drop(new);
        let url = format!("{}/api/{id}/.backstage/auth/v1/jwks.json", self.config.url);
        let keys = Keys::new(url, &self.fetcher);
        Ok(self.unproven.get_with(id.to_owned(), || keys))
    }
}

fn named(principal: Result<Principal, super::InvalidPrincipal>) -> Result<Principal, Refused> {
    principal.map_err(|_| Refused::Invalid("whom it names is no user and no plugin"))
}
