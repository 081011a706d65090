//! No error shows a secret, wherever it came from and however it is written.

use super::{Setup, config, read};

/// Not to be seen. Each way in has its own.
const ALL: [&str; 12] = [
    "canary-plain",
    "single",
    "double",
    "canary-block",
    "canary-folded",
    "canary-flow",
    "canary-list",
    "canary-anchor",
    "canary-url",
    "canary-section",
    "canary-caller",
    "87654321",
];

/// A mistake in each line that is left, so that every line is near one.
const TEXT: &str = "
app: { passwordd: x, apiKey: canary-flow, other: 1 }
a: &anchor canary-anchor
backend:
  lisen: 1
  auth:
    keys:
      - secret: canary-plain
    externalAccess:
      - type: static
        options: { token: canary-caller, subjct: x }
  cors:
    orgin: 1
    token: 'canary ''single'''
  admin:
    sockt: x
    token: \"canary \\\"double\\\"\"
  databse: postgres://jane:canary-url@db/
  lifecycle:
    token: |
      canary-block
      canary-block
    serverShutdownTimeut: 1s
    secret: >-
      canary-folded

      canary-folded
    startupRequestPauseTimeot: 1s
  cache:
    token: *anchor
    stor: x # of a key that is known: canary-plain
    password: 87654321
plugins:
  todo:
    limts: {}
    config: # a remark
      greeting: canary-section
      list: [canary-section, { b: canary-section }]
      tokens: [canary-list, canary-list]
    acces: open
";

fn check(error: &crate::config::ConfigError) {
    let all = format!(
        "{}{}{error}{}{error:?}",
        error.render(),
        error.render_with_colours(),
        error.to_json()
    );
    for canary in ALL {
        assert!(!all.contains(canary), "{canary:?} is in\n{all}");
    }
}

#[test]
fn of_a_file_that_can_be_read() {
    let error = read(TEXT).unwrap_err();
    assert!(error.problems().len() > 5, "{}", error.render());
    check(&error);
    // What is left is enough to find the place.
    let shown = error.render();
    for part in ["lisen: 1", "limts: {}", "databse: ", "config:", "token:"] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
}

#[test]
fn of_a_file_that_cannot_be_read() {
    for broken in ["\n\tx: 1\n", "\nx: y: z\n", "\n- [\n", "\n---\n"] {
        for (at, _) in TEXT.match_indices('\n') {
            let text = format!("{}{broken}{}", &TEXT[..at], &TEXT[at..]);
            let Err(error) = read(&text) else { continue };
            let all = format!("{}{error}{}", error.render(), error.to_json());
            for canary in ALL {
                assert!(!all.contains(canary), "{canary:?} is in\n{all}");
            }
        }
    }
}

#[test]
fn of_the_environment_and_other_files() {
    let setup = Setup::new(&[
        (
            "app-config.yaml",
            "plugins: { todo: { config: { a: '${CANARY}', b: { $file: secret }, c: { $include: more.yaml }, d: {} } } }
backend: { listen: '${CANARY}', cors: { origin: { $file: secret }, credentials: { $env: CANARY } }, lisen: 1 }",
        ),
        ("secret", "canary-of-a-file\n"),
        ("more.yaml", "x: canary-of-an-include\ny: { $env: 'no name' }\n"),
    ])
    .with("CANARY", "canary of the environment")
    .with("APP_CONFIG_backend_bodies", "canary of app config");
    let error = setup.load(&[]).unwrap_err();
    let all = format!("{}{error}{}", error.render(), error.to_json());
    assert!(error.problems().len() >= 5, "{all}");
    assert!(!all.contains("canary"), "{all}");
    assert!(all.contains("with what this file holds"), "{all}");
}

#[test]
fn of_what_stands_beside_a_dollar_key() {
    let error = read(
        "plugins:\n  todo:\n    config:\n      a:\n        $env: X\n        default: canary\n",
    )
    .unwrap_err();
    let all = format!("{}{error}", error.render());
    assert!(all.contains("$env: X") && !all.contains("canary"), "{all}");
}

#[test]
fn a_configuration_does_not_show_them_either() {
    let text =
        "plugins: { todo: { config: { token: canary-plain, deep: { a: canary-section } } } }";
    let shown = format!("{:?}", config(text));
    assert!(!shown.contains("canary"), "{shown}");
    assert!(
        shown.contains("token") && shown.contains("deep.a"),
        "{shown}"
    );
}

#[test]
fn knows_which_texts_are_secrets() {
    let setup = Setup::new(&[(
        "app-config.yaml",
        "
backend:
  baseUrl: '${URL}'
  listen: '${LISTEN}'
  auth:
    keys: [{ secret: by-its-name }]
    externalAccess: [{ type: static, options: { token: of-a-caller, subject: whoever } }]
integrations: { github: [{ host: github.com, token: '${TOKEN}' }] }
plugins:
  directory: '${DIRECTORY}'
  todo:
    limits: { queue: '${QUEUE}' }
    config: { greeting: hello, from: '${VARIABLE}', file: { $file: file }, url: 'https://x:in-a-url@example.com' }
",
    ), ("file", "of-a-file")])
    .with("URL", "https://example.com")
    .with("LISTEN", "127.0.0.1:7008")
    .with("TOKEN", "of-an-unused-key")
    .with("DIRECTORY", "somewhere")
    .with("QUEUE", "12345")
    .with("VARIABLE", "of-a-variable")
    .with("APP_CONFIG_plugins_todo_config_app", "of-app-config");
    let secrets = setup.load(&[]).unwrap().secrets.masks();
    for secret in [
        "by-its-name",
        "of-a-caller",
        "of-an-unused-key",
        "of-a-variable",
        "of-a-file",
        "in-a-url",
        "of-app-config",
    ] {
        assert_eq!(secrets.redact(secret), "***", "{secret}");
    }
    for plain in [
        "hello",
        "https://example.com",
        "127.0.0.1:7008",
        "somewhere",
        "12345",
        "github.com",
        "whoever",
    ] {
        assert_eq!(secrets.redact(plain), plain);
    }
}
