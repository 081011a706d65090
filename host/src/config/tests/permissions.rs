//! `permissions`, and Backstage's `permission`.

use super::{Setup, config, wrong};

#[test]
fn files_are_one_or_several_and_start_at_the_files_folder() {
    assert!(config("backend: {}\n").permissions.policies.is_empty());
    assert!(config("permissions:\n").permissions.policies.is_empty());
    let setup = Setup::new(&[(
        "etc/app-config.yaml",
        "permissions:\n  policies: ./a.cedar\n  entities: [owners.json, /srv/groups.json]\n",
    )]);
    let read = setup.load(&["etc/app-config.yaml"]).unwrap().permissions;
    assert_eq!(read.policies, [setup.path().join("etc/a.cedar")]);
    assert_eq!(
        read.entities,
        [
            setup.path().join("etc/owners.json"),
            "/srv/groups.json".into()
        ]
    );
}

#[test]
fn a_list_names_each_file_once() {
    let several = config("permissions: {policies: [a.cedar, b.cedar]}\n").permissions;
    assert_eq!(several.policies.len(), 2);
    for (policies, message) in [
        ("[]", "`permissions.policies` names no file (empty)"),
        (
            "[a, ./a]",
            "`permissions.policies[1]` is a file that is named before it (again)",
        ),
        (
            "''",
            "`permissions.policies` takes the path of a .cedar file, or a list of them",
        ),
        (
            "{a: b}",
            "`permissions.policies` takes the path of a .cedar file, or a list of them, not a map",
        ),
        (
            "[a, null]",
            "`permissions.policies[1]` takes the path of a .cedar file, or a list of them, not nothing",
        ),
    ] {
        let said = wrong(&format!("permissions: {{policies: {policies}}}\n"));
        assert!(said.contains(message), "{policies}: {said}");
    }
    let many: Vec<_> = (0..65).map(|n| format!("{n}.cedar")).collect();
    let said = wrong(&format!(
        "permissions: {{policies: [{}]}}\n",
        many.join(", ")
    ));
    assert!(
        said.contains("names 65 files; it takes 64 at most"),
        "{said}"
    );
}

#[test]
fn backstages_switch_agrees_with_the_policies() {
    let notes = |text: &str| config(text).notes.join("\n");
    let told = "permission.enabled is true";
    assert!(notes("permission: {enabled: true}\n").contains(told));
    assert!(!notes("permission: {enabled: false}\n").contains("permission"));
    let both = "permission: {enabled: true}\npermissions: {policies: a.cedar}\n";
    assert!(!notes(both).contains(told));
    assert!(notes("permission: {rbac: {admin: {}}}\n").contains("permission.rbac"));

    let off = wrong("permission: {enabled: false}\npermissions: {policies: a.cedar}\n");
    assert!(off.contains("`permission.enabled` is false"), "{off}");
    let elsewhere = wrong("permission: {policies: a.cedar}\n");
    assert!(
        elsewhere.contains("`permission.policies` is not a key"),
        "{elsewhere}"
    );
    let alone = wrong("permissions: {entities: a.json}\n");
    assert!(alone.contains("without `permissions.policies`"), "{alone}");
    let misspelt = wrong("permissions: {polices: a.cedar}\n");
    assert!(
        misspelt.contains("`permissions.polices` is not a key"),
        "{misspelt}"
    );
}
