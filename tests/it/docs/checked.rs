//! Every configuration in the pages is one that `greenroom check` takes.

use super::{first, pages};
use crate::{
    readme::shown::{blocks, shape},
    scaffold::said,
};
use greenroom_tests::{binary, chameleon, repository, todo};
use std::{path::Path, process::Command};
use tempfile::TempDir;

const PERMISSIONS: &str = "docs/permissions.md";

/// In the example of docs/logging.md: the tests have no such folder.
pub(super) const AUDITS: &str = "/var/lib/greenroom/audit.log";

/// As many as there are. One more may come, none may be lost: neither by a page nor by who looks for them.
const AT_LEAST: usize = 10;

#[test]
fn every_configuration_is_taken_without_a_word() {
    let mut checked = 0;
    for page in pages() {
        for (language, yaml) in blocks(&page) {
            // The one that begins with `discovery` is Backstage's.
            if language != "yaml" || yaml.starts_with("discovery:") {
                continue;
            }
            let mut plugins = vec![("todo", todo())];
            if yaml.contains("required: true") {
                // What is required has to be there; what it does is of no interest here.
                assert!(yaml.contains("\n  relay:\n"), "{page}:\n{yaml}");
                plugins.push(("relay", chameleon("id=relay;")));
            }
            let (code, out, err) = check(&yaml, &plugins);
            // A note of `check` goes to standard error, as a refusal does.
            assert_eq!((code, err.as_str()), (0, ""), "{page}:\n{yaml}\n{out}");
            assert!(out.contains("the configuration is valid"), "{out}");
            checked += 1;
        }
    }
    assert!(checked >= AT_LEAST, "only {checked} are found");
}

#[test]
fn policies_are_judged_by_the_plugins_that_are_there() {
    let yaml = first(PERMISSIONS, "yaml");
    let (code, out, err) = check(&yaml, &[("todo", todo())]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(shape(&out), shape(&first(PERMISSIONS, "text")));
}

/// `greenroom check` of this configuration, beside all that the pages' configurations name, and with these plugins: its
/// exit status, what it prints, and what it says besides.
pub(super) fn check(yaml: &str, plugins: &[(&str, Vec<u8>)]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, content: &[u8]| put(folder.path(), name, content);
    write(
        "app-config.yaml",
        yaml.replace(AUDITS, "./audit.log").as_bytes(),
    );
    write("secrets/mirror-token", b"the-mirrors-token\n");
    write("todo.cedar", first(PERMISSIONS, "cedar").as_bytes());
    write("owners.json", first(PERMISSIONS, "json").as_bytes());
    for (id, component) in plugins {
        write(&format!("plugins/{id}.wasm"), component);
    }
    let output = Command::new(binary())
        .arg("check")
        .current_dir(folder.path())
        .env("XDG_CACHE_HOME", repository().join("target/test-cache"))
        .env("CI_TOKEN", "the-token-of-ci")
        .env_remove("MIRROR_RETRIES")
        .output()
        .unwrap();
    said(&output)
}

/// A file of this name below the folder.
pub(super) fn put(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}
