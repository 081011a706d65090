//! How users, groups, entities and the like are named in Cedar.
//!
//! | in Greenroom | in Cedar |
//! |---|---|
//! | `user:default/jane` | `User::"user:default/jane"` |
//! | `group:default/team-a` | `Group::"group:default/team-a"` |
//! | `component:default/my-service`, and any other kind | `Entity::"component:default/my-service"` |
//! | `service:ci` | `Service::"ci"` |
//! | `plugin:catalog` | `Plugin::"catalog"` |
//! | `none` | `Anonymous::"none"` |
//! | the permission `todo.delete` | `Action::"todo.delete"` |
//! | a todo | `Resource::"todo/todo/ID"`: plugin, type, id |
//!
//! References of the catalog are compared in lower case, as Backstage compares them.

use crate::auth::{InvalidPrincipal, Principal};
use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use std::sync::LazyLock;

pub(super) const ACTION: &str = "Action";
pub(super) const RESOURCE: &str = "Resource";
const ANONYMOUS: &str = "Anonymous";
const ENTITY: &str = "Entity";
const GROUP: &str = "Group";
const PLUGIN: &str = "Plugin";
const SERVICE: &str = "Service";
const USER: &str = "User";

/// Every type that the host makes entities of.
pub(super) const TYPES: [&str; 8] = [
    ACTION, ANONYMOUS, ENTITY, GROUP, PLUGIN, RESOURCE, SERVICE, USER,
];
/// Types whose entities only the host makes.
pub(super) const MADE_HERE: [&str; 3] = [ACTION, ANONYMOUS, RESOURCE];
/// Types whose ids are references of the catalog.
const REFERENCES: [&str; 3] = [ENTITY, GROUP, USER];

struct Names {
    action: EntityTypeName,
    anonymous: EntityTypeName,
    entity: EntityTypeName,
    group: EntityTypeName,
    plugin: EntityTypeName,
    resource: EntityTypeName,
    service: EntityTypeName,
    user: EntityTypeName,
}

/// Parsed once: Cedar's parser is far larger than what is asked of it here.
static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let parsed = |name: &str| name.parse::<EntityTypeName>().expect("it is an identifier");
    Names {
        action: parsed(ACTION),
        anonymous: parsed(ANONYMOUS),
        entity: parsed(ENTITY),
        group: parsed(GROUP),
        plugin: parsed(PLUGIN),
        resource: parsed(RESOURCE),
        service: parsed(SERVICE),
        user: parsed(USER),
    }
});

/// The principal that a text names, in the form of the header `x-greenroom-principal`. It has that name and nothing
/// else: no groups, no restriction.
pub fn principal(name: &str) -> Result<Principal, InvalidPrincipal> {
    if name == Principal::NONE.name() {
        return Ok(Principal::NONE);
    }
    match name.split_once(':') {
        Some(("service", subject)) => Principal::service(subject, None),
        Some(("plugin", id)) => Principal::plugin(id, None),
        _ => Principal::user(name, Vec::new(), None),
    }
}

pub(super) fn of_principal(principal: &Principal) -> EntityUid {
    entity(principal.name())
}

/// What a reference names: of the catalog, or a principal.
pub(super) fn entity(reference: &str) -> EntityUid {
    let names = &*NAMES;
    if reference == Principal::NONE.name() {
        return uid(&names.anonymous, reference);
    }
    if let Some(subject) = reference.strip_prefix("service:") {
        return uid(&names.service, subject);
    }
    if let Some(id) = reference.strip_prefix("plugin:") {
        return uid(&names.plugin, id);
    }
    let folded = reference.to_lowercase();
    let kind = match folded.split_once(':') {
        Some(("user", _)) => &names.user,
        Some(("group", _)) => &names.group,
        _ => &names.entity,
    };
    uid(kind, &folded)
}

pub(super) fn action(permission: &str) -> EntityUid {
    uid(&NAMES.action, permission)
}

pub(super) fn resource(name: &str) -> EntityUid {
    uid(&NAMES.resource, name)
}

fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

/// Why nothing can ever have this id, which somebody wrote.
pub(super) fn never(of: &str, id: &str) -> Option<String> {
    if !REFERENCES.contains(&of) {
        return None;
    }
    let folded = id.to_lowercase();
    if folded != id {
        return Some(format!(
            "references of the catalog are compared in lower case: write {of}::\"{folded}\""
        ));
    }
    let right = match id.split_once(':') {
        Some(("user", _)) => USER,
        Some(("group", _)) => GROUP,
        Some(_) => ENTITY,
        None => {
            let kind = match of {
                USER => "user",
                GROUP => "group",
                _ => "component",
            };
            return Some(format!(
                "its id is a whole reference, with kind and namespace, as in {of}::\"{kind}:default/name\""
            ));
        }
    };
    (right != of).then(|| format!("write {right}::\"{id}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_one_name() {
        for (reference, expected) in [
            ("user:default/jane", r#"User::"user:default/jane""#),
            ("User:Default/Jane", r#"User::"user:default/jane""#),
            ("group:default/team-a", r#"Group::"group:default/team-a""#),
            ("Component:default/X", r#"Entity::"component:default/x""#),
            ("no reference", r#"Entity::"no reference""#),
            ("service:CI", r#"Service::"CI""#),
            ("plugin:catalog", r#"Plugin::"catalog""#),
            ("none", r#"Anonymous::"none""#),
            ("a\"b", r#"Entity::"a\"b""#),
        ] {
            assert_eq!(entity(reference).to_string(), expected);
        }
        assert_eq!(action("todo.read").to_string(), r#"Action::"todo.read""#);
        assert_eq!(resource("todo/x").to_string(), r#"Resource::"todo/x""#);
    }

    #[test]
    fn principals_are_known_by_their_names() {
        for name in ["user:default/jane", "service:ci", "plugin:catalog", "none"] {
            let principal = principal(name).unwrap();
            assert_eq!(principal.name(), name);
            assert_eq!(of_principal(&principal), entity(name));
        }
        for name in [
            "",
            "jane",
            "user:jane",
            "group:default/a",
            "service:",
            "component:default/x",
        ] {
            assert!(principal(name).is_err(), "{name}");
        }
    }

    #[test]
    fn ids_that_nothing_has_are_told() {
        assert_eq!(never("User", "user:default/jane"), None);
        assert_eq!(never("Entity", "component:default/x"), None);
        assert_eq!(never("Role", "Admin"), None);
        assert_eq!(never("Service", "CI"), None);
        let why = |of, id| never(of, id).unwrap();
        assert!(why("User", "user:default/Jane").contains(r#"User::"user:default/jane""#));
        assert!(why("User", "jane").contains(r#"User::"user:default/name""#));
        assert!(why("Entity", "x").contains(r#"Entity::"component:default/name""#));
        assert!(why("User", "group:default/a").contains(r#"Group::"group:default/a""#));
        assert!(why("Entity", "user:default/a").contains(r#"User::"user:default/a""#));
    }
}
