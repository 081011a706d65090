//! Guests that trap or never answer.

use super::*;
use greenroom_tests::Connection;

/// Requests that the instance behind this answer has counted.
fn counted(host: &Host, id: &str, connection: &mut Connection) -> u64 {
    let request = host.request("GET", &format!("/api/{id}/instance"));
    let answer = connection.send(request).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["requests"].as_u64().unwrap()
}

#[test]
fn a_trap_before_the_answer_is_502_and_ends_the_instance() {
    let host = both("{memory: 32MiB}");
    for path in [
        "/trap",
        "/panic",
        "/exit",
        "/deep",
        "/bomb",
        "/stream-trap?n=1000",
    ] {
        let answer = get_alike(&host, path);
        assert_eq!(answer.status, 502, "{path}: {}", answer.text());
        for id in WAYS {
            assert_eq!(number(&host, id, "instances"), 0, "{id}{path}");
            line(&host, id, &["ERROR", "plugin trapped"]);
        }
        assert_eq!(get_alike(&host, "/version").status, 200);
    }
    for id in WAYS {
        let told = line(&host, id, &["ERROR", "the fixture was told to panic"]);
        assert!(
            told.contains("of-both") && told.contains("hostile.rs"),
            "{told}"
        );
        line(&host, id, &["ERROR", "limits.memory"]);
    }
}

#[test]
fn a_loop_and_a_wait_are_504_at_the_timeout_and_end_the_instance() {
    let host = both("{timeout: 1s}");
    for path in ["/spin", "/hang", "/late?ms=30000"] {
        let answer = get_alike(&host, path);
        assert_eq!(answer.status, 504, "{path}: {}", answer.text());
        host.wait_until("the instances are gone", |host| {
            WAYS.iter().all(|id| number(host, id, "instances") == 0)
        });
        wait_until_idle(&host);
        assert_eq!(get_alike(&host, "/version").status, 200);
    }
    for id in WAYS {
        line(&host, id, &["ERROR", "plugin timed out", "of-both"]);
    }
}

/// By wasi:http a guest can return without one, or say that there is none; in one call it can give one that is none.
#[test]
fn an_answer_that_never_comes_is_502() {
    let host = both("{}");
    for path in ["/nothing", "/refuse"] {
        let answer = get_alike(&host, path);
        assert_eq!(answer.status, 502, "{path}: {}", answer.text());
        assert_eq!(get_alike(&host, "/version").status, 200);
    }
    for (id, reasons) in [
        ("whole", &["its status is 0"][..]),
        (
            "parts",
            &["ended without an answer", "it answered with the error"],
        ),
    ] {
        for reason in reasons {
            line(&host, id, &["ERROR", "no valid answer", reason]);
        }
    }
}

#[test]
fn an_instance_serves_on_after_what_is_no_fault() {
    let host = both("{}");
    for id in WAYS {
        let mut connection = Connection::open(host.address());
        let mut count = 0;
        for path in [
            "/version",
            "/nowhere",
            "/answer?status=600",
            "/stream?n=5000000",
            "/stream?n=0",
        ] {
            _ = host.request("GET", &format!("/api/{id}{path}")).try_send();
            host.wait_until("it is free", |host| number(host, id, "running") == 0);
            count += 1;
            assert_eq!(counted(&host, id, &mut connection), count, "{id}{path}");
        }
        for path in ["/trap", "/stream-trap"] {
            _ = host.request("GET", &format!("/api/{id}{path}")).try_send();
            host.wait_until("it is free", |host| number(host, id, "running") == 0);
            assert_eq!(counted(&host, id, &mut connection), 1, "{id}{path}");
        }
    }
}

/// A client that has read all that was promised does not ask for more: the guest may still be about to return.
#[test]
fn a_large_answer_with_its_length_costs_no_instance() {
    let host = both("{}");
    for id in WAYS {
        let mut connection = Connection::open(host.address());
        for round in 1..=100 {
            let request = host.request("GET", &format!("/api/{id}/answer?n=300000"));
            let answer = connection.send(request).unwrap();
            assert_eq!(answer.body.len(), 300_000);
            host.wait_until("it is free", |host| number(host, id, "running") == 0);
            assert_eq!(counted(&host, id, &mut connection), round, "{id}");
        }
    }
}

/// The body that is still to be written belongs to the request it was for.
#[test]
fn no_body_is_left_for_the_next_request() {
    let host = both("{}");
    for id in WAYS {
        for status in [600, 1000] {
            // Refused by its head: nobody asks for its body.
            let target = format!("/api/{id}/answer?status={status}&n=300000");
            assert!(host.get(&target).status >= 500, "{target}");
            for (path, body) in [
                ("/version", "1.0.0"),
                ("/stream?n=0", ""),
                ("/stream?n=2", "xx"),
            ] {
                let answer = host.get(&format!("/api/{id}{path}"));
                assert_eq!((answer.status, &*answer.text()), (200, body), "{id}{path}");
            }
        }
    }
}
