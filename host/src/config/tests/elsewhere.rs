//! `$env`, `$file` and `$include`.

use super::{Setup, config, pairs, wrong};

/// Of the plugin `todo`, whose section is in `app-config.yaml`.
fn settings(section: &str, others: &[(&str, &str)]) -> Vec<(String, String)> {
    setup(section, others).settings()
}

fn setup(section: &str, others: &[(&str, &str)]) -> Setup {
    let text = format!("plugins: {{ todo: {{ config: {section} }} }}");
    let mut files = vec![("app-config.yaml", text.as_str())];
    files.extend(others);
    Setup::new(&files)
        .with("TOKEN", " hunter2 ")
        .with("NAME", "token")
}

fn refused(section: &str, others: &[(&str, &str)]) -> String {
    let error = setup(section, others).load(&[]).expect_err(section);
    error.render() + &error.to_string()
}

#[test]
fn a_map_with_one_of_them_stands_for_a_value() {
    let read = settings(
        "{ a: { $env: TOKEN }, b: { $file: secrets/token }, c: { $include: more.yaml }, d: [{ $env: TOKEN }, x],
           e: { $file: 'secrets/${NAME}' }, f: { $other: x } }",
        &[
            ("secrets/token", "  from a file\n\n"),
            ("more.yaml", "one: 1\ntwo: '${TOKEN}'\n"),
        ],
    );
    assert_eq!(
        pairs(&read),
        [
            ("a", "hunter2"),
            ("b", "  from a file"),
            ("c.one", "1"),
            ("c.two", "hunter2"),
            ("d", r#"["hunter2","x"]"#),
            ("e", "  from a file"),
            ("f.$other", "x"),
        ]
    );
}

