//! `greenroom:permissions/authorize`: whether somebody may do something, as the operator's policies say.

use super::{Scope, Speaker};
use crate::{
    audit::{Event, Severity},
    auth::Principal,
    engine::on_own_stack,
    id::PluginId,
    permissions::{
        self, Act, Authority, Declared, MOST_RESOURCES, Question, Resource, Value, Verdict, Why,
    },
    telemetry::tame,
};
use std::{sync::Arc, time::Duration};
use wasmtime::{
    Result,
    component::{HasData, Linker},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        interfaces: "import greenroom:permissions/authorize@0.1.0;",
        imports: {
            "greenroom:permissions/authorize.any-needed": trappable,
            "greenroom:permissions/authorize.needed": trappable,
            default: async | trappable,
        },
    });
}
use bindings::greenroom::permissions::authorize::{self, Decision, Error};

/// Work on one question before others may run.
const SLICE: Duration = Duration::from_millis(1);
/// Bytes of a resource's name in the log.
const LONGEST_TOLD: usize = 256;

#[derive(Clone)]
pub struct Ctx {
    pub authority: Authority,
    pub declared: Arc<Declared>,
}

impl Ctx {
    /// For a component that describes itself: its linker has traps in the place of this.
    pub fn nothing(plugin: PluginId) -> Self {
        Self {
            authority: Authority::default(),
            declared: Arc::new(Declared::nothing(plugin)),
        }
    }
}

pub struct View<'a> {
    pub ctx: &'a Ctx,
    pub speaker: &'a Speaker,
    pub scope: &'a Scope,
}

impl<'a> View<'a> {
    fn act(&self, permission: &str) -> Result<&'a Arc<Act>, Error> {
        let ctx: &'a Ctx = self.ctx;
        ctx.declared.find(permission).map_err(Error::NotDeclared)
    }

    /// Whether anything can deny what the request at hand asks for.
    fn may_be_denied(&self) -> bool {
        self.scope.caller.principal.restriction().is_some() || self.ctx.authority.decides()
    }

    /// Who is asked about: with all that is known of it where it sends the request at hand.
    fn principal(&self, name: &str) -> Result<Principal, Error> {
        let own = &self.scope.caller.principal;
        if name == own.name() {
            return Ok(own.clone());
        }
        permissions::principal(name).map_err(|error| Error::InvalidPrincipal(error.to_string()))
    }

    fn question(&self, principal: &str, permission: &str) -> Result<Arc<Question>, Error> {
        let act = self.act(permission)?.clone();
        let principal = self.principal(principal)?;
        let question = Question::new(&self.ctx.authority, &principal, act);
        Ok(Arc::new(question))
    }

    async fn decide(
        &self,
        principal: &str,
        permission: &str,
        resource: Option<authorize::Resource>,
    ) -> Result<Decision, Error> {
        let question = self.question(principal, permission)?;
        let resource = resource.map_or_else(|| Ok(Resource::default()), checked)?;
        let resources = Arc::new([resource]);
        let verdicts = verdicts(question, resources.clone(), 0).await;
        match verdicts.into_iter().next() {
            Some(Verdict::Allowed) => Ok(Decision::Allow),
            Some(Verdict::Denied(why)) => {
                self.denied(principal, permission, &resources[0], &why);
                Ok(Decision::Deny)
            }
            None => Ok(Decision::Deny),
        }
    }

    async fn decide_many(
        &self,
        principal: &str,
        permission: &str,
        resources: Vec<authorize::Resource>,
    ) -> Result<Vec<Decision>, Error> {
        if resources.len() > MOST_RESOURCES {
            return Err(Error::TooMany(format!(
                "one call takes {MOST_RESOURCES} resources, not {}",
                resources.len()
            )));
        }
        let question = self.question(principal, permission)?;
        let resources = resources
            .into_iter()
            .map(checked)
            .collect::<Result<Arc<[_]>, Error>>()?;
        let mut decisions = Vec::with_capacity(resources.len());
        loop {
            let some = verdicts(question.clone(), resources.clone(), decisions.len()).await;
            for verdict in some {
                decisions.push(match verdict {
                    Verdict::Allowed => Decision::Allow,
                    Verdict::Denied(why) => {
                        self.undecided(principal, permission, &why);
                        Decision::Deny
                    }
                });
            }
            if decisions.len() >= resources.len() {
                return Ok(decisions);
            }
            if self.scope.deadline.passed() {
                return Err(Error::TimedOut);
            }
            tokio::task::yield_now().await;
        }
    }

    /// The one place that tells of a denial.
    fn denied(&self, principal: &str, permission: &str, resource: &Resource, why: &Why) {
        let resource = resource.name(&self.speaker.plugin);
        tracing::info!(
            plugin = %self.speaker.plugin, build = %self.speaker.build,
            request = &*self.scope.caller.request, principal, permission,
            resource = %tame(&resource, LONGEST_TOLD), %why, "permission denied"
        );
        if !self.speaker.voice.may_be_audited() {
            return;
        }
        Event::new("permission-denied")
            .plugin(&self.speaker.plugin)
            .severity(Severity::Medium)
            .caller(&self.scope.caller)
            .meta("permission", permission)
            .meta("principal", principal)
            .meta("resource", &*resource)
            .failed(&why.to_string())
            .record();
    }

    /// Of many, most denials are what was asked for. One that could not be decided is the operator's to mend.
    fn undecided(&self, principal: &str, permission: &str, why: &Why) {
        if let Why::Undecided(_) = why {
            tracing::info!(
                plugin = %self.speaker.plugin, build = %self.speaker.build,
                request = &*self.scope.caller.request, principal, permission, %why, "permission denied"
            );
        }
    }
}

