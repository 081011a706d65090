//! `greenroom new`, in a folder outside of the repository.

use greenroom_tests::{Setup, binary, repository};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

pub(super) fn new(folder: &Path, args: &[&str]) -> Output {
    Command::new(binary())
        .arg("new")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit status, standard output, standard error.
pub(super) fn said(output: &Output) -> (i32, String, String) {
    let code = output.status.code().expect("it ends by itself");
    (code, text(&output.stdout), text(&output.stderr))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn files(folder: &Path, below: &str, found: &mut Vec<String>) {
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            files(&path, &format!("{below}{name}/"), found);
        } else {
            found.push(format!("{below}{name}"));
        }
    }
}

/// cargo in the new plugin, as its author runs it, with dependencies that are compiled once for all runs.
pub(super) fn cargo(plugin: &Path, args: &[&str], host: &Path) -> Output {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(args)
        .current_dir(plugin)
        .env("CARGO_TARGET_DIR", target())
        .env("XDG_CACHE_HOME", repository().join("target/test-cache"))
        .env("GREENROOM", host)
        .output()
        .unwrap()
}

pub(super) fn target() -> PathBuf {
    repository().join("target/scaffold")
}

#[test]
fn the_new_plugin_is_formatted_passes_its_test_and_serves() {
    let folder = TempDir::new().unwrap();
    let (code, out, err) = said(&new(folder.path(), &["notes"]));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("cd notes") && out.contains("/api/notes/items"),
        "{out}"
    );
    let plugin = folder.path().join("notes");

    let formatted = cargo(&plugin, &["fmt", "--check"], &binary());
    assert!(formatted.status.success(), "{:?}", said(&formatted));

    let tested = said(&cargo(&plugin, &["test"], &binary()));
    assert_eq!(tested.0, 0, "{}\n{}", tested.1, tested.2);
    assert!(tested.1.contains("2 passed"), "{}", tested.1);
    assert!(!tested.2.contains("warning"), "{}", tested.2);

    // Without a host its test fails, and says what it needs.
    let nowhere = said(&cargo(&plugin, &["test"], &folder.path().join("no-host")));
    assert_ne!(nowhere.0, 0, "{}", nowhere.1);
    let needs = "This test needs Greenroom";
    assert!(
        nowhere.1.contains(needs) || nowhere.2.contains(needs),
        "{nowhere:?}"
    );

    let component = target().join("wasm32-wasip2/release/notes_plugin.wasm");
    let host = Setup::new().start();
    let outcome = host.deploy("notes", &std::fs::read(component).unwrap());
    assert_eq!(outcome.unwrap()["outcome"], "deployed");
    let created = host.post("/api/notes/items", &json!({ "title": "first" }));
    assert_eq!(created.status, 201, "{}", created.text());
    let listed = host.get("/api/notes/items").json();
    assert_eq!(listed, json!([{ "id": 1, "title": "first" }]));
    assert_eq!(host.post("/api/notes/items", &json!({})).status, 400);
}

/// What depends on the id, and needs no compiler to see.
#[test]
fn a_name_with_dashes_and_digits_gives_valid_build_files() {
    let folder = TempDir::new().unwrap();
    let (code, out, err) = said(&new(folder.path(), &["my-plugin2"]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("release/my_plugin2_plugin.wasm"), "{out}");
    let plugin = folder.path().join("my-plugin2");
    let metadata = cargo(
        &plugin,
        &["metadata", "--no-deps", "--format-version", "1"],
        &binary(),
    );
    let (code, out, err) = said(&metadata);
    assert_eq!(code, 0, "{err}");
    let metadata: Value = serde_json::from_str(&out).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 1, "a workspace of its own: {metadata}");
    let package = &packages[0];
    assert_eq!(package["name"], "my-plugin2-plugin");
    // Besides what it vendors, from crates.io alone.
    for dependency in package["dependencies"].as_array().unwrap() {
        let vendored = dependency["path"]
            .as_str()
            .is_some_and(|p| p.contains("/vendor/"));
        let index = "registry+https://github.com/rust-lang/crates.io-index";
        assert!(vendored || dependency["source"] == index, "{dependency}");
    }
    let mut all = Vec::new();
    files(&plugin, "", &mut all);
    for file in all.iter().filter(|file| !file.starts_with("vendor/")) {
        let content = text(&std::fs::read(plugin.join(file)).unwrap());
        assert!(!content.contains("{{"), "{file} has a placeholder left");
    }
    let declared = text(&std::fs::read(plugin.join("src/lib.rs")).unwrap());
    assert!(declared.contains("\"my-plugin2\""), "{declared}");
}

