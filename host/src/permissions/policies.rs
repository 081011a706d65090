//! Policies, parsed, judged, and sorted by the permissions that they are about.

use super::{
    files::Text,
    mistake::{Mistake, place, plain},
    names::{ACTION, TYPES, never},
    statements::{self, Statement},
};
use crate::config;
use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicyId, PolicySet};
use miette::Diagnostic;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Policies in all files.
const MOST: usize = 2000;
/// Permissions that one policy lists, up to which it is kept with each of them.
const MOST_LISTED: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Policies {
    /// About any permission, or about many.
    everywhere: Part,
    /// About that one.
    by_permission: HashMap<String, Part>,
    /// By the number that is its id in Cedar.
    rules: Vec<Rule>,
    /// The permissions that are named, each with where it is first.
    named: BTreeMap<String, Named>,
}

/// Policies that are asked together.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) set: PolicySet,
    /// Entities that they name.
    pub(super) names: HashSet<EntityUid>,
}

#[derive(Debug)]
struct Rule {
    /// Its annotation `@id`, else file and line.
    name: String,
    /// It failed, and the log has it.
    told: AtomicBool,
}

/// A permission in a policy.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) file: PathBuf,
    pub(super) at: (usize, usize),
}

impl Policies {
    /// `types`: those of the operator's entities. Runs where Cedar may.
    pub(super) fn parse(texts: &[Text], types: &BTreeSet<String>) -> Result<Self, Vec<Mistake>> {
        let mut policies = Self::default();
        let mut mistakes = Vec::new();
        for text in texts {
            let statements = match statements::split(&text.text) {
                Ok(statements) => statements,
                Err(large) => {
                    mistakes.push(Mistake::at(&text.file, &text.text, large.start, large.why));
                    continue;
                }
            };
            for statement in statements {
                if policies.rules.len() >= MOST {
                    let why = format!("there are more than {MOST} policies");
                    mistakes.push(Mistake::at(&text.file, &text.text, statement.start, why));
                    return Err(mistakes);
                }
                let in_file = InFile { text, statement };
                if let Err(found) = policies.add(&in_file, types) {
                    mistakes.extend(found);
                }
            }
        }
        if mistakes.is_empty()
            && policies.rules.is_empty()
            && let Some(text) = texts.first()
        {
            let none = Mistake::of(&text.file, "there is no policy: everything would be denied");
            mistakes.push(none.help("`permit (principal, action, resource);` allows everything"));
        }
        if mistakes.is_empty() {
            Ok(policies)
        } else {
            Err(mistakes)
        }
    }

    fn add(&mut self, from: &InFile<'_>, types: &BTreeSet<String>) -> Result<(), Vec<Mistake>> {
        let id = PolicyId::new(self.rules.len().to_string());
        let policy = Policy::parse(Some(id), from.statement.text).map_err(|errors| {
            errors
                .iter()
                .map(|error| from.refused(error))
                .collect::<Vec<_>>()
        })?;
        let mut mistakes = Vec::new();
        let mut names = Vec::new();
        for uid in policy.entity_literals() {
            let (of, id) = (uid.type_name().to_string(), uid.id().unescaped().to_owned());
            if of == ACTION {
                let at = from.find(&uid);
                let named = || Named {
                    file: from.text.file.clone(),
                    at: place(&from.text.text, at),
                };
                self.named.entry(id).or_insert_with(named);
            } else if let Some(mistake) = from.unknown_type(&of, types) {
                mistakes.push(mistake);
            } else if let Some(why) = never(&of, &id) {
                let what = format!("nothing has the name {uid}");
                mistakes.push(from.mistake(from.find(&uid), what).help(why));
            } else {
                names.push(uid);
            }
        }
        let asked = asked_types(&policy);
        mistakes.extend(asked.iter().filter_map(|of| from.unknown_type(of, types)));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let id = policy.annotation("id").filter(|id| !id.is_empty());
        self.rules.push(Rule {
            name: id.map_or_else(|| from.name(), plain),
            told: AtomicBool::new(false),
        });
        self.keep(&policy, &names)
            .map_err(|why| vec![from.mistake(from.statement.start, why)])
    }

    fn keep(&mut self, policy: &Policy, names: &[EntityUid]) -> Result<(), String> {
        let about: BTreeSet<String> = match policy.action_constraint() {
            ActionConstraint::Eq(uid) => [uid].iter().map(id_of).collect(),
            ActionConstraint::In(uids) => uids.iter().map(id_of).collect(),
            ActionConstraint::Any => BTreeSet::new(),
        };
        if about.is_empty() || about.len() > MOST_LISTED {
            return self.everywhere.put(policy, names);
        }
        for permission in about {
            let part = self.by_permission.entry(permission).or_default();
            part.put(policy, names)?;
        }
        Ok(())
    }

