//! app-config.yaml and the command line, through the real binary.

mod changes;
mod files;
mod help;
mod refusals;
mod schema;
mod secrets;
mod serving;

use greenroom_tests::{binary, repository};
use serde_json::Value;
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// A folder with these files, named from it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// What `greenroom` said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

fn greenroom(folder: &Path, args: &[&str]) -> Said {
    greenroom_with(folder, args, &[])
}

/// With these variables of the environment; the temporary folder is its home.
fn greenroom_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Said {
    let output = Command::new(binary())
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_CACHE_HOME", repository().join("target/test-cache"))
        .env_remove("TODO_TOKEN")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Said {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `greenroom check` in a folder with this app-config.yaml.
fn check(yaml: &str) -> Said {
    greenroom(folder(&[("app-config.yaml", yaml)]).path(), &["check"])
}