#[test]
fn what_it_tells_programs_is_what_it_writes() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (code, dry, err) = said(&new(&root, &["notes", "--dry-run", "--json"]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(names(&root).is_empty(), "a dry run writes nothing");
    let (code, out, err) = said(&new(&root, &["notes", "--json"]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, dry);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["id"], "notes");
    assert_eq!(told["folder"], root.join("notes").to_str().unwrap());
    let mut written = Vec::new();
    files(&root.join("notes"), "", &mut written);
    written.sort();
    assert_eq!(told["files"], json!(written));
    assert_eq!(names(&root), ["notes"], "nothing else is left");
    // The SDK and the WIT are those of this repository.
    for (vendored, ours) in [
        ("vendor/guest/sdk/src/lib.rs", "guest/sdk/src/lib.rs"),
        ("vendor/wit/world.wit", "wit/world.wit"),
        ("vendor/wit/deps/http.wit", "wit/deps/http.wit"),
    ] {
        let same = std::fs::read(root.join("notes").join(vendored)).unwrap()
            == std::fs::read(repository().join(ours)).unwrap();
        assert!(same, "{vendored}");
    }
}

#[test]
fn a_dry_run_lists_every_file() {
    let folder = TempDir::new().unwrap();
    let (code, out, _) = said(&new(folder.path(), &["notes", "--dry-run"]));
    assert_eq!(code, 0);
    let mut lines = out.lines();
    let first = lines.next().unwrap();
    assert!(
        first.starts_with("Would create ") && first.ends_with("/notes"),
        "{first}"
    );
    let listed: Vec<_> = lines.map(|line| line.strip_prefix("  ").unwrap()).collect();
    for file in [
        "Cargo.toml",
        "src/lib.rs",
        "tests/api.rs",
        "vendor/wit/world.wit",
    ] {
        assert!(listed.contains(&file), "{out}");
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_bad_id_is_refused_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let long = "a".repeat(64);
    for id in [
        "9lives", "Notes", "not/es", "..", "", "no tes", "notäs", &long,
    ] {
        let (code, out, err) = said(&new(folder.path(), &[id]));
        assert_eq!((code, out.as_str()), (64, ""), "{id:?}");
        assert!(err.contains("1 to 63 of a-z, 0-9 and '-'"), "{id:?}: {err}");
        let (code, out, err) = said(&new(folder.path(), &[id, "--json"]));
        assert_eq!((code, err.as_str()), (64, ""), "{id:?}");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert!(
            told["error"].as_str().unwrap().contains("plugin id"),
            "{told}"
        );
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_taken_folder_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let taken = folder.path().join("notes");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("mine.txt"), "mine").unwrap();
    for args in [&["notes"][..], &["notes", "--dry-run"]] {
        let (code, out, err) = said(&new(folder.path(), args));
        assert_eq!((code, out.as_str()), (1, ""), "{args:?}");
        assert!(err.contains("is taken: it holds mine.txt"), "{err}");
    }
    assert_eq!(names(&taken), ["mine.txt"]);
    std::fs::write(folder.path().join("file"), "mine").unwrap();
    let (code, _, err) = said(&new(folder.path(), &["file"]));
    assert_eq!(code, 1);
    assert!(err.contains("it is a file"), "{err}");
    // An empty one is free.
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    assert_eq!(said(&new(folder.path(), &["empty"])).0, 0);
}

/// From a pipe the id is one line; without a line there is nobody to ask.
#[test]
fn the_id_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let (code, out, err) = said(&new(folder.path(), &[]));
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(err.contains("greenroom new notes"), "{err}");

    let answered = |answer: &str| {
        let file = folder.path().join("answer");
        std::fs::write(&file, answer).unwrap();
        let output = Command::new(binary())
            .args(["new", "--json"])
            .current_dir(folder.path())
            .stdin(std::fs::File::open(file).unwrap())
            .output()
            .unwrap();
        said(&output)
    };
    let (code, out, _) = answered("diary\n");
    assert_eq!(code, 0, "{out}");
    assert!(folder.path().join("diary/Cargo.toml").is_file());
    assert_eq!(answered("Not An Id\n").0, 64);
    assert_eq!(answered("diary\n").0, 1);
}

#[test]
fn a_reader_that_is_gone_is_no_error() {
    let folder = TempDir::new().unwrap();
    // A pipe whose reading end is closed already.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(binary())
        .args(["new", "notes"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(folder.path().join("notes/Cargo.toml").is_file());
    let (code, _, err) = said(&output);
    assert_eq!((code, err.as_str()), (0, ""));
}