#[test]
fn what_an_included_file_names_starts_at_its_folder() {
    let read = settings(
        "{ $include: parts/a.yaml }",
        &[
            (
                "parts/a.yaml",
                "b: { $include: deeper/b.json }\nc: { $file: c.txt }",
            ),
            ("parts/deeper/b.json", r#"{ "d": { "$file": "../c.txt" } }"#),
            ("parts/c.txt", "c"),
        ],
    );
    assert_eq!(pairs(&read), [("b.d", "c"), ("c", "c")]);
}

#[test]
fn a_part_of_a_file_can_be_included() {
    let file = (
        "x.yml",
        "a: { b: { c: 5 }, d: '${TOKEN}' }\nother: ${no name}",
    );
    let read = settings(
        "{ p: { $include: 'x.yml#a.b' }, q: { $include: 'x.yml#a.d' } }",
        &[file],
    );
    assert_eq!(pairs(&read), [("p.c", "5"), ("q", "hunter2")]);
    for part in ["x", "a.b.c.d", "a..b"] {
        let told = refused(&format!("{{ p: {{ $include: 'x.yml#{part}' }} }}"), &[file]);
        assert!(
            told.contains(&format!("the file has no `{part}`")),
            "{told}"
        );
    }
}

#[test]
fn paths_and_limits_can_come_from_other_files() {
    let setup = Setup::new(&[
        (
            "app-config.yaml",
            "plugins: { directory: { $env: D }, todo: { $include: p/todo.yaml } }",
        ),
        (
            "p/todo.yaml",
            "component: x.wasm\nlimits: { queue: { $file: queue } }",
        ),
        ("p/queue", "7\n"),
    ])
    .with("D", "mine");
    let plugins = setup.load(&[]).unwrap().plugins;
    let todo = plugins.of(&"todo".parse().unwrap());
    assert_eq!(plugins.directory, setup.path().join("mine"));
    assert_eq!(todo.component, Some(setup.path().join("p/x.wasm")));
    assert_eq!(todo.limits.queue, 7);
}

#[test]
fn says_what_is_wrong_with_them() {
    for (section, says) in [
        (
            "{ a: { $env: TOKEN, b: 1 } }",
            "`$env` stands beside other keys",
        ),
        ("{ a: { $file: a, $env: b } }", "stands beside other keys"),
        ("{ a: { $env: 5 } }", "`$env` takes a text, not a number"),
        ("{ a: { $file: [] } }", "`$file` takes a text, not a list"),
        ("{ a: { $file: '' } }", "`$file` takes the path of a file"),
        (
            "{ a: { $file: '${UNSET}/x' } }",
            "`$file`: the environment has no variable `UNSET`",
        ),
        (
            "{ a: { $file: none } }",
            "`$file`: cannot read none: there is no such file",
        ),
        (
            "{ a: { $file: folder } }",
            "cannot read folder: it is a folder",
        ),
        (
            "{ a: { $file: large } }",
            "cannot read large: it is larger than 64KiB",
        ),
        (
            "{ a: { $include: folder/x.txt } }",
            "`$include` cannot read folder/x.txt",
        ),
        (
            "{ a: { $include: none.yaml } }",
            "`$include`: cannot read none.yaml",
        ),
        (
            "{ a: { $include: broken.yaml } }",
            "a `:` where no key can be",
        ),
        (
            "{ a: { $include: self.yaml } }",
            "self.yaml is included in itself",
        ),
        (
            "{ a: { $include: one.yaml } }",
            "one.yaml is included in itself",
        ),
        ("{ a: { $env: 'no name' } }", "`no name` names no variable"),
    ] {
        let told = refused(
            section,
            &[
                ("folder/x.txt", ""),
                ("large", &"x".repeat((64 << 10) + 1)),
                ("broken.yaml", "a: b: c"),
                ("self.yaml", "a: { $include: self.yaml }"),
                ("one.yaml", "a: { $include: two.yaml }"),
                ("two.yaml", "a: { $include: one.yaml }"),
            ],
        );
        assert!(told.contains(says), "{section}: no {says:?} in\n{told}");
    }
}

#[test]
fn a_pipe_is_not_waited_for() {
    let setup = setup("{ a: { $file: pipe } }", &[]);
    let path = setup.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
    let told = setup.load(&[]).unwrap_err().to_string();
    assert!(
        told.contains("cannot read pipe: it is no plain file"),
        "{told}"
    );
}

#[test]
fn there_is_an_end_to_what_is_taken() {
    // Each file includes the next one twice.
    let names: Vec<String> = (0..12).map(|n| format!("{n}.yaml")).collect();
    let texts: Vec<String> = (1..=12)
        .map(|n| format!("a: {{ $include: {n}.yaml }}\nb: {{ $include: {n}.yaml }}"))
        .collect();
    let chain: Vec<_> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    let told = refused("{ $include: 0.yaml }", &chain);
    assert!(told.contains("more than 8 deep"), "{told}");
    // Many small files.
    let many: String = (0..1001)
        .map(|n| format!("k{n}: {{ $file: x }}, "))
        .collect();
    let told = refused(&format!("{{ {many} }}"), &[("x", "x")]);
    assert!(told.contains("takes too much from other files"), "{told}");
    // Files that are deep together, and none alone.
    let deep = |inner: &str| format!("{}{inner}{}", "{ a: ".repeat(25), " }".repeat(25));
    let two = deep("x");
    let one = deep("{ $include: two.yaml }");
    let zero = deep("{ $include: one.yaml }");
    let told = refused(&zero, &[("one.yaml", &one), ("two.yaml", &two)]);
    assert!(told.contains("the configuration is too deep"), "{told}");
}

#[test]
fn a_whole_file_can_be_included() {
    let setup = Setup::new(&[
        ("app-config.yaml", "$include: real.yaml"),
        ("real.yaml", "backend: { listen: ':9' }"),
    ]);
    assert_eq!(setup.load(&[]).unwrap().backend.listen.port, 9);
    let setup = Setup::new(&[
        ("app-config.yaml", "$include: real.yaml"),
        ("real.yaml", "5"),
    ]);
    let told = setup.load(&[]).unwrap_err().to_string();
    assert!(told.contains("is a map, not a number"), "{told}");
}

#[test]
fn what_the_socket_does_not_need_may_be_missing() {
    let text = "plugins: { todo: { config: { a: { $file: none } } } }\nbackend: { admin: { socket: x.sock } }";
    let setup = Setup::new(&[("app-config.yaml", text)]);
    let socket = super::Config::admin_socket(&[], setup.path(), &setup.environment());
    assert_eq!(socket.unwrap(), setup.path().join("x.sock"));
    assert!(setup.load(&[]).is_err());
    let text = "backend: { admin: { socket: { $file: none } } }";
    let setup = Setup::new(&[("app-config.yaml", text)]);
    let socket = super::Config::admin_socket(&[], setup.path(), &setup.environment());
    assert!(socket.unwrap_err().to_string().contains("cannot read none"));
}

#[test]
fn a_plain_configuration_names_no_other_file() {
    assert_eq!(config("app: { $title: x }").notes.len(), 1);
    assert!(wrong("backend: { $listen: 1 }").contains("`backend.$listen` is not a key"));
}
