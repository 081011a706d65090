//! Damaged files give an answer or an error, never a panic.

use super::{Setup, read};

const WHOLE: &str = r#"# A file with some of everything.
app: { title: "Grün ✓" }
backend:
  listen: { host: 0.0.0.0, port: 7007 }
  database: { client: better-sqlite3, connection: { directory: ./db } }
  cors: { origin: [http://localhost:3000, '*'], credentials: true, maxAge: 60 }
  trustProxy: [loopback, 10.0.0.0/8]
  lifecycle: { serverShutdownTimeout: { seconds: 3 } }
  admin: { socket: ./x.sock }
x: &limits
  memory: 64MiB
  sql: { timeout: 500ms }
plugins:
  directory: ./plugins
  todo:
    limits: *limits
    config:
      a: ${HOME}
      b: [1, 2.5, ~, '$${x}', {c: d}]
      text: |
        lines
        and more
      "quo\tted": 'it''s'
    keyvalue: { b: { ttl: 24h } }
    access: open
"#;

/// Loads the text and, where it is refused, renders the error in every form.
fn survives(text: &[u8]) {
    let setup = Setup::new(&[]);
    std::fs::write(setup.path().join("app-config.yaml"), text).unwrap();
    if let Err(error) = setup.load(&[]) {
        assert!(error.render().chars().count() < 100_000);
        assert!(!error.render().is_empty() && !error.render_with_colours().is_empty());
        assert!(!error.to_string().is_empty());
        assert!(
            error
                .to_json()
                .as_array()
                .is_some_and(|problems| !problems.is_empty())
        );
    }
}

#[test]
fn the_whole_file_is_fine() {
    if let Err(error) = read(WHOLE) {
        panic!("{}", error.render());
    }
}

#[test]
fn every_truncation() {
    for end in 0..WHOLE.len() {
        survives(&WHOLE.as_bytes()[..end]);
    }
}

#[test]
fn bytes_replaced_inserted_and_removed() {
    // A fixed sequence (an LCG), so that a failure is found again.
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let spice = b"\0\t\n\r {}[]:,-#&*!|>'\"%@`~?\\$<=\x7f\x80\xc3\xff09aZ_.";
    for _ in 0..1200 {
        let mut text = WHOLE.as_bytes().to_vec();
        for _ in 0..=next(3) {
            let at = next(text.len());
            let byte = spice[next(spice.len())];
            match next(4) {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                2 => drop(text.remove(at)),
                _ => {
                    let end = (at + next(40)).min(text.len());
                    let piece = text[at..end].to_vec();
                    let to = next(text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        survives(&text);
    }
}

#[test]
fn hostile_shapes() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(10_000),
        "a:\n".to_owned() + &" ".repeat(10_000) + "b: 1",
        "\"".repeat(999),
        "plugins: { todo: { config: { a: ".to_owned()
            + &"[".repeat(200)
            + &"]".repeat(200)
            + " } } }",
        // Each name stands for two of the one before it.
        (0..40).fold("a0: &a0 x\n".to_owned(), |text, n| {
            format!("{text}a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)
        }),
        format!("{}: 1", "k".repeat(500_000)),
        format!("plugins: {{ {}: {{}} }}", "x".repeat(100_000)),
        format!(
            "plugins: {{ todo: {{ limits: {{ memory: {} }} }} }}",
            "9".repeat(10_000)
        ),
        "plugins: { todo: { limits: { memory: 1e308, timeout: 99999999999999999999d } } }"
            .to_owned(),
        "a: &a { b: *a }".to_owned(),
        "<<: 1".to_owned(),
        "? { a: b }\n: c".to_owned(),
        "~: 1\n1: 2\ntrue: 3\n1.5: 4\n".to_owned(),
        "[\u{1b}[31m\u{9b}".to_owned(),
        "\u{1b}[31m: 1\nplugins: { \"\\e[31m\": 1 }".to_owned(),
        "---\n---\n---\n".to_owned(),
        "!!binary aGk=: 1".to_owned(),
        "a: !!binary /w==".to_owned(),
    ] {
        survives(text.as_bytes());
    }
}

#[test]
fn keys_cannot_speak_to_the_terminal() {
    for text in [
        "plugins: { \"\\e[31mred\": {}, todo: { \"\\e[2J\": 1 } }",
        "a: [ \u{1b}[31m",
        "# \u{1b}]0;x\u{7} \u{9b}31m\nbackend: { lisen: 1 }",
    ] {
        let error = read(text).unwrap_err();
        let all = format!("{}{error}", error.render());
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!all.contains(control), "{all:?}");
    }
}
