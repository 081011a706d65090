//! What is read again is compared with what was read before.

use super::{Environment, Setup, config};
use crate::config::Loader;

#[test]
fn names_the_keys_that_changed() {
    let before = config(
        "app: { title: a }\nbackend: { listen: ':1', cors: { origin: ['http://a', 'http://b'] }, admin: { socket: x } }
plugins: { todo: { required: true, config: { a: 1 } } }",
    );
    let after = config(
        "app: { title: b }\nbackend: { listen: ':2', cors: { origin: ['http://a', 'http://c'] }, bodies: 2MiB, csp: { x: 1 } }
plugins: { todo: { required: true, limits: { queue: 5 }, config: { a: 2 } }, notes: { config: { b: 1 } } }",
    );
    assert_eq!(
        after.keys.changed(&before.keys),
        [
            "backend.admin.socket",
            "backend.bodies",
            "backend.cors.origin",
            "backend.listen",
            "plugins.todo.limits.queue"
        ]
    );
    assert_eq!(before.keys.changed(&before.keys), [""; 0]);
    let of = |config: &crate::config::Config| config.plugins.of(&"todo".parse().unwrap()).config;
    assert_ne!(of(&before), of(&after));
    assert_eq!(of(&before), of(&before));
}

#[test]
fn where_a_value_stands_is_no_change() {
    let of = |text: &str| config(text).plugins.of(&"todo".parse().unwrap()).config;
    let one = of("plugins: { todo: { config: { a: 1, b: x } } }");
    let other = of("# moved\nplugins:\n  todo:\n    config:\n      b: x\n      a: 1\n");
    assert_eq!(one, other);
    assert_ne!(one.spot("/a"), other.spot("/a"));
    // The same text, and another type for its schema.
    assert_ne!(one, of("plugins: { todo: { config: { a: '1', b: x } } }"));
}

#[test]
fn tells_every_path_that_it_looked_at() {
    let setup = Setup::new(&[
        (
            "app-config.yaml",
            "plugins: { todo: { config: { a: { $file: s/a }, b: { $include: b.yaml } } } }",
        ),
        ("b.yaml", "c: { $file: none }"),
        ("s/a", "a"),
    ]);
    let loader = Loader::new(&[], setup.path(), &Environment::default());
    let (paths, config) = loader.look();
    assert!(config.is_err());
    let wanted = [
        "app-config.local.yaml",
        "app-config.yaml",
        "b.yaml",
        "none",
        "s/a",
    ];
    let wanted = wanted.map(|name| setup.path().join(name));
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), wanted);
    let shown = format!("{loader:?}");
    assert!(
        shown.contains(&setup.path().display().to_string()),
        "{shown}"
    );
}
