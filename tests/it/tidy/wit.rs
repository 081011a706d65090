//! The contract: WASI's packages are as published, and the components fit their worlds.

use super::{read, tracked};
use greenroom_tests::{chameleon, fixture, repository, todo};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use wit_parser::Resolve;

#[test]
fn the_wasi_packages_are_as_they_were_published() {
    let recorded: BTreeMap<String, String> = read("wit/deps/SHA256SUMS")
        .lines()
        .map(|line| {
            let (sum, path) = line.split_once("  ").expect("as sha256sum writes it");
            (path.to_owned(), sum.to_owned())
        })
        .collect();
    let found: BTreeMap<String, String> = tracked()
        .iter()
        .filter_map(|path| path.strip_prefix("wit/deps/"))
        .filter(|path| !["README.md", "SHA256SUMS"].contains(path))
        .map(|path| {
            let bytes = std::fs::read(repository().join("wit/deps").join(path)).unwrap();
            (path.to_owned(), hex::encode(Sha256::digest(bytes)))
        })
        .collect();
    assert!(found.len() > 10, "{found:?}");
    assert_eq!(
        found, recorded,
        "wit/deps is never edited: `cargo xtask wit`"
    );
}

/// Two versions of a package in what guests read would rename the bindings of every plugin.
#[test]
fn guests_read_one_version_of_a_package() {
    let mut resolve = Resolve::default();
    resolve
        .push_path(repository().join("wit"))
        .expect("wit/ is valid");
    let names = resolve.packages.iter();
    let mut names: Vec<_> = names
        .map(|(_, package)| format!("{}:{}", package.name.namespace, package.name.name))
        .collect();
    assert!(names.contains(&"wasi:keyvalue".to_owned()), "{names:?}");
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

/// Whether the component can stand where the world is asked for: it imports nothing outside of it, and exports all of it.
fn fits(component: &[u8], world: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_path(repository().join("wit"))
        .expect("wit/ is valid");
    let world = resolve
        .select_world(&[package], Some(world))
        .expect("a world of wit/world.wit");
    wit_component::targets(&resolve, world, component).map_err(|error| format!("{error:#}"))
}

#[test]
fn the_todo_plugin_implements_its_world() {
    fits(&todo(), "todo-plugin").unwrap();
    fits(&todo(), "backend-plugin").unwrap();
}

#[test]
fn the_chameleon_uses_more_than_the_todo_plugin_and_fits_every_plugins_world() {
    fits(&chameleon(""), "backend-plugin").unwrap();
    fits(&chameleon(""), "todo-plugin").unwrap_err();
}

#[test]
fn a_component_without_the_sdk_fits_as_well() {
    fits(&fixture("core-services"), "backend-plugin").unwrap();
}

#[test]
fn a_component_without_lifecycle_does_not_fit() {
    for name in ["plain", "no-http", "missing-import", "keyvalue-draft"] {
        fits(&fixture(name), "backend-plugin").unwrap_err();
    }
}
