//! Texts that are made up of the words of a configuration.

use super::{Config, Setup};
use proptest::{collection::vec, prelude::*, sample::select};

/// Keys, values and signs of YAML, good and bad.
fn word() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "backend:",
        "listen:",
        "database:",
        "connection:",
        "cors:",
        "plugins:",
        "todo:",
        "limits:",
        "memory:",
        "timeout:",
        "sql:",
        "engine:",
        "maxMemory:",
        "config:",
        "keyvalue:",
        "ttl:",
        "access:",
        "probe:",
        "directory:",
        "cache:",
    ];
    const VALUES: &[&str] = &[
        " 128MiB",
        " 5m",
        " ${HOME}",
        " ${",
        " open",
        " ':memory:'",
        " true",
        " -1",
        " 1e400",
        " 99999999999999999999",
        " [",
        "]",
        " {",
        "}",
        " &a",
        " *a",
        " !!binary x",
        " |",
        " \"",
        " '",
        "\t",
        " /ready",
        " #",
        "\u{0}",
        " \u{feff}",
    ];
    prop_oneof![
        4 => select(KEYS).prop_map(str::to_owned),
        4 => select(VALUES).prop_map(str::to_owned),
        4 => (0..6_usize).prop_map(|depth| format!("\n{}", "  ".repeat(depth))),
        1 => any::<String>(),
    ]
}

fn check(text: &str) {
    let setup = Setup::new(&[("app-config.yaml", text)]);
    match setup.load(&[]) {
        Ok(config) => within_bounds(&config),
        Err(error) => {
            assert!(error.render().len() > 10);
            assert!(error.to_string().starts_with("app-config.yaml"), "{error}");
        }
    }
}

fn within_bounds(config: &Config) {
    let plugins = &config.plugins;
    for plugin in plugins.entries.values().chain([&plugins.defaults]) {
        assert!(plugin.limits.memory <= config.engine.max_memory);
        assert!(plugin.limits.concurrency > 0 && !plugin.limits.timeout.is_zero());
    }
    for path in [&plugins.directory, &plugins.state, &plugins.cache] {
        assert!(path.is_absolute(), "{}", path.display());
    }
}

proptest! {
    #[test]
    fn words_in_any_order_give_a_configuration_or_an_error_of_the_file(words in vec(word(), 0..30)) {
        check(&words.concat());
    }

    #[test]
    fn so_does_a_good_text_with_one_of_them_somewhere(at in 0..1000_usize, cut in 0..5_usize, word in word()) {
        let mut text = include_str!("../../../../app-config.yaml").to_owned();
        let near = |at: usize| at % text.len();
        let (mut from, mut to) = (near(at), near(at + cut));
        if from > to {
            (from, to) = (to, from);
        }
        if text.is_char_boundary(from) && text.is_char_boundary(to) {
            text.replace_range(from..to, &word);
            check(&text);
        }
    }
}
