//! `greenroom new`, without cargo: that the plugin builds and answers is an end-to-end test.

use super::*;
use std::{fs, path::Path};

/// What one run of the command did.
struct Ran {
    result: Result<Created, Error>,
    prompts: String,
    output: String,
}

fn new(folder: &Path, id: Option<&str>) -> New {
    New {
        id: id.map(str::to_owned),
        dry_run: false,
        json: false,
        folder: folder.to_path_buf(),
    }
}

fn run_with(args: &New, input: &str, interactive: bool) -> Ran {
    let (mut prompts, mut output) = (Vec::new(), Vec::new());
    let result = run(
        args,
        &mut Console {
            input: &mut input.as_bytes(),
            prompts: &mut prompts,
            output: &mut output,
            interactive,
        },
    );
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        result,
        prompts: text(prompts),
        output: text(output),
    }
}

/// Names in the folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn writes_a_whole_plugin_with_every_placeholder_filled() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(&new(folder.path(), Some("my-plugin2")), "", false);
    let created = ran.result.unwrap();
    assert_eq!(created.folder, folder.path().join("my-plugin2"));
    assert_eq!(names(folder.path()), ["my-plugin2"]);
    for wanted in [
        ".gitignore",
        "Cargo.toml",
        "README.md",
        "migrations/0001_create_items.sql",
        "src/database.rs",
        "src/lib.rs",
        "src/router.rs",
        "tests/api.rs",
        "vendor/guest/sdk/Cargo.toml",
        "vendor/guest/sdk/src/lib.rs",
        "vendor/wit/world.wit",
        "vendor/wit/deps/http.wit",
    ] {
        assert!(
            created.files.iter().any(|path| path == wanted),
            "{wanted} in {:?}",
            created.files
        );
    }
    for path in &created.files {
        let text = fs::read_to_string(created.folder.join(path)).unwrap();
        if !path.starts_with("vendor/") {
            assert!(!text.contains("{{"), "{path} has a placeholder left");
        }
    }
    let manifest = fs::read_to_string(created.folder.join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("name = \"my-plugin2-plugin\""),
        "{manifest}"
    );
    let declaration = fs::read_to_string(created.folder.join("src/lib.rs")).unwrap();
    assert!(declaration.contains("\"my-plugin2\""), "{declaration}");
    assert!(ran.output.contains("cd my-plugin2\n"), "{}", ran.output);
}

#[test]
fn the_vendored_sdk_stands_alone() {
    let files = files::of(&"notes".parse().unwrap());
    let manifest = files
        .iter()
        .find(|file| file.path == "vendor/guest/sdk/Cargo.toml")
        .unwrap();
    let manifest = std::str::from_utf8(&manifest.content).unwrap();
    let inherited = manifest.lines().filter(|line| !line.starts_with('#'));
    assert!(
        !inherited.clone().any(|line| line.contains("workspace")),
        "{manifest}"
    );
    let stray = |path: &str| path.contains("target/") || path.ends_with("Cargo.lock");
    assert!(!files.iter().any(|file| stray(&file.path)));
}

#[cfg(unix)]
#[test]
fn the_folder_has_the_permissions_of_any_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let usual = folder.path().join("usual");
    fs::create_dir(&usual).unwrap();
    run_with(&new(folder.path(), Some("notes")), "", false)
        .result
        .unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&folder.path().join("notes")), mode(&usual));
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(
        &New {
            dry_run: true,
            ..new(folder.path(), Some("notes"))
        },
        "",
        false,
    );
    assert!(ran.result.unwrap().files.len() > 10);
    assert!(
        ran.output.contains("  vendor/wit/world.wit\n"),
        "{}",
        ran.output
    );
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn json_is_one_object_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let args = New {
        dry_run: true,
        json: true,
        ..new(folder.path(), None)
    };
    let ran = run_with(&args, "notes\n", true);
    ran.result.unwrap();
    let value: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(value["id"], "notes");
    assert_eq!(
        value["folder"],
        folder.path().join("notes").to_str().unwrap()
    );
    assert!(
        value["files"]
            .as_array()
            .unwrap()
            .iter()
            .any(|path| path == "src/lib.rs")
    );
}

