use super::{Config, Environment, Setup, config, read};
use std::path::{Path, PathBuf};

#[test]
fn later_files_win() {
    let setup = Setup::new(&[
        (
            "1.yaml",
            "plugins: { todo: { required: true, config: { a: 1, b: 2, l: [1, 2] }, limits: { queue: 5 } } }\nbackend: { listen: ':1' }",
        ),
        (
            "2.yaml",
            "plugins: { todo: { config: { b: 3, l: [9] } }, notes: { required: true } }\nbackend: { listen: { port: 2 } }",
        ),
        ("3.yaml", "plugins: { todo: { required: ~, limits: ~ } }"),
        ("4.yaml", ""),
    ]);
    let config = setup
        .load(&["1.yaml", "2.yaml", "3.yaml", "4.yaml"])
        .unwrap();
    let todo = config.plugins.of(&"todo".parse().unwrap());
    assert_eq!(
        *todo.config.flat(),
        [("a", "1"), ("b", "3"), ("l", "[9]")]
            .map(|(k, v)| (k.into(), v.into()))
            .into()
    );
    assert!(!todo.required);
    assert_eq!(todo.limits.queue, 4096);
    assert!(config.plugins.of(&"notes".parse().unwrap()).required);
    assert_eq!(config.backend.listen.port, 2);
    assert_eq!(
        config.files,
        ["1.yaml", "2.yaml", "3.yaml", "4.yaml"].map(|name| setup.path().join(name))
    );
}

#[test]
fn errors_point_into_the_file_that_has_them() {
    let setup = Setup::new(&[
        ("1.yaml", "plugins:\n  todo:\n    limits:\n      queue: 5\n"),
        (
            "2.yaml",
            "\n\nplugins: { todo: { limits: { queue: many } } }\n",
        ),
    ]);
    let error = setup.load(&["1.yaml", "2.yaml"]).unwrap_err();
    assert_eq!(error.to_json()[0]["file"], "2.yaml");
    assert_eq!(error.to_json()[0]["line"], 3);
    assert_eq!(error.to_json()[0]["column"], 37);
    // Replaced later, so nobody reads it.
    assert!(setup.load(&["2.yaml", "1.yaml"]).is_ok());
}

#[test]
fn names_all_problems_at_once_in_their_order() {
    let error = read("plugins: { Todo: {} }\nbackend: { https: true, lisen: 1 }\n").unwrap_err();
    let lines: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("`plugins.Todo`"));
    assert!(lines[1].starts_with("`backend.https`"));
    assert!(lines[2].starts_with("`backend.lisen`"));
}

#[test]
fn the_local_file_comes_after_the_default_one() {
    let setup = Setup::new(&[("app-config.yaml", "backend: { listen: ':1' }")]);
    assert_eq!(setup.load(&[]).unwrap().backend.listen.port, 1);
    let setup = Setup::new(&[
        ("app-config.yaml", "backend: { listen: ':1' }"),
        ("app-config.local.yaml", "backend: { listen: ':2' }"),
    ]);
    let config = setup.load(&[]).unwrap();
    assert_eq!(config.backend.listen.port, 2);
    assert_eq!(config.files.len(), 2);
    // Not with --config.
    assert_eq!(
        setup
            .load(&["app-config.yaml"])
            .unwrap()
            .backend
            .listen
            .port,
        1
    );
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let setup = Setup::new(&[
        ("folder/x.yaml", ""),
        ("large.yaml", &"#".repeat((1 << 20) + 1)),
    ]);
    std::fs::write(setup.path().join("latin.yaml"), b"a: 1\nb: \xe9\n").unwrap();
    for (file, says) in [
        ("none.yaml", "cannot read none.yaml: there is no such file"),
        ("folder", "cannot read folder: it is a folder"),
        (
            "large.yaml",
            "cannot read large.yaml: it is larger than 1MiB",
        ),
        ("latin.yaml", "cannot read latin.yaml: line 2 is not UTF-8"),
    ] {
        assert_eq!(setup.load(&[file]).unwrap_err().to_string(), says);
    }
    assert!(
        setup
            .load(&[])
            .unwrap_err()
            .to_string()
            .starts_with("there is no app-config.yaml")
    );
}

