//! What is wrong with files, each with its place.

use super::*;
use crate::permissions::check;

fn refused(policies: &str) -> Vec<String> {
    Ground::new(policies, None).wrong()
}

/// With a policy that is right.
fn wrong_entities(entities: &str) -> Vec<String> {
    Ground::new("permit (principal, action, resource);", Some(entities)).wrong()
}

#[test]
fn what_does_not_parse_is_told_where_it_is() {
    let policies = "permit (principal, action, resource);\n\
                    permit (principal, action resource);\n\n\
                    forbid (principal, action, resource) when { resource.owner = principal };\n";
    let wrong = refused(policies);
    assert!(
        wrong[0].starts_with("a.cedar:2:27: unexpected token `resource`, expected "),
        "{}",
        wrong[0]
    );
    let fourth = wrong.iter().any(|line| line.starts_with("a.cedar:4:"));
    assert!(fourth, "{wrong:#?}");
    for (policy, place) in [
        ("permit (principal, action, resource)", "a.cedar:1:"),
        ("allow (principal, action, resource);", "a.cedar:1:1: "),
        (
            "permit (principal, action, resource) when { \"a };",
            "a.cedar:1:",
        ),
        (
            "permit (principal == ?principal, action, resource);",
            "a.cedar:1:",
        ),
        (";", "a.cedar:1:1: "),
    ] {
        let wrong = refused(policy);
        assert!(
            !wrong.is_empty() && wrong[0].starts_with(place),
            "{policy}: {wrong:#?}"
        );
    }
    let slots = refused("\npermit (principal in ?principal, action, resource);");
    assert!(slots[0].contains("?principal"), "{slots:#?}");
}

#[test]
fn an_empty_file_denies_nothing_by_mistake() {
    for empty in ["", "\n// permit (principal, action, resource);\n"] {
        let wrong = refused(empty);
        assert!(
            wrong[0].starts_with("a.cedar: there is no policy"),
            "{wrong:#?}"
        );
    }
}

#[test]
fn names_that_nothing_has_are_told() {
    for (condition, message) in [
        (
            "principal is Usr",
            "nothing here has the type Usr; did you mean User?",
        ),
        (
            r#"principal == usr::"x""#,
            "nothing here has the type usr; did you mean User?",
        ),
        (
            r#"principal == Role::"admin""#,
            "nothing here has the type Role; there are Action, Anonymous, Entity, Group, Plugin, \
             Resource, Service and User",
        ),
        (
            r#"principal == User::"user:default/Jane""#,
            "nothing has the name User::\"user:default/Jane\"; references of the catalog are compared \
             in lower case: write User::\"user:default/jane\"",
        ),
        (
            r#"principal in Group::"team-a""#,
            "nothing has the name Group::\"team-a\"; its id is a whole reference, with kind and \
             namespace, as in Group::\"group:default/name\"",
        ),
    ] {
        let policy = format!("\npermit (principal, action, resource) when {{ {condition} }};");
        let column = 1 + "permit (principal, action, resource) when { principal == ".len();
        assert_eq!(
            refused(&policy),
            [format!("a.cedar:2:{column}: {message}")],
            "{condition}"
        );
    }
    // A type of the operator's own entities is one.
    let entities = r#"[{ "uid": { "type": "Role", "id": "admin" }, "attrs": {}, "parents": [] },
        { "uid": { "type": "User", "id": "user:default/jane" }, "attrs": {},
          "parents": [{ "type": "Role", "id": "admin" }] }]"#;
    let policy = r#"permit (principal in Role::"admin", action, resource);"#;
    let ground = Ground::new(policy, Some(entities));
    let authority = ground.authority();
    assert!(ground.allows(&authority, &jane(&[]), "todo.read", &Resource::default()));
    let kim = user("user:default/kim", &[]);
    assert!(!ground.allows(&authority, &kim, "todo.read", &Resource::default()));
}

