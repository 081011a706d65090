//! Policies and entities that hold together, as they were read at one moment.

use super::{
    declared::Act,
    entities::Entities,
    files,
    mistake::{Mistake, Mistakes, chain},
    policies::Policies,
    question::{Verdict, Who, Why},
    resource::Resource,
    stack,
};
use crate::config;
use cedar_policy::{Authorizer, Decision, Entities as Store, Entity, Request};
use std::collections::{BTreeSet, HashSet};

/// Permissions that a message lists.
const MOST_LISTED: usize = 20;

#[derive(Debug)]
pub(super) struct Set {
    policies: Policies,
    entities: Entities,
    pub(super) since: jiff::Timestamp,
}

/// What `greenroom check` tells of the policies.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    pub policies: usize,
    pub entities: usize,
    /// Each with its file, line and column; empty where all is well.
    pub problems: Vec<String>,
}

/// Reads the files and judges them. `declared`: every permission that some plugin declares.
pub fn check(files: &config::Permissions, declared: &BTreeSet<String>) -> Report {
    let (policies, entities, problems) = match Set::read(files) {
        Err(mistakes) => (0, 0, mistakes.lines()),
        Ok(set) => {
            let unknown = set.unknown(declared);
            let problems = unknown.map(|mistakes| mistakes.lines()).unwrap_or_default();
            (set.policies.count(), set.entities.len(), problems)
        }
    };
    Report {
        policies,
        entities,
        problems,
    }
}

impl Set {
    /// Reads and parses the files; blocks.
    pub(super) fn read(files: &config::Permissions) -> Result<Self, Mistakes> {
        let entities = files::entities(&files.entities)?;
        let policies = files::policies(&files.policies)?;
        stack::reading(|| {
            let entities = Entities::parse(&entities).map_err(Mistakes::new)?;
            let policies = Policies::parse(&policies, &entities.types()).map_err(Mistakes::new)?;
            Ok(Self {
                policies,
                entities,
                since: jiff::Timestamp::now(),
            })
        })
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        (self.policies.count(), self.entities.len())
    }

    /// Permissions that policies name and nobody declares, each where it is first.
    pub(super) fn unknown(&self, declared: &BTreeSet<String>) -> Option<Mistakes> {
        let unknown = self.policies.unknown(declared).into_iter();
        let mistakes: Vec<_> = unknown
            .map(|(name, place)| {
                let what = format!("no plugin declares the permission {name}");
                let mut mistake = Mistake::of(&place.file, what);
                mistake.at = Some(place.at);
                mistake.help(meant(name, declared))
            })
            .collect();
        (!mistakes.is_empty()).then(|| Mistakes::new(mistakes))
    }

    /// Runs where Cedar may. What cannot be decided is denied.
    pub(super) fn decide(&self, who: &Who, act: &Act, resource: &Resource) -> Verdict {
        let decided = self.ask(who, act, resource);
        decided.unwrap_or_else(|why| Verdict::Denied(Why::Undecided(why)))
    }

    fn ask(&self, who: &Who, act: &Act, resource: &Resource) -> Result<Verdict, String> {
        let (about, mut roots) = resource.entity(&act.plugin)?;
        let principal = self.principal(who)?;
        roots.extend(self.entities.leads_to(&who.uid).cloned());
        roots.extend(who.owns_as.iter().cloned());
        for part in self.policies.about(&act.name) {
            roots.extend(part.names.iter().cloned());
        }
        let uid = about.uid();
        // These two are made here, whatever else leads to them.
        let known = HashSet::from([uid.clone(), who.uid.clone()]);
        let mut reached = self.entities.reached(roots, known)?;
        reached.extend([about, principal]);
        let store = Store::from_entities(reached, None).map_err(|e| chain(&e))?;
        let request = Request::new(
            who.uid.clone(),
            act.uid.clone(),
            uid,
            act.context.clone(),
            None,
        );
        let request = request.map_err(|e| chain(&e))?;
        Ok(self.answer(act, &request, &store))
    }

    /// One forbidding policy denies, whatever others permit; without any that permits, it is denied as well. The parts
    /// are one set of policies to Cedar's rules.
    fn answer(&self, act: &Act, request: &Request, store: &Store) -> Verdict {
        let authorizer = Authorizer::new();
        let mut permitted = false;
        for part in self.policies.about(&act.name) {
            let response = authorizer.is_authorized(request, &part.set, store);
            let diagnostics = response.diagnostics();
            for cedar_policy::AuthorizationError::PolicyEvaluationError(error) in
                diagnostics.errors()
            {
                let why = chain(error.inner());
                self.policies.failed(error.policy_id(), &why);
            }
            match response.decision() {
                Decision::Allow => permitted = true,
                Decision::Deny => {
                    if let Some(id) = diagnostics.reason().next() {
                        let name = self.policies.name(id).to_owned();
                        return Verdict::Denied(Why::Forbidden(name));
                    }
                }
            }
        }
        match permitted {
            true => Verdict::Allowed,
            false => Verdict::Denied(Why::NothingPermits),
        }
    }

    /// The principal with what is known of it, and its groups: those of its credential, and those in the files.
    fn principal(&self, who: &Who) -> Result<Entity, String> {
        let (attributes, mut parents) = self.entities.parts(&who.uid);
        parents.extend(who.owns_as.iter().cloned());
        // Everybody is among what they own as.
        parents.remove(&who.uid);
        Entity::new(who.uid.clone(), attributes, parents).map_err(|e| chain(&e))
    }
}

fn meant(name: &str, declared: &BTreeSet<String>) -> String {
    let all = || declared.iter().map(String::as_str);
    match config::nearest(name, all()) {
        Some(meant) => format!("did you mean {meant}?"),
        None if declared.is_empty() => "no plugin declares any".to_owned(),
        None => format!("there are {}", config::listed(all().take(MOST_LISTED))),
    }
}
