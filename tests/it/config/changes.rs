//! A change of a plugin's section reaches new instances, while the host serves.

use greenroom_tests::{Host, Setup, chameleon, configured};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{ "properties": { "retries": { "type": "integer" } } }"#;

fn host(section: &str) -> Host {
    let setup = Setup::new().config(&config(section));
    setup.plugin("configured", &configured(SCHEMA)).start()
}

fn config(section: &str) -> String {
    format!("plugins: {{ configured: {{ config: {section} }} }}\n")
}

fn write(host: &Host, name: &str, text: &str) {
    // As editors do it: nobody reads a half of it.
    let part = host.folder().join(".part");
    std::fs::write(&part, text).unwrap();
    std::fs::rename(part, host.folder().join(name)).unwrap();
}

const TAKEN: &str = "config: new instances have the new section";
const KEPT: &str = "config: the change is refused, and what was read before stays in use";

/// Waits for the line that many times.
fn wait(host: &Host, line: &str, times: usize) {
    host.wait_until(&format!("{line} {times} times"), |host| {
        host.log().matches(line).count() >= times
    });
}

fn kept(host: &Host, id: &str) -> Value {
    host.get(&format!("/api/{id}/kept")).json()
}

#[test]
fn a_new_section_comes_with_a_new_instance() {
    let host = host("{ retries: 1 }");
    assert_eq!(kept(&host, "configured"), json!([1, { "retries": "1" }]));
    assert_eq!(kept(&host, "configured")[0], 2);
    write(&host, "app-config.yaml", &config("{ retries: 2, more: x }"));
    wait(&host, TAKEN, 1);
    host.wait_for_log(&["\"configured.config-change\"", "\"succeeded\""]);
    assert_eq!(
        kept(&host, "configured"),
        json!([1, { "retries": "2", "more": "x" }])
    );
    assert_eq!(kept(&host, "configured")[0], 2);
    // Gone is gone.
    write(&host, "app-config.yaml", "");
    wait(&host, TAKEN, 2);
    assert_eq!(kept(&host, "configured"), json!([1, {}]));
}

#[test]
fn what_runs_ends_with_the_section_that_it_began_with() {
    // Where the change takes longer than the request this tells nothing, and a longer request is sent.
    let told = [3, 6, 12, 24].into_iter().find_map(across_a_change);
    let old = json!({ "retries": "1" });
    let told = told.expect("a request that outlives a change");
    assert_eq!(told, json!([old, old]));
}

/// What a request of so many seconds reads before and after a change; `None` where it had ended before that was in use.
fn across_a_change(seconds: u32) -> Option<Value> {
    // The longest one takes longer than a request may by default.
    let section = |retries: u32| format!("{{ retries: {retries} }}, limits: {{ timeout: 1m }}");
    let host = host(&section(1));
    let slow = host.request("GET", &format!("/api/configured/twice?ms={seconds}000"));
    let slow = std::thread::spawn(move || slow.send().json());
    host.wait_for_log(&["between two looks at the configuration"]);
    write(&host, "app-config.yaml", &config(&section(2)));
    wait(&host, TAKEN, 1);
    assert_eq!(kept(&host, "configured"), json!([1, { "retries": "2" }]));
    let outlived = !slow.is_finished();
    let told = slow.join().expect("an answer");
    // Its instance does not come back.
    for _ in 0..5 {
        assert_eq!(host.get("/api/configured/config").json()["retries"], "2");
    }
    outlived.then_some(told)
}

#[test]
fn no_other_plugin_notices() {
    let both = |a: u32| {
        format!("plugins: {{ a: {{ config: {{ n: {a} }} }}, b: {{ config: {{ n: 1 }} }} }}")
    };
    let host = Setup::new()
        .config(&both(1))
        .plugin("a", &configured(""))
        .plugin("b", &configured(""))
        .start();
    assert_eq!(
        (kept(&host, "a")[0].clone(), kept(&host, "b")[0].clone()),
        (json!(1), json!(1))
    );
    write(&host, "app-config.yaml", &both(2));
    wait(&host, TAKEN, 1);
    assert_eq!(kept(&host, "a"), json!([1, { "n": "2" }]));
    assert_eq!(kept(&host, "b"), json!([2, { "n": "1" }]));
}