#[test]
fn permissions_that_nobody_declares_are_told() {
    let policies = "permit (principal, action == Action::\"todo.read\", resource);\n\
                    forbid (principal, action in [Action::\"todo.delet\", Action::\"other\"], resource)\n  \
                    unless { action == Action::\"todo.read\" };\n";
    let ground = Ground::new(policies, None);
    let report = check(&ground.settings, &names());
    let file = format!("{}/a.cedar", ground.path().display());
    let other = 1 + "forbid (principal, action in [Action::\"todo.delet\", ".len();
    assert_eq!(
        report.problems,
        [
            format!(
                "{file}:2:{other}: no plugin declares the permission other; there are todo.create, todo.delete, \
                 todo.read and todo.update"
            ),
            format!(
                "{file}:2:31: no plugin declares the permission todo.delet; did you mean todo.delete?"
            ),
        ]
    );
    assert_eq!((report.policies, report.entities), (2, 0));
    let all = known(&["todo.read", "todo.delet", "other"]).names;
    assert!(check(&ground.settings, &all).problems.is_empty());
    let none = check(&ground.settings, &BTreeSet::new());
    assert!(
        none.problems[0].ends_with("; no plugin declares any"),
        "{none:?}"
    );
    let missing = config::Permissions {
        policies: vec![PathBuf::from("/nowhere/a.cedar")],
        entities: Vec::new(),
    };
    let report = check(&missing, &names());
    assert!(
        report.problems[0].starts_with("/nowhere/a.cedar: cannot read it: "),
        "{report:?}"
    );
}

#[test]
fn entities_are_judged_one_by_one() {
    let one =
        |uid: &str, rest: &str| format!(r#"{{"uid": {uid}, "attrs": {{}}, "parents": []{rest}}}"#);
    let jane = r#"{"type": "User", "id": "user:default/jane"}"#;
    for (list, message) in [
        ("{}".to_owned(), "no list of entities"),
        ("[{]".to_owned(), "no list of entities"),
        (
            format!("[\n {}, \n {}]", one(jane, ""), one(jane, "")),
            "entities.json:3:2: User::\"user:default/jane\" is there already",
        ),
        (
            format!("[{}]", one(r#"{"type": "Action", "id": "x"}"#, "")),
            "entities of the type Action are the host's",
        ),
        (
            format!("[{}]", one(r#"{"type": "User", "id": "Jane"}"#, "")),
            "write User::\"jane\"",
        ),
        (
            format!("[{}]", one(jane, r#", "tags": {"a": 1}"#)),
            "entities have no tags here",
        ),
        (
            "[{\"uid\": 5, \"attrs\": {}, \"parents\": []}]".to_owned(),
            "entities.json:1:2: ",
        ),
        (
            r#"[{"uid": {"type": "Group", "id": "group:default/a"}, "attrs": {},
                 "parents": [{"type": "Group", "id": "group:default/b"}]},
                {"uid": {"type": "Group", "id": "group:default/b"}, "attrs": {},
                 "parents": [{"type": "Group", "id": "group:default/a"}]}]"#
                .to_owned(),
            "Group::\"group:default/a\" is a parent of its own parents",
        ),
        (
            format!(
                r#"[{{"uid": {jane}, "attrs": {{"x": [{{"__entity": {{"type": "Group", "id": "TEAM"}}}}]}}, "parents": []}}]"#
            ),
            "write Group::\"team\"",
        ),
    ] {
        let wrong = wrong_entities(&list);
        assert!(wrong[0].contains(message), "{list}: {wrong:#?}");
        assert!(wrong[0].starts_with("entities.json:"), "{wrong:#?}");
    }
}

#[test]
fn only_the_first_mistakes_are_told() {
    let wrong = refused(&"permit (x);\n".repeat(100));
    assert_eq!(wrong.len(), 21);
    assert!(wrong[20].starts_with("and "), "{}", wrong[20]);
    let many = "permit (principal, action, resource);\n".repeat(2001);
    let wrong = refused(&many);
    assert_eq!(wrong, ["a.cedar:2001:1: there are more than 2000 policies"]);
}

/// A decision takes what it can reach, and no more than it may.
#[test]
fn what_a_decision_reaches_is_bounded() {
    let chain = |length: usize| {
        let one = |n: usize| {
            format!(
                r#"{{"uid": {{"type": "Group", "id": "group:default/{n}"}}, "attrs": {{}},
                    "parents": [{{"type": "Group", "id": "group:default/{}"}}]}}"#,
                n + 1
            )
        };
        format!("[{}]", (0..length).map(one).collect::<Vec<_>>().join(","))
    };
    let may = |length: usize| {
        let policy =
            format!(r#"permit (principal in Group::"group:default/{length}", action, resource);"#);
        let ground = Ground::new(&policy, Some(&chain(length)));
        let authority = ground.authority();
        let who = jane(&["group:default/0"]);
        ground.ask(&authority, &who, "todo.read", &Resource::default())
    };
    assert_eq!(may(500), Verdict::Allowed);
    match may(1001) {
        Verdict::Denied(Why::Undecided(why)) => {
            assert!(why.contains("more than 1000 entities"), "{why}")
        }
        verdict => panic!("{verdict:?}"),
    }
}
