//! `tests/data/backstage-tokens.json`: tokens and keys of a real Backstage, for tests that have none.

use crate::{CALLER, JANE, TARGET, backend::Backend, issued::Issued};
use greenroom_tests::{Form, repository};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};

fn file() -> PathBuf {
    repository().join("tests/data/backstage-tokens.json")
}

/// Kind and token of what is recorded; nothing when nothing is.
pub(crate) fn tokens() -> Vec<(String, String)> {
    let text = fs::read(file()).unwrap_or_default();
    let recorded: Value = serde_json::from_slice(&text).unwrap_or_default();
    let tokens = recorded["tokens"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    tokens
        .map(|token| (text(&token["kind"]), text(&token["token"])))
        .collect()
}

/// Written down: what was issued, whom it names in [`TARGET`], and what has to be refused there.
pub(crate) fn write(backend: &Backend, issued: &Issued, refused: &[(&str, Vec<Form>)]) -> PathBuf {
    let node = Command::new("node").arg("--version").output();
    let node = String::from_utf8(node.expect("node runs").stdout).expect("a version");
    let package = fs::read(repository().join("tests/backstage/package.json")).expect("the package");
    let package: Value = serde_json::from_slice(&package).expect("JSON");
    let token = |kind: &str, token: &str, principal: Option<&str>, actor: Option<&str>| json!({"kind": kind, "token": token, "principal": principal, "actor": actor});
    let forms = refused.iter().flat_map(|(kind, forms)| {
        forms
            .iter()
            .map(move |(form, token)| json!({"of": kind, "form": form, "token": token}))
    });
    let recording = json!({
        "packages": package["dependencies"],
        "node": node.trim(),
        "recordedAt": issued.at,
        "url": format!("http://{}", backend.address),
        "target": TARGET,
        "keys": issued.keys,
        "tokens": [
            token("user", &issued.user, Some(JANE), None),
            token("limited user", &issued.limited, Some(JANE), None),
            token("plugin", &issued.plugin, Some(CALLER), None),
            token("plugin for a user", &issued.for_user, Some(JANE), Some(CALLER)),
            token("plugin for another", &issued.elsewhere, None, None),
        ],
        "refused": forms.collect::<Vec<_>>(),
    });
    let text = serde_json::to_string_pretty(&recording).expect("JSON");
    fs::write(file(), text + "\n").expect("tests/data");
    file()
}
