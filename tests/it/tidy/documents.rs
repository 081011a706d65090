//! What the documents say about the tree is true.

use super::{assert_none, extension, read, tracked};
use std::collections::BTreeSet;

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/upgrade.md",
];

/// Endings by which a word is a file of this repository.
const FILES: [&str; 9] = [
    "rs", "wit", "toml", "md", "sql", "yaml", "yml", "txt", "json",
];

/// What looks like a file and is none of this repository's: a user's, an example's, a key of the configuration.
const NOT_HERE: [&str; 6] = [
    "app-config.local.yaml",
    "foo.rs",
    "limits.sql",
    "mod.rs",
    "path/to/app-config.yaml",
    "path/to/greenroom",
];

/// The words of a document that may be paths: in backticks, in blocks of code, in links.
fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            block = !block;
            continue;
        }
        if block || line.starts_with("    ") {
            words.extend(line.split_whitespace().map(str::to_owned));
            continue;
        }
        for code in line.split('`').skip(1).step_by(2) {
            words.extend(code.split_whitespace().map(str::to_owned));
        }
        for link in line.split("](").skip(1) {
            words.extend(link.split(')').next().map(str::to_owned));
        }
    }
    words
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn expanded(word: &str) -> Vec<String> {
    match word
        .split_once('{')
        .map(|(a, rest)| (a, rest.split_once('}')))
    {
        Some((start, Some((inner, end)))) => inner
            .split(',')
            .map(|part| format!("{start}{part}{end}"))
            .collect(),
        _ => vec![word.to_owned()],
    }
}

/// Paths that a document names: below a folder of the repository, or with a file's ending.
fn named(document: &str, all: &[String]) -> BTreeSet<String> {
    let tops: BTreeSet<&str> = all
        .iter()
        .filter_map(|path| path.split_once('/'))
        .map(|(top, _)| top)
        .collect();
    let mut paths = BTreeSet::new();
    for word in words(&read(document)) {
        let word = word.trim_matches(|c: char| ",;:()\"'|".contains(c));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/{},".contains(c);
        if word.is_empty()
            || !word.chars().all(plain)
            || NOT_HERE.contains(&word)
            || word.contains("NAME")
        {
            continue;
        }
        for path in expanded(word) {
            let top = path
                .split_once('/')
                .is_some_and(|(top, _)| tops.contains(top));
            if top || (FILES.contains(&extension(&path)) && !path.starts_with('.')) {
                paths.insert(path);
            }
        }
    }
    paths
}

#[test]
fn every_path_in_the_documents_exists() {
    let all = tracked();
    let mut broken = Vec::new();
    for document in DOCUMENTS {
        let named = named(document, &all);
        assert!(named.len() > 3, "{document} names {named:?}");
        for path in named {
            let file = path.trim_end_matches('/');
            // In a text about one folder, a file is named from there: `engine/cache.rs`.
            let ends = format!("/{file}");
            let exists = all.iter().any(|known| {
                known == file
                    || known.starts_with(&format!("{file}/"))
                    || known.ends_with(&ends)
                    || known.contains(&format!("{ends}/"))
            });
            if !exists {
                broken.push(format!("{document}: {path}"));
            }
        }
    }
    assert_none("paths that do not exist", &broken);
}

/// The map of ARCHITECTURE.md is whole: a new file gets its line.
#[test]
fn every_file_of_the_host_is_on_the_map() {
    let all = tracked();
    let named = named("ARCHITECTURE.md", &all);
    let missing: Vec<_> = all
        .iter()
        .filter_map(|path| path.strip_prefix("host/src/"))
        .filter(|path| extension(path) == "rs")
        .filter(|path| {
            !path
                .split('/')
                .any(|part| part == "tests" || part == "tests.rs")
        })
        .filter(|path| !named.contains(*path))
        .map(str::to_owned)
        .collect();
    assert_none(
        "files of host/src that ARCHITECTURE.md does not name",
        &missing,
    );
}

/// ARCHITECTURE.md is read in one sitting.
#[test]
fn documents_are_short() {
    for (document, most) in [
        ("README.md", 280),
        ("ARCHITECTURE.md", 330),
        ("CONTRIBUTING.md", 200),
        ("SECURITY.md", 150),
        ("docs/upgrade.md", 100),
        ("docs/auth.md", 250),
        ("docs/config.md", 250),
        ("docs/keyvalue.md", 250),
        ("docs/lifecycle.md", 250),
        ("docs/logging.md", 250),
        ("docs/performance.md", 100),
        ("docs/permissions.md", 300),
        ("docs/rate-limit.md", 250),
    ] {
        let lines = read(document).lines().count();
        assert!(
            lines <= most,
            "{document} has {lines} lines, more than {most}"
        );
    }
}
