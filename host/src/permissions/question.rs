//! What is asked of policies, and what they say.

use super::{authority::Authority, declared::Act, names, resource::Resource, set::Set, stack};
use crate::auth::Principal;
use cedar_policy::EntityUid;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// One principal and one permission, about which resources are asked.
pub struct Question {
    who: Who,
    act: Arc<Act>,
    rule: Rule,
}

enum Rule {
    /// The credential's restriction leaves the permission out.
    Restricted,
    /// There are no policies.
    Open,
    Policies(Arc<Set>),
}

/// A principal as Cedar sees it.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) uid: EntityUid,
    pub(super) owns_as: Vec<EntityUid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Denied(Why),
}

/// For the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The token's `accessRestrictions`.
    Restricted,
    NothingPermits,
    /// The policy's name.
    Forbidden(String),
    /// The question cannot be answered: why.
    Undecided(String),
}

impl Question {
    /// `principal`: with the groups and the restriction of its credential, where it is the one that asks.
    pub fn new(authority: &Authority, principal: &Principal, act: Arc<Act>) -> Self {
        let restriction = principal.restriction();
        let rule = if restriction.is_some_and(|restriction| act.is_outside(restriction)) {
            Rule::Restricted
        } else {
            authority.set().map_or(Rule::Open, Rule::Policies)
        };
        Self {
            who: Who::new(principal),
            act,
            rule,
        }
    }

    /// The verdict on every resource, where no policy has to be asked.
    pub fn settled(&self) -> Option<Verdict> {
        match &self.rule {
            Rule::Restricted => Some(Verdict::Denied(Why::Restricted)),
            Rule::Open => Some(Verdict::Allowed),
            Rule::Policies(_) => None,
        }
    }

    /// Verdicts on the first of these resources: one at least if there is one, and as many as fit into `time`. To be
    /// called on the thread's own stack: Cedar takes any other for it.
    pub fn decide(&self, resources: &[Resource], time: Duration) -> Vec<Verdict> {
        let Rule::Policies(set) = &self.rule else {
            let settled = self.settled().into_iter();
            return settled.cycle().take(resources.len()).collect();
        };
        let by = Instant::now() + time;
        stack::deciding(|| {
            let mut verdicts = Vec::new();
            for resource in resources {
                verdicts.push(set.decide(&self.who, &self.act, resource));
                if Instant::now() >= by {
                    break;
                }
            }
            verdicts
        })
    }
}

impl Who {
    fn new(principal: &Principal) -> Self {
        Self {
            uid: names::of_principal(principal),
            owns_as: (principal.owns_as().iter())
                .map(|reference| names::entity(reference))
                .collect(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restricted => f.write_str("accessRestrictions of the token leave it out"),
            Self::NothingPermits => f.write_str("no policy permits it"),
            Self::Forbidden(policy) => write!(f, "the policy {policy} forbids it"),
            Self::Undecided(why) => write!(f, "it cannot be decided: {why}"),
        }
    }
}