#[test]
fn a_file_with_a_mistake_changes_nothing() {
    let host = host("{ retries: 1 }");
    for (count, (text, says)) in [
        ("plugins: [", "not valid YAML"),
        (
            "plugins: { configured: { limts: {} } }",
            "app-config.yaml:1:26: `plugins.configured.limts` is not a key",
        ),
        (
            "plugins: { configured: { config: { $file: none } } }",
            "cannot read none",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        write(&host, "app-config.yaml", text);
        wait(&host, KEPT, count + 1);
        host.wait_for_log(&[KEPT, says]);
        assert_eq!(host.get("/api/configured/config").json()["retries"], "1");
    }
    write(&host, "app-config.yaml", &config("{ retries: 2 }"));
    wait(&host, TAKEN, 1);
    assert_eq!(host.get("/api/configured/config").json()["retries"], "2");
    assert_eq!(
        host.log().matches(KEPT).count(),
        3,
        "one line each:\n{}",
        host.log()
    );
}

#[test]
fn a_section_that_does_not_fit_changes_nothing() {
    let host = host("{ retries: 1 }");
    write(&host, "app-config.yaml", &config("{ retries: hunter2 }"));
    host.wait_for_log(&["config: the new section is refused", "takes a whole number"]);
    host.wait_for_log(&[
        "\"configured.config-change\"",
        "\"configuration\"",
        "\"failed\"",
    ]);
    assert_eq!(host.get("/api/configured/config").json()["retries"], "1");
    let row = host.plugin("configured");
    assert_eq!(
        (&row["state"], &row["problem"]["stage"]),
        (&json!("live"), &json!("config"))
    );
    write(&host, "app-config.yaml", &config("{ retries: 3 }"));
    wait(&host, TAKEN, 1);
    assert_eq!(host.get("/api/configured/config").json()["retries"], "3");
    assert_eq!(host.plugin("configured")["problem"], Value::Null);
    assert!(!host.log().contains("hunter2"), "{}", host.log());
}

#[test]
fn files_that_the_configuration_names_are_watched_too() {
    let setup = Setup::new().config(&config(
        "{ token: { $file: token }, more: { $include: more.yaml } }",
    ));
    std::fs::write(setup.folder().join("token"), "first\n").unwrap();
    std::fs::write(setup.folder().join("more.yaml"), "a: 1\n").unwrap();
    let host = setup.plugin("configured", &configured("")).start();
    let read = || host.get("/api/configured/config").json();
    assert_eq!(read(), json!({ "token": "first", "more.a": "1" }));
    write(&host, "token", "second\n");
    wait(&host, TAKEN, 1);
    assert_eq!(read(), json!({ "token": "second", "more.a": "1" }));
    write(&host, "more.yaml", "a: 2\n");
    wait(&host, TAKEN, 2);
    assert_eq!(read(), json!({ "token": "second", "more.a": "2" }));
}

#[test]
fn keys_that_need_a_restart_are_named() {
    let host = host("{ retries: 1 }");
    let other =
        "app: { title: x }\nbackend: { bodies: 2MiB, lifecycle: { serverShutdownTimeout: 3s } }\n";
    write(
        &host,
        "app-config.yaml",
        &format!("{other}{}", config("{ retries: 2 }")),
    );
    wait(&host, TAKEN, 1);
    let line = "config: these keys have changed, which a restart alone brings into use: \
                backend.bodies, backend.lifecycle.serverShutdownTimeout";
    host.wait_for_log(&[line]);
    assert!(!host.log().contains("app.title"), "{}", host.log());
}

#[test]
fn a_build_that_lacked_a_key_is_tried_again() {
    let host = host("{ retries: 1, start: fail }");
    assert_eq!(host.plugin("configured")["problem"]["stage"], "start");
    assert_eq!(host.get("/api/configured/config").status, 503);
    write(&host, "app-config.yaml", &config("{ retries: x }"));
    host.wait_until("it is refused for its section", |host| {
        host.plugin("configured")["problem"]["stage"] == "config"
    });
    write(&host, "app-config.yaml", &config("{ retries: 5 }"));
    host.wait_until("it serves", |host| {
        host.plugin("configured")["state"] == "live"
    });
    assert_eq!(host.get("/api/configured/config").json()["retries"], "5");
}

#[test]
fn a_build_is_held_against_what_the_files_say_now() {
    let host = host("{ retries: 1 }");
    write(&host, "app-config.yaml", &config("{ retries: many }"));
    host.wait_for_log(&["config: the new section is refused"]);
    // It takes what the build before it does not.
    host.deploy("configured", &configured("{}")).unwrap();
    assert_eq!(host.get("/api/configured/config").json()["retries"], "many");
    // And the first build of an id has it as well.
    let two =
        "plugins: { configured: { config: { retries: most } }, late: { config: { a: 1 } } }\n";
    write(&host, "app-config.yaml", two);
    wait(&host, TAKEN, 1);
    host.deploy("late", &chameleon("")).unwrap();
    assert_eq!(host.get("/api/late/config").json(), json!({ "a": "1" }));
}
