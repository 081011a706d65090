//! Whether somebody may do something, as the operator's policies say. Without policies everything is allowed.
//!
//! A permission is declared with [`Declaration::permission`](crate::Declaration::permission). A route that needs one says
//! so in the router ([`Router::permission`](crate::Router::permission)), and is answered with 403 where it is denied. What
//! only a handler knows, it asks itself:
//!
//! ```no_run
//! use greenroom_sdk::{Error, Request, Response, permissions::{self, Resource}};
//!
//! fn publish(request: &Request) -> Result<Response, Error> {
//!     let owner = "group:default/editors"; // out of the database
//!     let article = Resource::new("article").id(request.param("id")).entity("owner", owner);
//!     permissions::require(request, "article.publish", &article)?;
//!     Ok(Response::no_content())
//! }
//! ```
//!
//! On your own machine, where tests run, everything is allowed.

use crate::{Error, Request, bindings::greenroom::permissions::authorize};
use std::{
    borrow::Borrow,
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

pub use authorize::{Decision, Error as HostError, Value};

/// Resources of one question; [`each`] asks as often as it takes.
const AT_ONCE: usize = 1000;

/// What is asked about: a type in the plugin's own words, which one, and what policies may look at.
#[derive(Debug, Clone)]
pub struct Resource(authorize::Resource);

impl Resource {
    /// All of a type, or one that is still to be made. `of` is 1 to 64 of letters, digits, `.`, `_` and `-`.
    pub fn new(of: &str) -> Self {
        Self(authorize::Resource {
            type_: of.to_owned(),
            id: None,
            attributes: Vec::new(),
        })
    }

    /// Which one: at most 1,024 bytes.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.0.id = Some(id.to_owned());
        self
    }

    /// Adds an attribute. Names are as types; there may be 32, and 16 KiB of all.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.attributes.push((name.to_owned(), value));
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.with(name, Value::Text(text.to_owned()))
    }

    /// Adds an entity of the catalog (`component:default/my-service`) or a principal, which is more than its text: a
    /// policy can ask who owns it, and whether somebody belongs to it.
    #[must_use]
    pub fn entity(self, name: &str, reference: &str) -> Self {
        self.with(name, Value::Entity(reference.to_owned()))
    }
}

/// Whether this permission has to be asked about for the request at hand. False where nothing could deny it: what a
/// resource would have to be looked up for can be left out then.
pub fn needed(permission: &str) -> Result<bool, Error> {
    /// Permissions that the host knows as declared: there are no more than the descriptor has. That one is declared does
    /// not change while an instance lives, and the question without a text is far cheaper.
    static DECLARED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

    if !cfg!(target_arch = "wasm32") {
        return Ok(false);
    }
    let mut declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    if declared.contains(permission) {
        return Ok(authorize::any_needed());
    }
    let needed = authorize::needed(permission).map_err(failed)?;
    declared.insert(permission.to_owned());
    Ok(needed)
}

/// Whether who sent the request may do this; `None` asks about the plugin as a whole.
pub fn allows(
    request: &Request,
    permission: &str,
    resource: Option<&Resource>,
) -> Result<bool, Error> {
    decide(request, permission, || Ok(resource))
}

/// 403 unless who sent the request may do this to the resource.
pub fn require(request: &Request, permission: &str, resource: &Resource) -> Result<(), Error> {
    require_of(request, permission, || Ok(Some(resource)))
}

/// As [`require`], with a resource that is looked up only where it has to be asked.
pub fn require_with(
    request: &Request,
    permission: &str,
    resource: impl FnOnce() -> Result<Resource, Error>,
) -> Result<(), Error> {
    require_of(request, permission, || resource().map(Some))
}

/// As [`require`], about the plugin as a whole.
pub fn require_any(request: &Request, permission: &str) -> Result<(), Error> {
    require_of(request, permission, || Ok(None::<Resource>))
}

fn require_of<R: Borrow<Resource>>(
    request: &Request,
    permission: &str,
    resource: impl FnOnce() -> Result<Option<R>, Error>,
) -> Result<(), Error> {
    match decide(request, permission, resource)? {
        true => Ok(()),
        false => Err(Error::denied(permission)),
    }
}

/// `resource` is looked up only where it has to be asked.
fn decide<R: Borrow<Resource>>(
    request: &Request,
    permission: &str,
    resource: impl FnOnce() -> Result<Option<R>, Error>,
) -> Result<bool, Error> {
    if !needed(permission)? {
        return Ok(true);
    }
    let resource = resource()?;
    let resource: Option<&Resource> = resource.as_ref().map(|resource| resource.borrow());
    let resource = resource.map(|resource| &resource.0);
    let decision = authorize::authorize(&request.principal(), permission, resource);
    Ok(decision.map_err(failed)? == Decision::Allow)
}

/// For each of them, whether who sent the request may do this to it, in their order. For a list, of which everybody sees
/// their own part; ask [`needed`] first.
pub fn each(
    request: &Request,
    permission: &str,
    resources: Vec<Resource>,
) -> Result<Vec<bool>, Error> {
    if !needed(permission)? {
        return Ok(vec![true; resources.len()]);
    }
    let principal = request.principal();
    let resources: Vec<_> = resources.into_iter().map(|resource| resource.0).collect();
    let mut allowed = Vec::with_capacity(resources.len());
    for some in resources.chunks(AT_ONCE) {
        let decisions = authorize::authorize_many(&principal, permission, some).map_err(failed)?;
        allowed.extend(decisions.into_iter().map(|d| d == Decision::Allow));
    }
    Ok(allowed)
}

/// What the host says of a question that it cannot answer: the plugin's own fault, but for the time.
fn failed(error: HostError) -> Error {
    match error {
        HostError::NotDeclared(why)
        | HostError::InvalidPrincipal(why)
        | HostError::InvalidResource(why)
        | HostError::TooMany(why) => Error::internal(format!("permissions: {why}")),
        HostError::TimedOut => Error::busy("permissions: timed out".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_a_component_all_is_allowed_and_nothing_looked_up() {
        let request = Request::new("DELETE", "/todos/1");
        let one = Resource::new("todo")
            .id("1")
            .entity("entity", "component:default/a");
        assert!(!needed("todo.delete").unwrap());
        assert!(allows(&request, "todo.delete", Some(&one)).unwrap());
        require(&request, "todo.delete", &one).unwrap();
        require_any(&request, "todo.delete").unwrap();
        let looked_up = || -> Result<Resource, Error> { panic!("it was looked up") };
        require_with(&request, "todo.delete", looked_up).unwrap();
        assert_eq!(
            each(&request, "todo.read", vec![one.clone(), one]).unwrap(),
            [true, true]
        );
    }

    #[test]
    fn a_question_that_the_host_refuses_is_told_in_the_log_alone() {
        let error = failed(HostError::NotDeclared("todo.raed is not declared".into()));
        assert_eq!((error.status(), error.message()), (500, "internal error"));
        assert!(error.detail().unwrap().contains("todo.raed"));
        assert_eq!(failed(HostError::TimedOut).status(), 503);
    }
}
