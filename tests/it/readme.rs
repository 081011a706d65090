//! README.md is true: each command in it is run here, and what it shows is what comes out.

mod data;
mod served;
pub(super) mod shown;
mod walk;
mod xtask;

use shown::{Shown, commands, inline};

/// The test that runs each command. One that is added to README.md comes here with its test.
const TESTED: [(&str, &str); 20] = [
    ("cargo xtask serve", SERVE),
    (
        "cargo xtask test",
        "readme::xtask::the_last_line_of_the_tests",
    ),
    (
        "cargo xtask test swap",
        "readme::xtask::a_filter_finds_tests",
    ),
    (
        "cargo xtask check",
        "readme::xtask::the_help_names_the_commands",
    ),
    (
        "cargo xtask bench",
        "readme::xtask::the_help_names_the_commands",
    ),
    (
        "cargo xtask soak",
        "readme::xtask::the_help_names_the_commands",
    ),
    (
        "cargo xtask dist",
        "readme::xtask::the_help_names_the_commands",
    ),
    (
        "cargo xtask build todo",
        "readme::xtask::cargo_xtask_build_todo_puts_it_into_the_watched_folder",
    ),
    (
        "curl -X POST http://localhost:7007/api/todo/todos -H \"Content-Type: application/json\" \
         -d '{\"title\": \"My first todo\", \"entityRef\": \"component:default/my-service\"}'",
        WALK,
    ),
    ("curl http://localhost:7007/api/todo/todos", WALK),
    (
        "curl \"http://localhost:7007/api/todo/todos?entityRef=component:default/my-service\"",
        WALK,
    ),
    ("curl http://localhost:7007/api/todo/openapi.json", WALK),
    (
        "target/release/greenroom deploy target/plugins/todo.wasm",
        WALK,
    ),
    ("target/release/greenroom plugins", WALK),
    ("target/release/greenroom rollback todo", WALK),
    ("target/release/greenroom new notes", WALK),
    ("greenroom inspect FILE.wasm", WALK),
    ("greenroom check", KEEP),
    ("target/release/greenroom backup monday", KEEP),
    ("target/release/greenroom restore monday --replace", KEEP),
];
const KEEP: &str = "readme::data::todos_survive_a_restart";
const SERVE: &str = "readme::xtask::cargo_xtask_serve_becomes_the_host";
const WALK: &str = "readme::walk::the_readme_is_true";

/// Names in a sentence that are not meant to be typed as they stand.
const NAMES: [&str; 1] = ["greenroom plugins"];

#[test]
fn each_command_has_a_test() {
    let shown: Vec<_> = commands()
        .into_iter()
        .map(|shown| shown.command)
        .chain(inline())
        .filter(|command| !NAMES.contains(&command.as_str()))
        .collect();
    let untested: Vec<_> = shown
        .iter()
        .filter(|command| !TESTED.iter().any(|(known, _)| known == command))
        .collect();
    assert!(
        untested.is_empty(),
        "without a test (see TESTED): {untested:#?}"
    );
    let tests = xtask::tests("readme");
    for (command, test) in TESTED {
        assert!(
            shown.iter().any(|c| c == command),
            "README.md has no {command:?}"
        );
        assert!(tests.iter().any(|t| t == test), "there is no test {test}");
    }
}

#[test]
fn no_output_is_left_to_fill_in() {
    let text = shown::readme();
    let left: Vec<_> = text.lines().filter(|line| line.contains("<<")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The output block that follows a command in README.md.
fn output_of(command: &str) -> String {
    let found: Vec<Shown> = commands()
        .into_iter()
        .filter(|shown| shown.command == command)
        .collect();
    let [shown] = &found[..] else {
        panic!("README.md shows {command:?} {} times", found.len());
    };
    let output = shown.output.clone();
    output.unwrap_or_else(|| panic!("README.md shows no output of {command:?}"))
}
