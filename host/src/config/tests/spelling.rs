use super::{config, read};

#[test]
fn keys_of_backstage_are_named_once_and_others_too() {
    let config = config(
        "app: { title: x }
proxy:
organization: { name: x }
backend: { baseUrl: x, csp: { a: [b] }, mystery: 1 }
somethingElse: 1
",
    );
    assert_eq!(
        config.notes,
        [
            "keys of Backstage that are not used here: backend.baseUrl, backend.csp, app and organization",
            "keys that are not known here: backend.mystery and somethingElse",
        ]
    );
}

#[test]
fn misspellings_are_errors() {
    for (text, meant) in [
        ("backed: {}", "backend"),
        ("plugin: {}", "plugins"),
        ("Plugins: {}", "plugins"),
        ("enigne: {}", "engine"),
        ("backend: { lisen: 1 }", "listen"),
        ("backend: { databse: 1 }", "database"),
        ("backend: { cros: 1 }", "cors"),
        ("backend: { trust-proxy: 1 }", "trustProxy"),
        ("backend: { Https: 1 }", "https"),
        (
            "backend: { lifecycle: { serverShutdownTimeOut: 1 } }",
            "serverShutdownTimeout",
        ),
        ("backend: { cors: { origins: 1, origin: '*' } }", "origin"),
        ("engine: { maxInstance: 1 }", "maxInstances"),
        ("backend: { lisen: }", "listen"),
    ] {
        let error = read(text).expect_err(text).render();
        assert!(
            error.contains(&format!("did you mean `{meant}`?")),
            "{text}: {error}"
        );
    }
}
