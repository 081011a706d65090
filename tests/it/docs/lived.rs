//! A plugin with hooks, and one that asks for permissions, each by its page.

use super::{example::built, first, shell};
use crate::readme::shown::shape;
use greenroom_tests::{Host, Setup, variant};

const READINESS: &str = "/.backstage/health/v1/readiness";

/// The page waits for 50 s until the plugin is not well. How that goes on is tested in `lifecycle::health`.
#[test]
fn the_relay_is_well_and_says_when_it_stops() {
    const PAGE: &str = "docs/lifecycle.md";
    let component = built(PAGE);
    let host = Setup::new()
        .config(&first(PAGE, "yaml"))
        .plugin("relay", &component)
        .start();
    // The first check decides, and may still be under way.
    host.wait_until("ready", |host| host.get(READINESS).status == 200);

    let typed = first(PAGE, "sh");
    assert!(typed.contains(READINESS), "{typed}");
    let post = typed.lines().next().unwrap();
    let status = shell(&host, &format!("{post} -w '%{{http_code}}'"), &[]);
    assert_eq!(status, "204", "{post}");
    assert_eq!(host.get(READINESS).status, 200);

    let listed = host.command(&["plugins"]).stdout;
    let listed = shape(&String::from_utf8(listed).unwrap());
    let shown = shape(&first(PAGE, "text"));
    // The page's first line is what readiness answers.
    assert_eq!(listed.lines().next(), shown.lines().nth(1), "{listed}");

    let next = variant(&component, "next");
    host.deploy("relay", &next).unwrap();
    host.wait_for_log(&["this build serves no longer", "\"request\":\"stop\""]);
}

#[test]
fn what_a_policy_forbids_is_denied_and_the_rest_is_not() {
    let component = built("docs/permissions.md");
    let with = |policies: &str| {
        let setup = Setup::new()
            .config("permissions: {policies: ./notes.cedar}")
            .plugin("notes", &component);
        std::fs::write(setup.folder().join("notes.cedar"), policies).unwrap();
        setup.start()
    };
    let publish = |host: &Host| {
        let request = host.request("POST", "/api/notes/notes/1/publish");
        request.send().status
    };
    let all = "permit (principal, action, resource);\n";
    assert_eq!(publish(&with(all)), 204);

    let but_one = r#"forbid (principal, action == Action::"notes.publish", resource);"#;
    let host = with(&format!("{all}{but_one}\n"));
    assert_eq!(publish(&host), 403);
    let shown = host.get("/api/notes/notes/1");
    assert_eq!((shown.status, shown.text().as_str()), (200, "1"));
    assert_eq!(host.get("/api/notes/notes").text(), "every note");
}
