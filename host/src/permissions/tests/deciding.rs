//! Who may do what.

use super::*;
use crate::{auth::Restriction, permissions::principal};

const SERVICE: &str = "component:default/my-service";

/// The example of the documentation.
const OWNERS: &str = r#"
@id("everybody may read, create and update")
permit (
    principal,
    action in [Action::"todo.read", Action::"todo.create", Action::"todo.update"],
    resource
);

@id("owners may delete")
permit (principal is User, action == Action::"todo.delete", resource)
when { resource has entity && resource.entity has owner && principal in resource.entity.owner };
"#;

const CATALOG: &str = r#"[
  { "uid": { "type": "Entity", "id": "component:default/my-service" },
    "attrs": { "owner": { "__entity": { "type": "Group", "id": "group:default/team-a" } } },
    "parents": [{ "type": "Entity", "id": "system:default/shop" }] },
  { "uid": { "type": "Group", "id": "group:default/inner" },
    "attrs": {}, "parents": [{ "type": "Group", "id": "group:default/team-a" }] },
  { "uid": { "type": "User", "id": "user:default/sam" },
    "attrs": { "admin": true }, "parents": [{ "type": "Group", "id": "group:default/inner" }] }
]"#;

#[test]
fn without_policies_everything_is_allowed() {
    let ground = Ground::new("", None);
    let authority = Authority::open(&config::Permissions::default()).unwrap();
    assert!(!authority.decides() && authority.status().is_none());
    for who in [Principal::NONE, jane(&[])] {
        assert!(ground.allows(&authority, &who, "todo.delete", &Resource::default()));
    }
}

#[test]
fn only_owners_may_delete() {
    let ground = Ground::new(OWNERS, Some(CATALOG));
    let authority = ground.authority();
    let status = authority.status().unwrap();
    assert_eq!((status.policies, status.entities), (2, 3));
    let ask = |who: &Principal, permission: &str, about: &Resource| {
        ground.ask(&authority, who, permission, about)
    };
    let denied = Verdict::Denied(Why::NothingPermits);
    let owner = jane(&["group:default/team-a"]);
    let others = [
        jane(&[]),
        jane(&["group:default/team-b"]),
        Principal::NONE,
        Principal::service("ci", None).unwrap(),
        user("user:default/team-a", &[]),
    ];
    for who in others.iter().chain([&owner]) {
        for permission in ["todo.read", "todo.create", "todo.update"] {
            assert_eq!(ask(who, permission, &todo(SERVICE)), Verdict::Allowed);
            assert_eq!(ask(who, permission, &Resource::default()), Verdict::Allowed);
        }
    }
    for who in &others {
        assert_eq!(ask(who, "todo.delete", &todo(SERVICE)), denied, "{who:?}");
    }
    assert_eq!(ask(&owner, "todo.delete", &todo(SERVICE)), Verdict::Allowed);
    // However the reference is written.
    let shouted = todo("Component:default/My-Service");
    assert_eq!(ask(&owner, "todo.delete", &shouted), Verdict::Allowed);
    // Of another entity, of one that is not in the catalog, of none.
    for other in [
        todo("component:default/other"),
        todo("x"),
        with(vec![]),
        Resource::default(),
    ] {
        assert_eq!(ask(&owner, "todo.delete", &other), denied, "{other:?}");
    }
}

#[test]
fn groups_are_those_of_the_credential_and_those_of_the_files() {
    let ground = Ground::new(OWNERS, Some(CATALOG));
    let authority = ground.authority();
    let may = |who: &Principal| ground.allows(&authority, who, "todo.delete", &todo(SERVICE));
    // A group of the credential's that the files put below the owner.
    assert!(may(&jane(&["group:default/inner"])));
    // By name alone, as for a principal that another sent.
    assert!(may(&user("user:default/sam", &[])));
    assert!(may(&principal("user:default/sam").unwrap()));
    assert!(!may(&principal("user:default/jane").unwrap()));
    // Both at once, in whatever case.
    assert!(may(&user("user:Default/Sam", &["Group:default/other"])));
    // Nobody is put above themselves by what they own as.
    assert!(!may(&user("user:default/kim", &["user:default/kim"])));
}

#[test]
fn one_that_forbids_wins_and_has_a_name() {
    let policies = r#"permit (principal, action, resource);
@id("no robots")
forbid (principal is Service, action, resource);
forbid (principal == Anonymous::"none", action == Action::"todo.delete", resource);
"#;
    let ground = Ground::new(policies, None);
    let authority = ground.authority();
    let forbidden = |who: &Principal, permission: &str| match ground.ask(
        &authority,
        who,
        permission,
        &Resource::default(),
    ) {
        Verdict::Denied(Why::Forbidden(policy)) => policy,
        verdict => panic!("{verdict:?}"),
    };
    let robot = Principal::service("ci", None).unwrap();
    assert_eq!(forbidden(&robot, "todo.read"), "no robots");
    assert_eq!(forbidden(&robot, "todo.delete"), "no robots");
    assert_eq!(forbidden(&Principal::NONE, "todo.delete"), "a.cedar:4");
    let about = Resource::default();
    assert!(ground.allows(&authority, &Principal::NONE, "todo.read", &about));
    assert!(ground.allows(&authority, &jane(&[]), "todo.delete", &about));
}

