//! The rules of the house, held to the files that are under version control (or about to be).

mod documents;
mod mended;
mod rooms;
mod source;
mod wit;

use greenroom_tests::repository;
use source::{Source, Token};
use std::{collections::BTreeSet, path::Path, process::Command};

/// Paths of all files of the repository, relative to its root.
fn tracked() -> Vec<String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(repository())
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let files: BTreeSet<String> = String::from_utf8(output.stdout)
        .expect("paths are UTF-8")
        .split('\0')
        .filter(|path| !path.is_empty() && repository().join(path).is_file())
        .map(str::to_owned)
        .collect();
    assert!(files.contains("Cargo.toml"), "{files:?}");
    files.into_iter().collect()
}

fn read(path: &str) -> String {
    let bytes = std::fs::read(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn extension(path: &str) -> &str {
    let name = Path::new(path).extension().and_then(|e| e.to_str());
    name.unwrap_or_default()
}

/// Every .rs file, read into tokens.
fn sources() -> Vec<Source> {
    let all: Vec<_> = tracked()
        .into_iter()
        .filter(|path| extension(path) == "rs")
        .map(|path| Source::new(&path, &read(&path)))
        .collect();
    assert!(all.len() > 100, "only {} .rs files are found", all.len());
    all
}

/// All of them at once: whoever cleans up wants the whole list.
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long: Vec<_> = tracked()
        .into_iter()
        .filter(|path| extension(path) == "rs")
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > 400)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert_none("at most 400 lines a file", &long);
}

#[test]
fn modules_lie_beside_their_folder() {
    let old: Vec<_> = tracked()
        .into_iter()
        .filter(|path| path.ends_with("/mod.rs"))
        .collect();
    assert_none("`foo.rs` and `foo/`, no `mod.rs`", &old);
}

#[test]
fn names_say_what_is_inside() {
    let vague: Vec<_> = tracked()
        .into_iter()
        .filter(|path| {
            let stem = Path::new(path).file_stem().and_then(|s| s.to_str());
            extension(path) == "rs"
                && ["util", "utils", "helper", "helpers", "manager", "common"]
                    .iter()
                    .any(|word| stem == Some(word))
        })
        .collect();
    assert_none("no util, helper, manager or common", &vague);
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_switched_off() {
    let mut broken = Vec::new();
    for source in sources() {
        for (at, window) in source.tokens.windows(2).enumerate() {
            let line = source.lines[at];
            match window {
                [Token::Word(word), Token::Mark('!')]
                    if word == "todo" || word == "unimplemented" =>
                {
                    broken.push(format!("{}:{line}: {word}!", source.path));
                }
                [Token::Mark('[' | ','), Token::Word(word)] if word == "ignore" => {
                    broken.push(format!("{}:{line}: a test that is ignored", source.path));
                }
                _ => {}
            }
        }
    }
    assert_none("no stub, no ignored test", &broken);
}

#[test]
fn unsafe_code_is_in_the_engine_alone() {
    let broken: Vec<_> = sources()
        .iter()
        .filter(|s| {
            // SQLite's VFS is a table of C functions.
            let may = [
                "host/src/engine",
                "tests/fixtures/",
                "tests/power-cut/src/raw",
            ];
            !may.iter().any(|place| s.path.starts_with(place))
        })
        .filter(|s| s.has_word("unsafe"))
        .map(|s| s.path.clone())
        .collect();
    assert_none(
        "`unsafe` only in host/src/engine and tests/power-cut/src/raw",
        &broken,
    );
}

/// Places of one machine: somebody else's clone has none of them.
#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // Put together here, so that this file does not break its own rule. `jane` is the person of the examples.
    let places = ["root", "work", "builds", "home"].map(|folder| format!("/{folder}/"));
    let mut broken = Vec::new();
    for path in tracked() {
        for (line, text) in read(&path).lines().enumerate() {
            let text = text.replace("/home/jane", "");
            for place in &places {
                let mut found = text.match_indices(place.as_str());
                // Within a longer path, or a URL, it is no root of a machine.
                if found.any(|(at, _)| {
                    !text[..at].ends_with(|c: char| c.is_alphanumeric() || "}-_.~".contains(c))
                }) {
                    broken.push(format!("{path}:{}: {place}", line + 1));
                }
            }
        }
    }
    assert_none("no paths of one machine", &broken);
}

/// Packages come from crates.io, and from nowhere that only some networks know.
#[test]
fn packages_come_from_crates_io() {
    let mut broken = Vec::new();
    for path in tracked() {
        let text = read(&path);
        let name = path.rsplit('/').next().unwrap_or(&path);
        if name == "Cargo.lock" {
            let other = text
                .lines()
                .filter_map(|line| line.strip_prefix("source = "))
                .filter(|source| {
                    *source != "\"registry+https://github.com/rust-lang/crates.io-index\""
                });
            broken.extend(other.map(|source| format!("{path}: {source}")));
        }
        if extension(&path) == "toml" {
            let table = |line: &str| {
                ["[source.", "[source]", "[registr", "[http]", "[net]"]
                    .iter()
                    .any(|start| line.trim_start().starts_with(start))
            };
            broken.extend(
                text.lines()
                    .filter(|line| table(line))
                    .map(|line| format!("{path}: {line}")),
            );
        }
    }
    assert_none("crates.io alone", &broken);
}

/// A link to a host that is not in this list is either new and fine, or a mirror of one network.
#[test]
fn links_go_to_public_places() {
    let public = [
        "backstage.io",
        "crates.io",
        "docs.rs",
        "embarkstudios.github.io",
        "en.wikipedia.org",
        "ghe.example.net",
        "github.com",
        "helmetjs.github.io",
        "json-schema.org",
        "learn.microsoft.com",
        "man.freebsd.org",
        "man7.org",
        "pubs.opengroup.org",
        "rustup.rs",
        "sh.rustup.rs",
        "www.apache.org",
        "www.iana.org",
        "www.rfc-editor.org",
        "www.sqlite.org",
        "www.w3.org",
    ];
    let mut broken = BTreeSet::new();
    // npm writes the links of all the packages' authors into its lock file.
    let ours = |path: &String| !path.ends_with("package-lock.json");
    for path in tracked().into_iter().filter(ours) {
        let text = read(&path);
        for (at, scheme) in [("https://", 8), ("http://", 7)]
            .iter()
            .flat_map(|(scheme, length)| text.match_indices(scheme).map(|(at, _)| (at, *length)))
        {
            let rest = &text[at + scheme..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
            let host = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
            let example = [
                "example.com",
                "example.org",
                "example.net",
                "example",
                "test",
                "evil",
                "evil.com",
            ]
            .iter()
            .any(|end| host.ends_with(end));
            let local = !host.contains('.') || host.starts_with("127.") || host == "0.0.0.0";
            let network = host.starts_with("10.") || host.starts_with("192.");
            if !(example || local || network || public.contains(&host)) {
                broken.insert(format!("{path}: {host}"));
            }
        }
    }
    let broken: Vec<_> = broken.into_iter().collect();
    assert_none("hosts that everybody reaches", &broken);
}
