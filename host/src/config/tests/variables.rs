//! Variables that are not set, `APP_CONFIG_*` and `BACKSTAGE_ENV`.

use super::{Setup, config, pairs, read, wrong};

#[test]
fn a_plugins_key_without_its_variable_is_left_out() {
    let text = "plugins: { todo: { config: { a: 'x${UNSET}', b: ['${UNSET}', y], c: { d: { $env: UNSET } }, e: 1 } } }";
    let setup = Setup::new(&[("app-config.yaml", text)]);
    assert_eq!(pairs(&setup.settings()), [("b", r#"["y"]"#), ("e", "1")]);
    let notes = setup.load(&[]).unwrap().notes;
    assert_eq!(
        notes,
        [
            "keys that are left out, since the environment lacks their variables: plugins.todo.config.a (UNSET), \
          plugins.todo.config.b[0] (UNSET) and plugins.todo.config.c.d (UNSET)"
        ]
    );
    let many: String = (0..30).map(|n| format!("k{n}: '${{UNSET}}', ")).collect();
    let notes = config(&format!("plugins: {{ todo: {{ config: {{ {many} }} }} }}")).notes;
    assert!(notes[0].ends_with(" and 10 more"), "{notes:?}");
}

#[test]
fn it_leaves_the_key_to_the_files_before() {
    let setup = Setup::new(&[
        (
            "app-config.yaml",
            "plugins: { todo: { config: { a: 1, m: { x: 1 } } } }\nbackend: { listen: ':5' }",
        ),
        (
            "app-config.local.yaml",
            "plugins: { todo: { config: { a: '${UNSET}', m: '${UNSET}', n: ~ } } }\nbackend: { listen: '${UNSET}' }",
        ),
    ]);
    assert_eq!(pairs(&setup.settings()), [("a", "1"), ("m.x", "1")]);
    assert_eq!(setup.load(&[]).unwrap().backend.listen.port, 5);
}

/// The default that would come in its place may lose data, or open what was to be closed.
#[test]
fn a_key_of_the_host_needs_its_variable() {
    for (text, key) in [
        ("backend: { listen: '${UNSET}' }", "backend.listen"),
        (
            "backend: { database: { connection: { directory: '${UNSET}' } } }",
            "directory",
        ),
        (
            "backend: { trustProxy: ['${UNSET}'] }",
            "backend.trustProxy[0]",
        ),
        (
            "backend: { cors: { origin: { $env: UNSET } } }",
            "backend.cors.origin",
        ),
        (
            "plugins: { todo: { limits: { queue: '${UNSET}' } } }",
            "plugins.todo.limits.queue",
        ),
        ("plugins: { todo: '${UNSET}' }", "plugins.todo"),
        (
            "permissions: { policies: ['${UNSET}'] }",
            "permissions.policies[0]",
        ),
        (
            "backend: { auth: { backstage: { url: '${UNSET}' } } }",
            "backend.auth.backstage.url",
        ),
        (
            "backend: { logger: { overrides: [{ matchers: '${UNSET}', level: info }] } }",
            "overrides[0].matchers",
        ),
        (
            "backend: { auth: { externalAccess: [{ type: static, options: { token: '${UNSET}', subject: ci } }] } }",
            "backend.auth.externalAccess[0].options.token",
        ),
        // Keys that are names.
        (
            "backend: { health: { headers: { x-a: '${UNSET}' } } }",
            "backend.health.headers.x-a",
        ),
        (
            "backend: { rateLimit: { plugin: { todo: '${UNSET}' } } }",
            "backend.rateLimit.plugin.todo",
        ),
        (
            "backend: { logger: { meta: { zone: { of: '${UNSET}' } } } }",
            "backend.logger.meta.zone.of",
        ),
        (
            "backend: { auth: { externalAccess: [{ type: jwks, options: { url: 'https://x/', claims: { sub: '${UNSET}' } } }] } }",
            "backend.auth.externalAccess[0].options.claims.sub",
        ),
    ] {
        let told = wrong(text);
        assert!(
            told.contains("the environment has no variable `UNSET`"),
            "{text}: {told}"
        );
        assert!(told.contains(key), "{text}: {told}");
        let error = read(text).unwrap_err();
        assert_eq!(
            error.problems().len(),
            1,
            "more is told: {}",
            error.render()
        );
    }
}

fn with(variables: &[(&'static str, &'static str)], text: &str) -> Setup {
    let setup = Setup::new(&[("app-config.yaml", text)]);
    let all = variables.iter();
    all.fold(setup, |setup, (name, value)| setup.with(name, value))
}

#[test]
fn app_config_goes_over_the_files() {
    let setup = with(
        &[
            ("APP_CONFIG_backend_listen_port", "9"),
            ("APP_CONFIG_plugins_todo_config_a", "\"5\""),
            ("APP_CONFIG_plugins_todo_config_b", "5"),
            ("APP_CONFIG_plugins_todo_config_c", "no JSON"),
            (
                "APP_CONFIG_plugins_todo_config_d",
                r#"{ "e": [1, null, 1.50], "$env": "HOME", "f": "${HOME}" }"#,
            ),
            ("APP_CONFIG_plugins_todo_config_d_g", "true"),
            ("APP_CONFIG_plugins_todo_config_h", ""),
            ("APP_CONFIG_plugins_my-notes_required", "true"),
        ],
        "plugins: { todo: { config: { a: 1, h: 1, z: 1 } } }\nbackend: { listen: { port: 1 } }",
    );
    assert_eq!(
        pairs(&setup.settings()),
        [
            ("a", "5"),
            ("b", "5"),
            ("c", "no JSON"),
            ("d.$env", "HOME"),
            ("d.e", "[1,null,1.5]"),
            ("d.f", "${HOME}"),
            ("d.g", "true"),
            ("h", "1"),
            ("z", "1"),
        ]
    );
    let config = setup.load(&["app-config.yaml"]).unwrap();
    assert_eq!(config.backend.listen.port, 9);
    assert!(config.plugins.of(&"my-notes".parse().unwrap()).required);
    assert_eq!(config.files.len(), 1);
    let todo = config.plugins.of(&"todo".parse().unwrap());
    assert_eq!(todo.config.tree()["b"], 5);
    assert_eq!(todo.config.tree()["a"], "5");
    let spot = |pointer: &str| todo.config.spot(pointer).unwrap().to_string();
    assert_eq!(spot("/d/e/0"), "APP_CONFIG_plugins_todo_config_d");
    assert_eq!(spot("/z"), "app-config.yaml:1:45");
    // The nearest map around it, which a variable has last.
    assert_eq!(spot("/not/there"), "APP_CONFIG_plugins_todo_config_a");
}

#[test]
fn says_what_is_wrong_with_app_config() {
    for (variables, says) in [
        (
            &[("APP_CONFIG_a__b", "hunter2")][..],
            "`APP_CONFIG_a__b`: `` can be no key",
        ),
        (&[("APP_CONFIG_a_2", "hunter2")], "`2` can be no key"),
        (&[("APP_CONFIG_", "hunter2")], "can be no key"),
        (
            &[("APP_CONFIG_app", "1"), ("APP_CONFIG_app_x", "hunter2")],
            "cannot be below `APP_CONFIG_app`, which is no map",
        ),
        (
            &[
                ("APP_CONFIG_app", r#"{ "x": 1 }"#),
                ("APP_CONFIG_app_x", "hunter2"),
            ],
            "sets what another variable",
        ),
        (&[("APP_CONFIG_app", "null")], "null is no value"),
        (
            &[("APP_CONFIG_backend_listen", "hunter2")],
            "APP_CONFIG_backend_listen",
        ),
    ] {
        let error = with(variables, "").load(&[]).expect_err(says);
        let all = format!("{} {error} {}", error.render(), error.to_json());
        assert!(all.contains(says), "no {says:?} in\n{all}");
        assert!(!all.contains("hunter2"), "{all}");
        assert_eq!(error.to_json()[0]["file"], "the environment");
    }
    let deep = "[".repeat(40) + &"]".repeat(40);
    let deep: &'static str = deep.leak();
    let error = with(&[("APP_CONFIG_app", deep)], "").load(&[]).unwrap_err();
    assert!(error.to_string().contains("too deep"), "{error}");
}

#[test]
fn backstage_env_names_more_files() {
    let setup = Setup::new(&[
        (
            "app-config.yaml",
            "plugins: { todo: { config: { a: 1, b: 1, c: 1, d: 1 } } }",
        ),
        (
            "app-config.production.yaml",
            "plugins: { todo: { config: { b: 2, c: 2, d: 2 } } }",
        ),
        (
            "app-config.local.yaml",
            "plugins: { todo: { config: { c: 3, d: 3 } } }",
        ),
        (
            "app-config.production.local.yaml",
            "plugins: { todo: { config: { d: 4 } } }",
        ),
        ("app-config.staging.yaml", "no map"),
    ])
    .with("BACKSTAGE_ENV", "production");
    let wanted = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")];
    assert_eq!(pairs(&setup.settings()), wanted);
    // Not with --config.
    assert_eq!(setup.load(&["app-config.yaml"]).unwrap().files.len(), 1);
    let none = with(&[("BACKSTAGE_ENV", "test")], "");
    assert_eq!(none.load(&[]).unwrap().files.len(), 1);
    let told = with(&[("BACKSTAGE_ENV", "../x")], "")
        .load(&[])
        .unwrap_err();
    assert!(told.to_string().contains("BACKSTAGE_ENV"), "{told}");
}

#[test]
fn a_configuration_is_no_url() {
    let error = Setup::new(&[])
        .load(&["https://example.com/app-config.yaml"])
        .unwrap_err();
    assert!(
        error
            .render()
            .contains("a configuration is read from files"),
        "{}",
        error.render()
    );
    assert!(read("").is_ok());
}
