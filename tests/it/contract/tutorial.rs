//! The tutorial's three curl commands, as written there but for the port.

use super::{created, host, titles};
use greenroom_tests::Host;
use serde_json::{Value, json};
use std::process::Command;

const CREATE: &str = r#"curl -X POST http://localhost:7007/api/todo/todos \
-H "Content-Type: application/json" \
-d '{"title": "My first todo", "entityRef": "component:default/my-service"}'"#;
const LIST: &str = "curl http://localhost:7007/api/todo/todos";
const LIST_OF_ENTITY: &str =
    r#"curl "http://localhost:7007/api/todo/todos?entityRef=component:default/my-service""#;

/// Runs it in a shell. `localhost` may be IPv6 first: curl then tries IPv4 as well.
fn run(host: &Host, command: &str) -> Value {
    let command = command.replace(
        "localhost:7007",
        &format!("localhost:{}", host.address().port()),
    );
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{command} --silent --show-error --max-time 60 --noproxy '*'"
        ))
        .output()
        .expect("sh");
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stdout)))
}

#[test]
fn its_commands_work_as_written() {
    let host = host();
    let item = run(&host, CREATE);
    assert_eq!(item["title"], json!("My first todo"));
    assert_eq!(item["entityRef"], json!("component:default/my-service"));
    assert_eq!(item["completed"], json!(false));
    created(
        &host,
        &json!({"title": "of another", "entityRef": "component:default/other"}),
    );
    assert_eq!(titles(&run(&host, LIST)), ["of another", "My first todo"]);
    assert_eq!(run(&host, LIST_OF_ENTITY), json!([item]));
}
