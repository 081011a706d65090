//! What was found by the soak has a test: each that tests/soak-report.md names under "Found and mended" is there.

use super::{
    assert_none, read,
    source::{Source, Token},
    sources, tracked,
};
use std::collections::BTreeSet;

/// Where a name may be found.
struct Tree {
    files: Vec<String>,
    functions: BTreeSet<String>,
    /// Of the soak.
    sections: BTreeSet<String>,
}

impl Tree {
    fn of_the_repository() -> Self {
        let sections = read("tests/soak/src/section.rs");
        Self {
            files: tracked(),
            functions: sources().iter().flat_map(tests).collect(),
            sections: sections
                .lines()
                .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Whether a file has this path, or ends with it.
    fn has_file(&self, path: &str) -> bool {
        let end = format!("/{path}");
        self.files.iter().any(|f| f == path || f.ends_with(&end))
    }

    /// A test (or its beginning, with `...`), a module (`engine::slow`), a file (`engine/slow.rs`) or, where the report
    /// says so, a section of the soak.
    fn has(&self, name: &str, section: bool) -> bool {
        if section {
            self.sections.contains(name)
        } else if name.ends_with(".rs") {
            self.has_file(name)
        } else if name.contains("::") {
            self.has_file(&format!("{}.rs", name.replace("::", "/")))
        } else if let Some(start) = name.strip_suffix("...") {
            !start.is_empty() && self.functions.iter().any(|f| f.starts_with(start))
        } else {
            self.functions.contains(name)
        }
    }

    /// What a cell of the report names and nobody has.
    fn missing(&self, cell: &str) -> Vec<String> {
        let names = names(cell);
        if names.is_empty() {
            return vec![format!("{cell:?} names no test")];
        }
        names
            .into_iter()
            .filter(|(name, section)| !self.has(name, *section))
            .map(|(name, _)| name.to_owned())
            .collect()
    }
}

/// Functions with an attribute, which every test has.
fn tests(source: &Source) -> Vec<String> {
    let mut names = Vec::new();
    for (at, pair) in source.tokens.windows(2).enumerate() {
        let [Token::Word(word), Token::Word(name)] = pair else {
            continue;
        };
        let mut before = source.tokens[..at].iter().rev();
        if word == "fn"
            && before.find(|token| **token != Token::Word("async".into()))
                == Some(&Token::Mark(']'))
        {
            names.push(name.clone());
        }
    }
    names
}

/// The words in backticks, and whether it is a section of the soak: "soak" stands before it.
fn names(cell: &str) -> Vec<(&str, bool)> {
    let parts: Vec<_> = cell.split('`').collect();
    parts
        .windows(2)
        .step_by(2)
        .map(|pair| (pair[1], pair[0].trim_end().ends_with("soak")))
        .collect()
}

/// The second column of the table, without its head.
fn cells(report: &str) -> Vec<&str> {
    let table = report
        .split("\n## ")
        .find(|part| part.starts_with("Found and mended\n"))
        .unwrap_or_default();
    table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| {
            let row = row.trim_end_matches([' ', '|']);
            row.rsplit_once(" | ").map_or(row, |(_, cell)| cell)
        })
        .collect()
}

#[test]
fn what_was_mended_is_tested_where_the_report_says() {
    let (report, tree) = (read("tests/soak-report.md"), Tree::of_the_repository());
    let cells = cells(&report);
    assert!(cells.len() > 20, "{cells:?}");
    let missing: Vec<_> = cells.iter().flat_map(|cell| tree.missing(cell)).collect();
    assert_none("tests that tests/soak-report.md names", &missing);
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    let report = "# Soak\n\n## Found and mended\n\n| what | where |\n|---|---|\n| `x` | `a` |\n| y | z |\n\n## Rows\n\n| b | `c` |\n";
    assert_eq!(cells(report), ["`a`", "z"]);
    let text =
        "#[test]\nfn a_lock_is_waited_for() {}\n#[x::test]\nasync fn late() {}\nfn plain() {}";
    let tree = Tree {
        files: vec!["tests/it/disk/taken.rs".into()],
        functions: tests(&Source::new("x.rs", text)).into_iter().collect(),
        sections: BTreeSet::from(["crash".to_owned()]),
    };
    let none: [&str; 0] = [];
    for cell in [
        "`a_lock_is_waited_for`, soak `crash`",
        "`a_lock_...` in `it::disk::taken`",
        "`it/disk/taken.rs`, `late`",
    ] {
        assert_eq!(tree.missing(cell), none, "{cell}");
    }
    for (cell, name) in [
        ("`a_lock_is_waited`, `late`", "a_lock_is_waited"),
        ("`a_key_...`", "a_key_..."),
        ("`...`", "..."),
        ("`plain`", "plain"),
        ("`it::disk::token`, soak `crash`", "it::disk::token"),
        ("`sk/taken.rs`", "sk/taken.rs"),
        ("soak `late`", "late"),
        ("`crash`", "crash"),
    ] {
        assert_eq!(tree.missing(cell), [name], "{cell}");
    }
    assert_eq!(tree.missing("soak").len(), 1, "it names nothing");
}