#[test]
fn a_tokens_restrictions_come_before_the_policies() {
    let ground = Ground::new("permit (principal, action, resource);", None);
    let about = Resource::default();
    let restricted = Principal::service("ci", None)
        .unwrap()
        .restricted(Restriction {
            permissions: Some(vec!["todo.read".to_owned()]),
            actions: None,
        });
    for authority in [ground.authority(), Authority::default()] {
        assert!(ground.allows(&authority, &restricted, "todo.read", &about));
        assert_eq!(
            ground.ask(&authority, &restricted, "todo.delete", &about),
            Verdict::Denied(Why::Restricted)
        );
    }
    let closed = Ground::new("forbid (principal, action, resource);", None);
    let authority = closed.authority();
    assert!(!closed.allows(&authority, &restricted, "todo.read", &about));
}

#[test]
fn policies_see_what_the_plugin_says_and_what_the_host_adds() {
    let sees = |condition: &str| {
        let policy = format!("permit (principal, action, resource) when {{ {condition} }};");
        let ground = Ground::new(&policy, Some(CATALOG));
        let about = with(vec![
            ("entity", Value::Entity(SERVICE.into())),
            ("by", Value::Entity("user:default/jane".into())),
            (
                "watchers",
                Value::Entities(vec!["plugin:x".into(), "service:Y".into()]),
            ),
            ("title", Value::Text("buy \"milk\"".into())),
            (
                "tags",
                Value::Texts(vec!["b".into(), "a".into(), "a".into()]),
            ),
            ("done", Value::Boolean(true)),
            ("count", Value::Number(-3)),
            ("a-b.c", Value::Number(1)),
        ]);
        ground.allows(&ground.authority(), &jane(&[]), "todo.delete", &about)
    };
    for condition in [
        r#"resource.plugin == "todo" && resource.type == "todo" && resource.id == "1""#,
        r#"resource == Resource::"todo/todo/1" && resource is Resource"#,
        r#"resource.by == principal && principal == User::"user:default/jane""#,
        r#"resource.watchers == [Service::"Y", Plugin::"x"]"#,
        r#"resource.title == "buy \"milk\"" && resource.title like "buy*""#,
        r#"resource.tags == ["a", "b"] && resource.tags.contains("a")"#,
        r"resource.done && resource.count == -3",
        r#"resource["a-b.c"] == 1 && !(resource has missing)"#,
        r#"resource.entity in Entity::"system:default/shop""#,
        r#"resource.entity.owner == Group::"group:default/team-a""#,
        r#"User::"user:default/sam" in Group::"group:default/team-a""#,
        r#"User::"user:default/sam".admin"#,
        r#"action == Action::"todo.delete" && action in [Action::"todo.delete"]"#,
        r#"context.plugin == "todo" && context.attributes.action == "delete""#,
    ] {
        assert!(sees(condition), "{condition}");
        assert!(!sees(&format!("!({condition})")), "not {condition}");
    }
}

#[test]
fn a_list_of_all_is_asked_about_without_an_id() {
    let policy = r#"permit (principal, action, resource) when { resource.type == "todo" && !(resource has id) };"#;
    let ground = Ground::new(policy, None);
    let authority = ground.authority();
    let all = Resource {
        of: Some("todo".to_owned()),
        ..Resource::default()
    };
    assert!(ground.allows(&authority, &jane(&[]), "todo.read", &all));
    assert!(!ground.allows(&authority, &jane(&[]), "todo.read", &with(vec![])));
    assert!(!ground.allows(&authority, &jane(&[]), "todo.read", &Resource::default()));
}

/// As Cedar has it: an error of a policy is as if the policy were not there.
#[test]
fn a_policy_that_fails_does_not_count() {
    let policies = "permit (principal, action, resource);\n\
                    forbid (principal, action, resource) when { resource.owner == principal };\n";
    let ground = Ground::new(policies, None);
    let authority = ground.authority();
    let about = with(vec![]);
    for _ in 0..2 {
        assert!(ground.allows(&authority, &jane(&[]), "todo.read", &about));
    }
    let owned = with(vec![("owner", Value::Entity("user:default/jane".into()))]);
    assert!(!ground.allows(&authority, &jane(&[]), "todo.read", &owned));
}

#[test]
fn many_are_decided_one_by_one_and_one_at_least() {
    let ground = Ground::new(OWNERS, Some(CATALOG));
    let authority = ground.authority();
    let who = jane(&["group:default/team-a"]);
    let question = Question::new(&authority, &who, ground.act("todo.delete"));
    let many = [
        todo(SERVICE),
        todo("component:default/other"),
        todo(SERVICE),
    ];
    let allowed: Vec<_> = (question.decide(&many, TIME).into_iter())
        .map(|verdict| verdict == Verdict::Allowed)
        .collect();
    assert_eq!(allowed, [true, false, true]);
    assert_eq!(question.decide(&many, Duration::ZERO).len(), 1);
    assert!(question.decide(&[], Duration::ZERO).is_empty());
}

/// A policy that lists many permissions is asked for each of them, and for no other.
#[test]
fn lists_of_permissions_of_any_length_hold() {
    for more in [0, 6, 7, 30] {
        let listed: Vec<_> = (0..more)
            .map(|n| format!("Action::\"other.{n}\", "))
            .collect();
        let list = format!(
            "[{}Action::\"todo.read\", Action::\"todo.read\"]",
            listed.concat()
        );
        let ground = Ground::new(
            &format!("permit (principal, action in {list}, resource);"),
            None,
        );
        let authority = ground.authority();
        let about = Resource::default();
        assert!(
            ground.allows(&authority, &jane(&[]), "todo.read", &about),
            "{more}"
        );
        assert!(
            !ground.allows(&authority, &jane(&[]), "todo.delete", &about),
            "{more}"
        );
    }
}
