//! `start`, `stop` and `health`: each asserts inside that it has every import, and leaves its verdict.

use super::{ID, ask, assert_not_ok, assert_ok, setup};
use greenroom_tests::{fixture, variant};

#[test]
fn hooks_have_every_import() {
    let host = setup("plugins: {core-services: {health: {interval: 100ms}}}").start();
    // Its `start` answered no error, or it would not serve.
    assert_not_ok(&ask(&host, "stopped"), "stop has left no verdict");
    host.wait_until("it was asked how it is", |host| {
        let state = host.plugin(ID)["health"]["state"].clone();
        state == "well" || state == "failing"
    });
    assert_ok(&ask(&host, "checked"), "health");
    assert_eq!(host.plugin(ID)["health"]["state"], "well");

    host.deploy(ID, &variant(&fixture(ID), "second")).unwrap();
    // It has run or failed: the verdict says which.
    host.wait_until("stop was called", |host| {
        !host.log_lines(&["\"stop() "]).is_empty()
    });
    assert_ok(&ask(&host, "stopped"), "stop");
    assert_ok(&ask(&host, "checked"), "health of the second build");
}
