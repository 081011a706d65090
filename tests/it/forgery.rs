//! What clients and neighbours on the same machine may try to pass themselves off as.

mod admin_socket;
mod headers;
mod paths;
mod plugins_folder;

use greenroom_tests::{Host, Setup, Wire, chameleon};
use serde_json::Value;

/// Two plugins; each answers its own id at `/version`.
fn two() -> Host {
    Setup::new()
        .plugin("one", &chameleon("answer=one;"))
        .plugin("two", &chameleon("answer=two;"))
        .start()
}

/// What the plugin saw of a request, sent as these bytes.
fn echo(host: &Host, request: &str) -> Value {
    let mut wire = Wire::open(host.address());
    wire.send(request);
    let answer = wire.answer();
    assert_eq!(
        answer.status(),
        200,
        "{request}\n{}{}",
        answer.head,
        answer.text()
    );
    answer.json()
}

/// The values that arrived under this name.
fn all(echo: &Value, name: &str) -> Vec<String> {
    let headers = echo["headers"].as_array().expect("headers").iter();
    headers
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().expect("a value").to_owned())
        .collect()
}
