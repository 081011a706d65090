//! The exports that a plugin may have besides: `greenroom:plugin/stop` and `greenroom:plugin/health`.

mod health;
mod stop;

use greenroom_tests::{Host, Setup, fixture, todo, variant};
use serde_json::Value;

/// The fixture with both, and the same as another build.
fn builds() -> [Vec<u8>; 2] {
    let first = fixture("hooks");
    let second = variant(&first, "second");
    [first, second]
}

/// What ran so far in a plugin, by its own database, health checks left out.
fn ran(host: &Host, id: &str) -> Vec<String> {
    let answer = host.get(&format!("/api/{id}/told"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    let told = told.as_array().expect("a list").iter();
    let told = told.map(|what| what.as_str().expect("a text").to_owned());
    told.filter(|what| what != "check").collect()
}

fn wait_until_ran(host: &Host, id: &str, expected: &[&str]) {
    host.wait_until(&format!("{id} ran {expected:?}"), |host| {
        ran(host, id) == expected
    });
}

/// Lines of the log with this message, of this plugin.
fn lines(host: &Host, id: &str, message: &str) -> Vec<Value> {
    let lines = host.log_lines(&[]).into_iter();
    lines
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .filter(|line| line["plugin"] == id && line["message"] == message)
        .collect()
}

#[test]
fn inspect_names_the_exports_and_only_where_they_are() {
    let host = Setup::new().start();
    for (component, expected) in [
        (fixture("hooks"), true),
        (fixture("hello"), false),
        (todo(), false),
    ] {
        std::fs::write(host.folder().join("one.wasm"), component).unwrap();
        let exports = host.ask(&["inspect", "one.wasm"])["exports"].clone();
        let exports = exports.as_array().expect("a list");
        for export in [
            "greenroom:plugin/stop@0.1.0",
            "greenroom:plugin/health@0.1.0",
        ] {
            let found = exports.contains(&Value::from(export));
            assert_eq!(found, expected, "{exports:?}");
        }
    }
}

/// `greenroom:http/handler` under the name of another interface, as a component that was made from another contract.
fn misnamed(component: &[u8], name: &[u8; 28]) -> Vec<u8> {
    const HANDLER: &[u8] = b"greenroom:http/handler@0.1.0";
    let mut bytes = component.to_vec();
    let places: Vec<_> = (0..bytes.len() - HANDLER.len())
        .filter(|at| bytes[*at..].starts_with(HANDLER))
        .collect();
    assert!(!places.is_empty(), "the component has the export");
    for at in places {
        bytes[at..at + HANDLER.len()].copy_from_slice(name);
    }
    bytes
}

#[test]
fn an_interface_of_another_shape_is_refused_and_named() {
    let hello = fixture("hello");
    let host = Setup::new().plugin("c", &hello).start();
    let misnamed = misnamed(&hello, b"greenroom:plugin/stop@0.1.10");
    let refused = host.deploy("c", &misnamed).unwrap_err();
    for part in [
        "greenroom:plugin/stop@0.1",
        "stop: func() -> result<_, string>",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    let plugin = host.plugin("c");
    assert_eq!(plugin["problem"]["stage"], "exports", "{plugin}");
    assert_eq!(
        host.get("/api/c/").text(),
        "hello",
        "the build before it serves"
    );
}
