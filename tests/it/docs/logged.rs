//! docs/logging.md: a line of the log, the file of audit events, and the levels.

use super::{checked::AUDITS, first, shell, steps};
use greenroom_tests::{Setup, todo};
use serde_json::{Map, Value};

const PAGE: &str = "docs/logging.md";

/// What differs from host to host.
const DIFFER: [&str; 2] = ["timestamp", "build"];

#[test]
fn a_line_has_the_members_that_the_page_shows() {
    let yaml = first(PAGE, "yaml");
    assert!(yaml.contains(AUDITS), "{yaml}");
    let host = Setup::new()
        .config(&yaml.replace(AUDITS, "./audit.log"))
        // GREENROOM_LOG would come before the page's levels.
        .log("")
        .plugin("todo", &todo())
        .start();
    let steps = steps(PAGE);
    let (typed, sample) = &steps[0];
    assert_eq!(shell(&host, typed, &[]), "[]");
    let line = host.wait_for_log(&["\"request\":\"demo-1\"", "Fetching todos"]);
    assert_eq!(members(&line), members(sample));

    let file = host.folder().join("audit.log");
    host.wait_until("the deploy is in the file", |_| {
        let events = std::fs::read_to_string(&file).unwrap_or_default();
        events.contains("\"message\":\"todo.deploy\"")
    });
}

/// The members of a line in their order, with what they hold unless that differs.
fn members(line: &str) -> Vec<(String, Value)> {
    let object: Map<String, Value> = serde_json::from_str(line).unwrap();
    let mut members: Vec<_> = object.into_iter().collect();
    // A map of serde_json has lost the order.
    members.sort_by_key(|(name, _)| line.find(&format!("\"{name}\":")));
    for (name, value) in &mut members {
        if DIFFER.contains(&name.as_str()) {
            assert!(value.is_string(), "{line}");
            *value = Value::Null;
        }
    }
    members
}

#[test]
fn levels_are_changed_and_taken_back() {
    let host = Setup::new().log("").plugin("todo", &todo()).start();
    let run = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let ["greenroom", args @ ..] = &words[..] else {
            panic!("{line:?} is no command of greenroom");
        };
        let output = host.command(args);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let steps = steps(PAGE);
    let (typed, table) = &steps[1];
    let commands: Vec<_> = typed.lines().collect();
    assert_eq!(run(commands[0]), *table);
    // The second changes the level of one plugin and the fourth that of all, the third and the fifth take that back.
    assert_eq!(commands.len(), 5);
    for (&command, changes) in commands[1..].iter().zip([true, false, true, false]) {
        run(command);
        let shown = run("greenroom log");
        assert_eq!(shown != *table, changes, "{command}: {shown}");
    }
}
