//! What handles keep in the host does not count as memory of the instance: it has a bound of its own.

use super::*;

/// For all of one instance's handles, MiB: the bound, what one call brings beyond it, and what an allocator keeps.
const MOST: usize = 96;

fn grown_mib(host: &Host, of: &str, status: u16) -> usize {
    let before = host.peak_kib();
    let answer = host.get(&format!("/api/chameleon/abuse?of=many-{of}&n=1000000"));
    assert_eq!(answer.status, status, "{of}: {}", answer.text());
    (host.peak_kib() - before) >> 10
}

#[test]
fn texts_and_headers_that_handles_keep_are_bounded_together() {
    for of in ["authorities", "methods", "sets"] {
        let host = with_limits("{memory: 16MiB}");
        assert_eq!(status(&host, "/version"), 200);
        let grown = grown_mib(&host, of, 502);
        assert!(grown < MOST, "{of}: {grown} MiB");
        host.wait_for_log(&["chameleon", "handles keep more than 16 MiB in the host"]);
        assert_eq!(status(&host, "/version"), 200);
    }
}

#[test]
fn the_more_bodies_there_are_the_less_waits_of_each() {
    let host = with_limits("{memory: 16MiB}");
    assert_eq!(status(&host, "/version"), 200);
    let grown = grown_mib(&host, "answers", 502);
    assert!(grown < MOST, "{grown} MiB");
    // The table of handles is full.
    host.wait_for_log(&["chameleon", "plugin trapped", "table has no free keys"]);
    assert_eq!(status(&host, "/version"), 200);
}

/// Requests one after the other, each of which leaves something behind.
#[test]
fn an_instance_that_keeps_handles_is_not_used_again() {
    let host = with_limits("{memory: 16MiB}");
    let mut connection = greenroom_tests::Connection::open(host.address());
    let mut get = |path: &str| {
        let request = host.request("GET", &format!("/api/chameleon{path}"));
        let answer = connection.send(request).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    };
    let mut counted = |abuse: &str| {
        if !abuse.is_empty() {
            get(&format!("/abuse?of=many-{abuse}"));
        }
        let instance: serde_json::Value = serde_json::from_str(&get("/instance")).unwrap();
        instance["requests"].as_u64().unwrap()
    };
    assert_eq!(counted(""), 1);
    assert_eq!(counted(""), 2);
    // A few are nothing unusual.
    assert_eq!(counted("fields&n=20"), 3);
    assert_eq!(counted("fields&n=20"), 4);
    assert_eq!(counted("fields&n=100"), 1);
    assert_eq!(counted(""), 2);
    assert_eq!(counted("authorities&n=2"), 1);
}