impl authorize::Host for View<'_> {
    fn any_needed(&mut self) -> Result<bool> {
        Ok(self.may_be_denied())
    }

    fn needed(&mut self, permission: String) -> Result<Result<bool, Error>> {
        Ok(self.act(&permission).map(|_| self.may_be_denied()))
    }

    async fn authorize(
        &mut self,
        principal: String,
        permission: String,
        resource: Option<authorize::Resource>,
    ) -> Result<Result<Decision, Error>> {
        Ok(self.decide(&principal, &permission, resource).await)
    }

    async fn authorize_many(
        &mut self,
        principal: String,
        permission: String,
        resources: Vec<authorize::Resource>,
    ) -> Result<Result<Vec<Decision>, Error>> {
        Ok(self.decide_many(&principal, &permission, resources).await)
    }
}

/// On the resources from this one on, as many as one slice takes.
async fn verdicts(question: Arc<Question>, on: Arc<[Resource]>, from: usize) -> Vec<Verdict> {
    if let Some(verdict) = question.settled() {
        return vec![verdict; on.len() - from];
    }
    on_own_stack(move || question.decide(&on[from..], SLICE)).await
}

/// As the room of permissions has it, within its limits.
fn checked(resource: authorize::Resource) -> Result<Resource, Error> {
    let value = |value| match value {
        authorize::Value::Text(text) => Value::Text(text),
        authorize::Value::Texts(texts) => Value::Texts(texts),
        authorize::Value::Boolean(truth) => Value::Boolean(truth),
        authorize::Value::Number(number) => Value::Number(number),
        authorize::Value::Entity(reference) => Value::Entity(reference),
        authorize::Value::Entities(references) => Value::Entities(references),
    };
    let attributes = resource.attributes.into_iter();
    let resource = Resource {
        of: Some(resource.type_),
        id: resource.id,
        attributes: attributes.map(|(name, v)| (name, value(v))).collect(),
    };
    resource.check().map_err(Error::InvalidResource)?;
    Ok(resource)
}

struct Has;

impl HasData for Has {
    type Data<'a> = View<'a>;
}

pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> Result<()> {
    authorize::add_to_linker::<T, Has>(linker, view)
}
