//! The pages of docs/ are true: their examples compile, serve, and print what the pages say.

mod checked;
mod example;
mod lived;
mod logged;
mod tried;

use crate::readme::shown::blocks;
use greenroom_tests::{Host, repository};
use std::process::{Command, Stdio};

/// All of them, as paths in the repository.
fn pages() -> Vec<String> {
    let mut pages: Vec<_> = std::fs::read_dir(repository().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.sort();
    pages
}

/// The page's first block of this language.
fn first(page: &str, language: &str) -> String {
    let found = blocks(page).into_iter().find(|(of, _)| of == language);
    let (_, content) = found.unwrap_or_else(|| panic!("{page} has no block of {language}"));
    content
}

/// Each `sh` block that a `text` block follows, with that: what to type, and what is said to come out.
fn steps(page: &str) -> Vec<(String, String)> {
    let blocks = blocks(page);
    let pairs = blocks.windows(2).filter_map(|pair| match pair {
        [(sh, typed), (text, output)] if sh == "sh" && text == "text" => {
            Some((typed.clone(), output.clone()))
        }
        _ => None,
    });
    pairs.collect()
}

/// Runs lines of a page in a shell, with this host in place of the page's; what they print.
fn shell(host: &Host, lines: &str, variables: &[(&str, &str)]) -> String {
    let address = host.address().to_string();
    let lines = lines
        .replace("127.0.0.1:7007", &address)
        .replace("localhost:7007", &address);
    let output = Command::new("sh")
        .args(["-c", &lines])
        .current_dir(host.folder())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{lines}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of an output, without white space at their ends: a head's lines end with CR LF, a body may lack its LF.
fn lines(output: &str) -> Vec<&str> {
    output.trim_end().lines().map(str::trim_end).collect()
}