#[test]
fn a_taken_folder_is_refused_and_what_lies_there_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("notes");
    fs::create_dir(&taken).unwrap();
    for name in ["e", "d", "c", "b", "a"] {
        fs::write(taken.join(name), name).unwrap();
    }
    let ran = run_with(&new(folder.path(), Some("notes")), "", true);
    let message = ran.result.unwrap_err().to_string();
    assert!(message.contains("it holds a, b, c and 2 more"), "{message}");
    assert_eq!(names(folder.path()), ["notes"]);
    assert_eq!(names(&taken), ["a", "b", "c", "d", "e"]);

    fs::write(folder.path().join("file"), "").unwrap();
    let message = run_with(&new(folder.path(), Some("file")), "", false)
        .result
        .unwrap_err();
    assert!(message.to_string().contains("it is a file"), "{message}");
}

#[test]
fn an_empty_folder_is_free() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("notes")).unwrap();
    run_with(&new(folder.path(), Some("notes")), "", false)
        .result
        .unwrap();
    assert!(folder.path().join("notes/Cargo.toml").is_file());
}

#[test]
fn what_appears_at_the_place_meanwhile_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("notes");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("mine"), "mine").unwrap();
    // As if it had appeared after the check.
    let error = target::write(&place, &files::of(&"notes".parse().unwrap())).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert_eq!(names(folder.path()), ["notes"]);
    assert_eq!(names(&place), ["mine"]);
}

#[test]
fn a_bad_id_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for bad in ["Notes", "9a", "a_b", "../a", "", "a/b"] {
        let error = run_with(&new(folder.path(), Some(bad)), "good\n", true)
            .result
            .unwrap_err();
        assert!(error.is_usage(), "{bad}");
        assert!(error.to_string().contains("a-z"), "{error}");
    }
    for taken in ["state", "cache", "directory"] {
        let error = run_with(&new(folder.path(), Some(taken)), "", false);
        let error = error.result.unwrap_err();
        assert!(
            error.is_usage() && error.to_string().contains("app-config.yaml"),
            "{error}"
        );
    }
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_person_is_asked_again_until_the_id_is_good_and_free() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("taken/src")).unwrap();
    let ran = run_with(
        &new(folder.path(), None),
        "\nNo Good\ntaken\n notes \n",
        true,
    );
    assert_eq!(ran.result.unwrap().id.as_str(), "notes");
    assert_eq!(
        ran.prompts.matches("Id of the new plugin").count(),
        4,
        "{}",
        ran.prompts
    );
    assert!(ran.prompts.contains("it holds src"), "{}", ran.prompts);
}

#[test]
fn a_pipe_has_one_line_to_say_the_id() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_with(&new(folder.path(), None), "notes", false);
    assert_eq!(
        (ran.result.unwrap().id.as_str(), ran.prompts.as_str()),
        ("notes", "")
    );
    let ran = run_with(&new(folder.path(), None), "No Good\ngood\n", false);
    assert!(matches!(ran.result, Err(Error::Id(_))));
}

#[test]
fn the_end_of_the_input_is_an_error_not_a_loop() {
    let folder = tempfile::tempdir().unwrap();
    for interactive in [true, false] {
        let ran = run_with(&new(folder.path(), None), "", interactive);
        assert!(matches!(ran.result, Err(Error::NoId)));
        let ran = run_with(&new(folder.path(), None), "No Good\n", interactive);
        assert!(ran.result.is_err());
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let message = run_with(&new(&nowhere, Some("notes")), "", false)
        .result
        .unwrap_err();
    assert!(message.to_string().contains("nowhere/notes"), "{message}");
}
