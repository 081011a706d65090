//! What policies know of entities: owners of components, members of groups, exported by the operator as Cedar's JSON.
//!
//! A catalog has many thousand entities, and a decision looks at a handful. So they are kept apart, with what each leads
//! to, and a decision takes those that it can reach.

use super::{
    files::Text,
    mistake::{Mistake, chain, plain},
    names::{MADE_HERE, never},
};
use cedar_policy::{Entity, EntityUid, EvalResult, RestrictedExpression};
use serde_json::{Value, value::RawValue};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Entities in all files.
const MOST: usize = 50_000;
/// Entities that one decision may look at.
const MOST_REACHED: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Entities(HashMap<EntityUid, Stored>);

#[derive(Debug)]
struct Stored {
    entity: Entity,
    parents: Vec<EntityUid>,
    /// Entities that its attributes name.
    named: Vec<EntityUid>,
}

/// An entity's parts, to be made again with more parents.
pub(super) type Parts = (HashMap<String, RestrictedExpression>, HashSet<EntityUid>);

impl Entities {
    /// Runs where Cedar may.
    pub(super) fn parse(texts: &[Text]) -> Result<Self, Vec<Mistake>> {
        let mut entities = Self::default();
        let mut mistakes = Vec::new();
        for text in texts {
            let list: Vec<&RawValue> = match serde_json::from_str(&text.text) {
                Ok(list) => list,
                Err(error) => {
                    let mut mistake =
                        Mistake::of(&text.file, format!("no list of entities: {error}"));
                    mistake.at = Some((error.line(), error.column()));
                    mistakes.push(mistake);
                    continue;
                }
            };
            for raw in list {
                // A part of the text: where it begins is its distance from the text's beginning.
                let offset = raw.get().as_ptr().addr() - text.text.as_ptr().addr();
                let refuse = |why: String| Mistake::at(&text.file, &text.text, offset, why);
                if entities.0.len() >= MOST {
                    mistakes.push(refuse(format!("there are more than {MOST} entities")));
                    return Err(mistakes);
                }
                if let Err(why) = entities.add(raw) {
                    mistakes.push(refuse(why));
                }
            }
        }
        if let Some(uid) = entities.in_a_circle() {
            let file = texts.first().map(|text| &*text.file).unwrap_or("".as_ref());
            mistakes.push(Mistake::of(
                file,
                format!("{uid} is a parent of its own parents"),
            ));
        }
        if mistakes.is_empty() {
            Ok(entities)
        } else {
            Err(mistakes)
        }
    }

    fn add(&mut self, raw: &RawValue) -> Result<(), String> {
        let json: Value = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
        let tags = json.get("tags").and_then(Value::as_object);
        if tags.is_some_and(|tags| !tags.is_empty()) {
            return Err("entities have no tags here: make attributes of them".into());
        }
        let entity = Entity::from_json_value(json, None).map_err(|e| chain(&e))?;
        let mut named = Vec::new();
        for (name, value) in entity.attrs() {
            let value = value.map_err(|e| format!("the attribute {}: {e}", plain(name)))?;
            collect(&value, &mut named);
        }
        let (uid, _, parents) = entity.clone().into_inner();
        for uid in named.iter().chain(&parents).chain([&uid]) {
            judge(uid)?;
        }
        let stored = Stored {
            entity,
            parents: parents.into_iter().collect(),
            named,
        };
        if self.0.contains_key(&uid) {
            return Err(format!("{uid} is there already"));
        }
        self.0.insert(uid, stored);
        Ok(())
    }

    /// One of those that have themselves above them, or have such a one above them. Takes away, one by one, those
    /// without a parent: what cannot be taken is in a circle or below one.
    fn in_a_circle(&self) -> Option<&EntityUid> {
        let mut above: HashMap<&EntityUid, usize> = HashMap::new();
        let mut below: HashMap<&EntityUid, Vec<&EntityUid>> = HashMap::new();
        for (uid, stored) in &self.0 {
            let parents = stored.parents.iter().filter(|p| self.0.contains_key(*p));
            let mut count = 0;
            for parent in parents {
                below.entry(parent).or_default().push(uid);
                count += 1;
            }
            above.insert(uid, count);
        }
        let mut free: Vec<&EntityUid> = above
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(uid, _)| *uid)
            .collect();
        while let Some(uid) = free.pop() {
            above.remove(uid);
            for child in below.remove(uid).unwrap_or_default() {
                if let Some(count) = above.get_mut(child) {
                    *count -= 1;
                    if *count == 0 {
                        free.push(child);
                    }
                }
            }
        }
        above.into_keys().min()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The types of those that are here.
    pub(super) fn types(&self) -> BTreeSet<String> {
        (self.0.keys())
            .map(|uid| uid.type_name().to_string())
            .collect()
    }

    /// What is known of an entity; nothing of one that is not here.
    pub(super) fn parts(&self, uid: &EntityUid) -> Parts {
        let Some(stored) = self.0.get(uid) else {
            return Parts::default();
        };
        let (_, attributes, parents) = stored.entity.clone().into_inner();
        (attributes, parents)
    }

    /// What an entity leads to: its parents, and what its attributes name.
    pub(super) fn leads_to(&self, uid: &EntityUid) -> impl Iterator<Item = &EntityUid> {
        let stored = self.0.get(uid).into_iter();
        stored.flat_map(|stored| stored.parents.iter().chain(&stored.named))
    }

    /// Those that can be reached from `roots`, but for those in `known`; both are there already or are none of these.
    pub(super) fn reached(
        &self,
        roots: Vec<EntityUid>,
        mut known: HashSet<EntityUid>,
    ) -> Result<Vec<Entity>, String> {
        let mut reached = Vec::new();
        let mut next = roots;
        while let Some(uid) = next.pop() {
            if known.contains(&uid) {
                continue;
            }
            if let Some(stored) = self.0.get(&uid) {
                if reached.len() >= MOST_REACHED {
                    return Err(format!(
                        "it leads to more than {MOST_REACHED} entities, {uid} among them"
                    ));
                }
                reached.push(stored.entity.clone());
                next.extend(stored.parents.iter().chain(&stored.named).cloned());
            }
            known.insert(uid);
        }
        Ok(reached)
    }
}

/// Entities within a value.
fn collect(value: &EvalResult, into: &mut Vec<EntityUid>) {
    match value {
        EvalResult::EntityUid(uid) => into.push(uid.clone()),
        EvalResult::Set(set) => set.iter().for_each(|value| collect(value, into)),
        EvalResult::Record(record) => record.iter().for_each(|(_, value)| collect(value, into)),
        EvalResult::Bool(_)
        | EvalResult::Long(_)
        | EvalResult::String(_)
        | EvalResult::ExtensionValue(_) => {}
    }
}

/// An error: only the host makes such entities, or nothing has such an id.
fn judge(uid: &EntityUid) -> Result<(), String> {
    let of = uid.type_name().to_string();
    if MADE_HERE.contains(&of.as_str()) {
        return Err(format!("{uid}: entities of the type {of} are the host's"));
    }
    match never(&of, uid.id().unescaped()) {
        Some(why) => Err(format!("{uid}: {why}")),
        None => Ok(()),
    }
}
