//! Policies and entities as files in; decisions out.

mod deciding;
mod depth;
mod reading;
mod reloading;

use super::{Act, Authority, Declared, Known, Permission, Question, Resource, Value, Verdict, Why};
use crate::{auth::Principal, config};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Long enough for all of a test's resources.
const TIME: Duration = Duration::from_secs(60);

/// A folder with `a.cedar`, and `entities.json` where there is one.
struct Ground {
    folder: tempfile::TempDir,
    settings: config::Permissions,
    declared: Declared,
}

impl Ground {
    fn new(policies: &str, entities: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = config::Permissions {
            policies: vec![folder.path().join("a.cedar")],
            entities: Vec::new(),
        };
        std::fs::write(&settings.policies[0], policies).unwrap();
        if let Some(entities) = entities {
            settings.entities = vec![folder.path().join("entities.json")];
            std::fs::write(&settings.entities[0], entities).unwrap();
        }
        Self {
            folder,
            settings,
            declared: declared(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file of policies, with another text from now on.
    fn rewrite(&self, policies: &str) {
        std::fs::write(&self.settings.policies[0], policies).unwrap();
    }

    fn authority(&self) -> Authority {
        Authority::open(&self.settings).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    /// What is wrong with the files, without the folder's name.
    fn wrong(&self) -> Vec<String> {
        let mistakes = Authority::open(&self.settings).unwrap_err();
        let folder = format!("{}/", self.path().display());
        let lines = mistakes.lines().into_iter();
        lines.map(|line| line.replace(&folder, "")).collect()
    }

    fn act(&self, permission: &str) -> Arc<Act> {
        self.declared.find(permission).unwrap().clone()
    }

    /// What one asks, and is told.
    fn ask(
        &self,
        authority: &Authority,
        who: &Principal,
        permission: &str,
        about: &Resource,
    ) -> Verdict {
        let question = Question::new(authority, who, self.act(permission));
        let mut verdicts = question.decide(std::slice::from_ref(about), TIME);
        assert_eq!(verdicts.len(), 1);
        verdicts.remove(0)
    }

    fn allows(
        &self,
        authority: &Authority,
        who: &Principal,
        permission: &str,
        about: &Resource,
    ) -> bool {
        self.ask(authority, who, permission, about) == Verdict::Allowed
    }
}

/// Those of the todo plugin.
fn declared() -> Declared {
    let permission = |action: &str| Permission {
        name: format!("todo.{action}"),
        attributes: vec![("action".to_owned(), action.to_owned())],
    };
    let permissions = ["read", "create", "update", "delete"].map(permission);
    Declared::new("todo".parse().unwrap(), &permissions).unwrap()
}

fn known(names: &[&str]) -> Known {
    Known {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        complete: true,
    }
}

fn names() -> BTreeSet<String> {
    declared().names().map(str::to_owned).collect()
}

fn jane(groups: &[&str]) -> Principal {
    user("user:default/jane", groups)
}

fn user(name: &str, groups: &[&str]) -> Principal {
    let groups = groups.iter().chain(std::iter::once(&name));
    let groups = groups.map(|group| (*group).to_owned());
    Principal::user(name, groups.collect(), None).unwrap()
}

/// A todo of an entity.
fn todo(entity: &str) -> Resource {
    with(vec![("entity", Value::Entity(entity.to_owned()))])
}

fn with(attributes: Vec<(&str, Value)>) -> Resource {
    let attributes = attributes.into_iter();
    Resource {
        of: Some("todo".to_owned()),
        id: Some("1".to_owned()),
        attributes: attributes
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}