#[test]
fn reads_a_byte_order_mark_and_windows_line_ends() {
    let config = config("\u{feff}backend:\r\n  listen: ':8'\r\n");
    assert_eq!(config.backend.listen.port, 8);
    let error = read("\u{feff}backend:\r\n  lisen: ':8'\r\n").unwrap_err();
    assert_eq!(
        (&error.to_json()[0]["line"], &error.to_json()[0]["column"]),
        (&2.into(), &3.into())
    );
}

#[test]
fn what_is_not_read_needs_no_variables() {
    let config = config(
        "integrations: { github: [{ token: '${GITHUB_TOKEN}' }] }
backend: { auth: { keys: ['${KEY}', '${no name}'] }, listen: '${PORT:-7}' }",
    );
    assert_eq!(config.backend.listen.port, 7);
}

#[test]
fn variables_become_numbers_times_sizes_and_flags() {
    let setup = Setup::new(&[(
        "app-config.yaml",
        "backend: { listen: { port: '${N}' } }
plugins: { directory: '${D}', todo: { required: '${FLAG}', limits: { memory: '${SIZE}', timeout: '${T}', queue: '${N}' } } }",
    )])
    .with("N", "12")
    .with("D", "my plugins")
    .with("FLAG", "true")
    .with("SIZE", "64MiB")
    .with("T", "3s");
    let config = setup.load(&[]).unwrap();
    let todo = config.plugins.of(&"todo".parse().unwrap());
    assert_eq!(config.backend.listen.port, 12);
    assert_eq!(config.plugins.directory, setup.path().join("my plugins"));
    assert!(todo.required);
    assert_eq!(
        (
            todo.limits.memory,
            todo.limits.timeout.as_secs(),
            todo.limits.queue
        ),
        (64 << 20, 3, 12)
    );
}

#[test]
fn values_of_variables_are_not_shown() {
    for text in [
        "backend: { listen: '${S}' }",
        "backend: { listen: { port: '${S}', host: '${S}' } }",
        "backend: { database: { client: '${S}', connection: '${S}' } }",
        "backend: { cache: { store: '${S}' }, trustProxy: '${S}', cors: { origin: '${S}', credentials: '${S}', methods: '${S}' } }",
        "plugins: { todo: { required: '${S}', access: '${S}', probe: '${S}', limits: { memory: '${S}', timeout: '${S}', queue: '${S}' } } }",
    ] {
        let setup = Setup::new(&[("app-config.yaml", text)]).with("S", "s3cr(t");
        let error = setup.load(&[]).expect_err(text);
        let all = format!("{} {} {}", error.render(), error, error.to_json());
        assert!(!all.contains("s3cr"), "{all}");
        assert!(all.contains("with this variable's value"), "{all}");
    }
}

#[test]
fn the_socket_can_be_read_alone() {
    let setup = Setup::new(&[(
        "app-config.yaml",
        "plugins: { todo: { config: { token: '${TOKEN}' } }, Bad: 1 }\nbackend: { admin: { socket: x.sock } }",
    )]);
    let none = Environment::default();
    let socket = |files: &[PathBuf]| Config::admin_socket(files, setup.path(), &none);
    assert_eq!(socket(&[]).unwrap(), setup.path().join("x.sock"));
    assert!(socket(&["none.yaml".into()]).is_err());
}

#[test]
fn the_file_of_create_app_starts_here() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/backstage-create-app.app-config.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let config = config(&text);
    assert_eq!(config.backend.listen.to_string(), "127.0.0.1:7007");
    assert_eq!(
        config.backend.cors.unwrap().origin,
        ["http://localhost:3000"]
    );
    assert_eq!(
        config.notes[1..],
        [
            "permission.enabled is true, and permissions.policies names no file: everything is allowed, but for what \
             accessRestrictions take from a token",
            "keys of Backstage that are not used here: backend.baseUrl, backend.csp, app, auth, catalog, integrations, \
          organization and techdocs"
        ]
    );
    let pg = text.replace(
        "client: better-sqlite3\n    connection: ':memory:'",
        "client: pg\n    connection: { host: '${POSTGRES_HOST}' }",
    );
    assert_ne!(pg, text);
    let error = read(&pg).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{}", error.render());
}

#[test]
fn anchors_and_merge_keys_work() {
    let config = config(
        "x: &l { queue: 7 }\nplugins: { a: { limits: *l }, b: { limits: { <<: *l, streams: 3 } } }",
    );
    let limits = |id: &str| config.plugins.of(&id.parse().unwrap()).limits;
    assert_eq!(
        (limits("a").queue, limits("b").queue, limits("b").streams),
        (7, 7, 3)
    );
}
