//! Whom a credential names.

/// What is left of a service's rights in one plugin.
pub use crate::config::Restriction;
use std::{sync::Arc, time::SystemTime};

/// Bytes of a principal's name.
const MAX_NAME: usize = 512;

/// Who sent a request: nobody who is known, a user, a service or another plugin. A clone costs a counter, or nothing
/// where it is nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principal(Option<Arc<Known>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    name: Box<str>,
    kind: Kind,
    /// What the user claims to own entities as (the claim `ent`): entity references, the user's own among them.
    owns_as: Vec<String>,
    restriction: Option<Restriction>,
    /// When the credential ends.
    until: Option<SystemTime>,
    /// Known by a limited token, as a browser's cookie holds it.
    limited: bool,
    /// Of a user: the plugin that calls on its behalf.
    actor: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Service,
    Plugin,
}

/// A name that no principal can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a principal's name is 1 to {MAX_NAME} characters of visible ASCII, a user's an entity reference `user:namespace/name`"
)]
pub struct InvalidPrincipal;

impl Principal {
    /// Nobody who is known: no credential, or on an open path one that is not good.
    pub const NONE: Self = Self(None);

    /// `entity`: `user:default/jane`, as in the claim `sub`. `owns_as`: the claim `ent`.
    pub fn user(
        entity: &str,
        owns_as: Vec<String>,
        until: Option<SystemTime>,
    ) -> Result<Self, InvalidPrincipal> {
        let rest = entity.strip_prefix("user:").ok_or(InvalidPrincipal)?;
        let (namespace, name) = rest.split_once('/').ok_or(InvalidPrincipal)?;
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err(InvalidPrincipal);
        }
        Self::new(Kind::User, entity.into(), owns_as, until)
    }

    /// `subject`: of a static token, or `external:…` of one that an identity provider issued.
    pub fn service(subject: &str, until: Option<SystemTime>) -> Result<Self, InvalidPrincipal> {
        let name = format!("service:{subject}");
        Self::new(Kind::Service, name, Vec::new(), until)
    }

    /// `id`: of a plugin, here or in the Backstage that issued its token.
    pub fn plugin(id: &str, until: Option<SystemTime>) -> Result<Self, InvalidPrincipal> {
        let name = format!("plugin:{id}");
        Self::new(Kind::Plugin, name, Vec::new(), until)
    }

    fn new(
        kind: Kind,
        name: String,
        owns_as: Vec<String>,
        until: Option<SystemTime>,
    ) -> Result<Self, InvalidPrincipal> {
        let prefix_alone = name.ends_with(':');
        if prefix_alone || name.len() > MAX_NAME || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidPrincipal);
        }
        Ok(Self(Some(Arc::new(Known {
            name: name.into(),
            kind,
            owns_as,
            restriction: None,
            until,
            limited: false,
            actor: None,
        }))))
    }

    /// The same, with what is left of its rights in one plugin.
    #[must_use]
    pub fn restricted(self, restriction: Restriction) -> Self {
        self.with(|known| known.restriction = Some(restriction))
    }

    /// The same, known by a limited token: good for paths of the policy `user-cookie` alone.
    #[must_use]
    pub fn limited(self) -> Self {
        self.with(|known| known.limited = true)
    }

    /// A user on whose behalf `plugin` calls. That plugin was known by a whole token, so what it may the user may here.
    #[must_use]
    pub fn by(self, plugin: &Self) -> Self {
        self.with(|known| {
            known.actor = Some(plugin.name().into());
            known.until = [known.until, plugin.until()].into_iter().flatten().min();
        })
    }

    fn with(self, change: impl FnOnce(&mut Known)) -> Self {
        Self(self.0.map(|known| {
            let mut known = Arc::unwrap_or_clone(known);
            change(&mut known);
            Arc::new(known)
        }))
    }

    /// As the header `x-greenroom-principal` and the log have it: `user:default/jane`, `service:ci`, `plugin:catalog`,
    /// or `none`.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("none", |known| &known.name)
    }

    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    pub fn is_limited(&self) -> bool {
        self.0.as_ref().is_some_and(|known| known.limited)
    }

    /// The plugin that calls on this user's behalf, as the header `x-greenroom-actor` and the log have it:
    /// `plugin:catalog`.
    pub fn actor(&self) -> Option<&str> {
        self.0.as_ref()?.actor.as_deref()
    }

    pub fn is_user(&self) -> bool {
        self.is(Kind::User)
    }

    /// A user who calls for themselves, by a whole token.
    pub fn is_whole_user(&self) -> bool {
        self.is_user() && !self.is_limited() && self.actor().is_none()
    }

    fn is(&self, kind: Kind) -> bool {
        self.0.as_ref().is_some_and(|known| known.kind == kind)
    }

    /// Entity references that a user owns entities as: `user:default/jane`, `group:default/team-a`. Empty for others.
    pub fn owns_as(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |known| &known.owns_as)
    }

    /// For a service: what is left of its rights in the plugin that it calls.
    pub fn restriction(&self) -> Option<&Restriction> {
        self.0.as_ref()?.restriction.as_ref()
    }

    /// When its credential ends.
    pub fn until(&self) -> Option<SystemTime> {
        self.0.as_ref()?.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_header() {
        let jane = Principal::user("user:default/jane", vec![], None).unwrap();
        assert_eq!(jane.name(), "user:default/jane");
        assert_eq!(Principal::service("ci", None).unwrap().name(), "service:ci");
        let catalog = Principal::plugin("catalog", None).unwrap();
        assert_eq!(catalog.name(), "plugin:catalog");
        assert_eq!(Principal::NONE.name(), "none");
        assert!(jane.is_user() && !catalog.is_user() && !Principal::NONE.is_known());
    }

    #[test]
    fn no_name_passes_for_another_kind_or_breaks_a_header() {
        for entity in [
            "plugin:catalog",
            "user:",
            "user:jane",
            "user:/jane",
            "user:default/",
            "user:default/a/b",
            "service:ci",
            "",
        ] {
            assert_eq!(
                Principal::user(entity, vec![], None),
                Err(InvalidPrincipal),
                "{entity}"
            );
        }
        for subject in ["", "a b", "a\r\nx: y", "ä", &"a".repeat(MAX_NAME)] {
            assert!(Principal::service(subject, None).is_err(), "{subject:?}");
            assert!(Principal::plugin(subject, None).is_err(), "{subject:?}");
        }
    }
}