    /// Those that can say something about this permission.
    pub(super) fn about(&self, permission: &str) -> impl Iterator<Item = &Part> {
        let own = self.by_permission.get(permission);
        [Some(&self.everywhere), own].into_iter().flatten()
    }

    pub(super) fn count(&self) -> usize {
        self.rules.len()
    }

    /// The permissions that are named and not among these.
    pub(super) fn unknown(&self, known: &BTreeSet<String>) -> Vec<(&str, &Named)> {
        let named = self.named.iter().map(|(name, at)| (name.as_str(), at));
        named.filter(|(name, _)| !known.contains(*name)).collect()
    }

    pub(super) fn name(&self, id: &PolicyId) -> &str {
        self.rule(id).map_or("a policy", |rule| &rule.name)
    }

    /// Tells the log of a policy that fails, once.
    pub(super) fn failed(&self, id: &PolicyId, error: &str) {
        if let Some(rule) = self.rule(id)
            && !rule.told.swap(true, Relaxed)
        {
            tracing::warn!(
                policy = rule.name,
                error = plain(error),
                "a policy fails for a request and does not count for it; `has` asks whether an attribute is there"
            );
        }
    }

    fn rule(&self, id: &PolicyId) -> Option<&Rule> {
        self.rules.get(id.to_string().parse::<usize>().ok()?)
    }
}

impl Part {
    fn put(&mut self, policy: &Policy, names: &[EntityUid]) -> Result<(), String> {
        let added = self.set.add(policy.clone());
        added.map_err(|error| error.to_string())?;
        self.names.extend(names.iter().cloned());
        Ok(())
    }
}

fn id_of(uid: &EntityUid) -> String {
    uid.id().unescaped().to_owned()
}

/// The types that `is` asks for, in the scope and in conditions.
fn asked_types(policy: &Policy) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    // Cedar has no other way to look into a condition. In its JSON such a type is the one text of that name.
    let mut next = vec![policy.to_json().unwrap_or_default()];
    while let Some(value) = next.pop() {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        serde_json::Value::String(of) if key == "entity_type" => {
                            types.insert(of);
                        }
                        value => next.push(value),
                    }
                }
            }
            serde_json::Value::Array(values) => next.extend(values),
            _ => {}
        }
    }
    types
}

/// A statement in its file.
struct InFile<'a> {
    text: &'a Text,
    statement: Statement<'a>,
}

impl InFile<'_> {
    /// `offset`: bytes from the file's beginning.
    fn mistake(&self, offset: usize, message: impl Into<String>) -> Mistake {
        Mistake::at(&self.text.file, &self.text.text, offset, message)
    }

    /// What Cedar's parser says, which counts from the statement's beginning.
    fn refused(&self, error: &impl Diagnostic) -> Mistake {
        let label = error.labels().and_then(|mut labels| labels.next());
        let offset = label.as_ref().map_or(0, |label| label.offset());
        let mut message = error.to_string();
        if let Some(expected) = label.as_ref().and_then(|label| label.label()) {
            message = format!("{message}, {expected}");
        }
        let mistake = self.mistake(self.statement.start + offset, message);
        match error.help() {
            Some(help) => mistake.help(help.to_string()),
            None => mistake,
        }
    }

    /// Where an entity is written first, or else where the statement begins.
    fn find(&self, uid: &EntityUid) -> usize {
        let written = uid.to_string();
        self.statement.start + self.statement.text.find(&written).unwrap_or(0)
    }

    fn unknown_type(&self, of: &str, types: &BTreeSet<String>) -> Option<Mistake> {
        if TYPES.contains(&of) || types.contains(of) {
            return None;
        }
        let offset = self.statement.text.find(of).unwrap_or(0);
        let what = format!("nothing here has the type {of}");
        let mistake = self.mistake(self.statement.start + offset, what);
        let known = || TYPES.into_iter().chain(types.iter().map(String::as_str));
        Some(mistake.help(match config::nearest(of, known()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("there are {}", config::listed(known())),
        }))
    }

    /// `todo.cedar:3`.
    fn name(&self) -> String {
        let file = self.text.file.file_name().unwrap_or_default();
        let (line, _) = place(&self.text.text, self.statement.start);
        plain(&format!("{}:{line}", file.display()))
    }
}
