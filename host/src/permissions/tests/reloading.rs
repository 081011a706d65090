//! Files that change, and plugins that come and go.

use super::*;

const OPEN: &str = "permit (principal, action, resource);\n";
const CLOSED: &str = "forbid (principal, action, resource);\n";

/// Whether anybody may read.
fn is_open(ground: &Ground, authority: &Authority) -> bool {
    ground.allows(authority, &jane(&[]), "todo.read", &Resource::default())
}

fn problem(authority: &Authority) -> Option<String> {
    authority.status().unwrap().problem
}

#[test]
fn what_is_right_takes_the_place_of_what_was() {
    let ground = Ground::new(OPEN, None);
    let authority = ground.authority();
    assert!(is_open(&ground, &authority));
    ground.rewrite(CLOSED);
    assert!(
        is_open(&ground, &authority),
        "nobody said that they changed"
    );
    authority.reload(&known(&[]));
    assert!(!is_open(&ground, &authority));
    assert_eq!(problem(&authority), None);
}

#[test]
fn what_is_wrong_leaves_what_was_and_is_told() {
    let ground = Ground::new(OPEN, None);
    let authority = ground.authority();
    ground.rewrite("forbid (principal, action);\n");
    authority.reload(&known(&[]));
    assert!(is_open(&ground, &authority));
    assert!(problem(&authority).unwrap().contains("a.cedar:1:"));
    std::fs::remove_file(&ground.settings.policies[0]).unwrap();
    authority.reload(&known(&[]));
    assert!(is_open(&ground, &authority));
    assert!(problem(&authority).unwrap().contains("cannot read it"));
    ground.rewrite(CLOSED);
    authority.reload(&known(&[]));
    assert_eq!(
        (is_open(&ground, &authority), problem(&authority)),
        (false, None)
    );
}

#[test]
fn a_permission_that_nobody_declares_waits_for_who_does() {
    let ground = Ground::new(OPEN, None);
    let authority = ground.authority();
    let closing =
        format!("{CLOSED}forbid (principal, action == Action::\"notes.read\", resource);\n");
    ground.rewrite(&closing);
    authority.reload(&known(&["todo.read"]));
    assert!(is_open(&ground, &authority));
    let told = problem(&authority).unwrap();
    assert!(
        told.contains("a.cedar:2:30: no plugin declares the permission notes.read"),
        "{told}"
    );
    authority.review(&known(&["todo.read"]));
    assert!(is_open(&ground, &authority));
    // Its plugin comes.
    authority.review(&known(&["todo.read", "notes.read"]));
    assert_eq!(
        (is_open(&ground, &authority), problem(&authority)),
        (false, None)
    );
    // And goes: the policies stay, and say nothing about anything.
    authority.review(&known(&["todo.read"]));
    assert!(!is_open(&ground, &authority));
    let unknown = authority.status().unwrap().unknown;
    assert!(
        unknown.len() == 1 && unknown[0].contains("notes.read"),
        "{unknown:?}"
    );
    authority.review(&known(&["notes.read"]));
    assert!(authority.status().unwrap().unknown.is_empty());
}

#[test]
fn while_a_plugin_is_not_known_nothing_is_refused_for_it() {
    let ground = Ground::new(
        "permit (principal, action == Action::\"notes.read\", resource);",
        None,
    );
    // At a start no plugin is known yet.
    let authority = ground.authority();
    let unsure = Known {
        complete: false,
        ..known(&["todo.read"])
    };
    authority.review(&unsure);
    assert!(authority.status().unwrap().unknown.is_empty());
    ground.rewrite(&format!(
        "{OPEN}permit (principal, action == Action::\"notes.read\", resource);"
    ));
    authority.reload(&unsure);
    assert_eq!(
        (is_open(&ground, &authority), problem(&authority)),
        (true, None)
    );
    authority.review(&known(&["todo.read"]));
    assert_eq!(authority.status().unwrap().unknown.len(), 1);
}

#[test]
fn what_waited_is_forgotten_when_the_files_change_again() {
    let ground = Ground::new(OPEN, None);
    let authority = ground.authority();
    ground.rewrite(&format!(
        "{CLOSED}forbid (principal, action == Action::\"notes.read\", resource);"
    ));
    authority.reload(&known(&[]));
    ground.rewrite(OPEN);
    authority.reload(&known(&[]));
    authority.review(&known(&["notes.read"]));
    assert!(is_open(&ground, &authority));
}
