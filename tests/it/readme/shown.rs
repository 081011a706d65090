//! What README.md shows: commands, and what comes out of them. `docs` reads the blocks of its pages here as well.

use greenroom_tests::repository;

pub(super) const README: &str = "README.md";

/// A command of a `sh` block, on one line, and the `text` block that follows before the next command.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) command: String,
    pub(super) output: Option<String>,
}

pub(super) fn readme() -> String {
    read(README)
}

fn read(page: &str) -> String {
    std::fs::read_to_string(repository().join(page)).unwrap()
}

/// (language, content) of each block of code. `page` is a path in the repository.
pub(crate) fn blocks(page: &str) -> Vec<(String, String)> {
    let (text, mut blocks) = (read(page), Vec::new());
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (None, Some((language, content))) => {
                open = Some((language, format!("{content}{line}\n")));
            }
            (None, None) => assert!(
                !line.starts_with("    "),
                "{page}: {line:?} is a block that no test sees: use ```sh or ```text"
            ),
        }
    }
    assert_eq!(open, None, "{page}: a block of code does not end");
    blocks
}

pub(super) fn commands() -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    for (language, content) in blocks(README) {
        match language.as_str() {
            "sh" => commands.extend(in_block(&content)),
            "text" => {
                if let Some(last) = commands.last_mut()
                    && last.output.is_none()
                {
                    last.output = Some(content);
                }
            }
            "yaml" => {}
            other => panic!("README.md: a block of {other:?} that no test knows"),
        }
    }
    commands
}

fn in_block(content: &str) -> Vec<Shown> {
    let joined = content.replace("\\\n", " ");
    joined
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| Shown {
            command: on_one_line(line),
            output: None,
        })
        .collect()
}

fn on_one_line(command: &str) -> String {
    command
        .split("  ")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Commands within sentences.
pub(super) fn inline() -> Vec<String> {
    let (text, mut found, mut block) = (readme(), Vec::new(), false);
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            block = !block;
        } else if !block {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    for code in prose.split('`').skip(1).step_by(2) {
        let program = ["cargo ", "curl ", "greenroom ", "target/release/greenroom "];
        if program.iter().any(|program| code.starts_with(program)) {
            found.push(code.to_owned());
        }
    }
    found
}

/// The output with what differs from run to run replaced by its name. Widths of columns do not count.
pub(crate) fn shape(output: &str) -> String {
    let lines = output.lines().map(|line| {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut words: Vec<String> = line.split_whitespace().map(word).collect();
        for at in 1..words.len() {
            if words[at].starts_with("ms") && words[at - 1].parse::<u64>().is_ok() {
                words[at - 1] = "MILLISECONDS".into();
            }
        }
        format!("{indent}{}", words.join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn word(word: &str) -> String {
    // A JSON text may hold spaces; what differs in it has none.
    let mut out = String::new();
    let mut token = String::new();
    for c in word.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_alphanumeric() || "-.:/_".contains(c) {
            token.push(c);
            continue;
        }
        out.push_str(&named(&token, out.ends_with("milliseconds=")));
        token.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

fn named(token: &str, milliseconds: bool) -> String {
    let hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let groups: Vec<&str> = token.split('-').collect();
    let uuid = groups.len() == 5
        && groups.iter().all(|g| hex(g))
        && groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]);
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if uuid {
        "UUID".into()
    } else if token.len() >= 20 && token.ends_with('Z') && token.as_bytes()[10] == b'T' {
        "WHEN".into()
    } else if token.len() == 12 && hex(token) {
        "BUILD".into()
    } else if milliseconds && digits(token) {
        "MILLISECONDS".into()
    } else if token.starts_with('/') && token.ends_with("/notes") && !token.starts_with("/api") {
        "FOLDER/notes".into()
    } else {
        ports(token)
    }
}

/// Whatever free port it was.
fn ports(token: &str) -> String {
    for host in ["127.0.0.1:", "localhost:"] {
        if let Some((before, rest)) = token.split_once(host) {
            let path = rest.find('/').unwrap_or(rest.len());
            return format!("{before}{host}PORT{}", &rest[path..]);
        }
    }
    token.to_owned()
}

#[test]
fn shapes_keep_what_matters() {
    let a = "todo: back to build a768711a48ef (0.1.0) in 8 ms; before it d43a18ec769b\n";
    assert_eq!(
        shape(a),
        "todo: back to build BUILD (0.1.0) in MILLISECONDS ms; before it BUILD"
    );
    let line = "2026-11-22T17:03:34.819824Z  INFO x: deploy build=a768711a48ef milliseconds=31";
    assert_eq!(
        shape(line),
        "WHEN INFO x: deploy build=BUILD milliseconds=MILLISECONDS"
    );
    let json = r#"{"id":"01a20436-920d-7121-a17b-bc9b1a816e73","at":"2026-11-22T17:03:34.925Z"}"#;
    assert_eq!(shape(json), r#"{"id":"UUID","at":"WHEN"}"#);
    assert_eq!(
        shape("  ready: http://127.0.0.1:7007/api"),
        "  ready: http://127.0.0.1:PORT/api"
    );
    assert_eq!(
        shape("REQUESTS  ERRORS\n3         0"),
        "REQUESTS ERRORS\n3 0"
    );
    assert_eq!(shape("Created /tmp/x/notes"), "Created FOLDER/notes");
}
