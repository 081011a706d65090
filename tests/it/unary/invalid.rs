//! Answers that HTTP cannot carry.

use super::*;

#[test]
fn a_length_that_is_not_the_bodys_is_502() {
    let host = both("{}");
    for path in [
        "/short",
        "/long",
        "/answer?n=0&header=content-length:1",
        "/answer?n=5&length=no&header=content-length:4",
        "/answer?n=5&length=no&header=content-length:100",
        "/answer?n=0&length=no&header=content-length:1",
    ] {
        let answer = get_alike(&host, path);
        assert_eq!(answer.status, 502, "{path}: {}", answer.text());
        assert_eq!(get_alike(&host, "/version").status, 200);
    }
    for id in WAYS {
        line(&host, id, &["ERROR", "no valid answer"]);
    }
}

/// Told too late for a 502: the client must not take what came for all of it.
#[test]
fn a_length_that_is_not_that_of_a_large_body_breaks_the_connection() {
    let host = both("{}");
    for n in [BUFFER + 1, 2_000_000] {
        for (length, way) in [
            (n + 1, ""),
            (n + 1, "&length=no"),
            (n - 1, ""),
            (n - 1, "&length=no"),
        ] {
            let path = format!("/answer?n={n}{way}&header=content-length:{length}");
            for id in WAYS {
                let target = format!("/api/{id}{path}");
                if let Ok(answer) = host.request("GET", &target).try_send() {
                    assert_eq!(answer.status, 502, "{target}: {} bytes", answer.body.len());
                }
                let coded = host
                    .request("GET", &target)
                    .header("accept-encoding", "gzip");
                if let Ok(answer) = coded.try_send() {
                    assert_eq!(answer.status, 502, "{target}, in gzip");
                }
            }
        }
    }
    wait_until_idle(&host);
    assert_eq!(get_alike(&host, "/version").status, 200);
}

#[test]
fn statuses_that_the_host_refuses_are_502() {
    let host = both("{}");
    for status in [100, 101, 103, 199, 600, 999] {
        for path in [
            format!("/answer?status={status}"),
            format!("/answer?status={status}&n=300000"),
            format!("/answer?status={status}&n=300000&length=no"),
        ] {
            let answer = get_alike(&host, &path);
            assert_eq!(answer.status, 502, "{path}: {}", answer.text());
            assert_eq!(get_alike(&host, "/version").status, 200);
        }
    }
}

/// A header that is no field line: the SDK answers an empty 500 both ways, in the one call because it looks itself.
#[test]
fn a_header_that_cannot_be_sent_is_an_empty_500() {
    let host = both("{}");
    for header in [
        "a%20b:c",
        ":c",
        "caf%C3%A9:c",
        "x-n:a%0Ab",
        "x-r:a%0D%0Ax-injected:%201",
        "x-0:a%00b",
        "x-d:a%7Fb",
    ] {
        for path in [
            "/answer?",
            "/answer?n=300000&",
            "/answer?n=300000&length=no&",
        ] {
            let path = format!("{path}header={header}");
            for id in WAYS {
                let answer = host.get(&format!("/api/{id}{path}"));
                assert_eq!((answer.status, answer.body.len()), (500, 0), "{id}{path}");
                assert_eq!(answer.header("x-injected"), None);
                let request = answer.header("x-request-id").expect("a request id");
                line(&host, id, &["WARN", "a header of the answer", &request]);
            }
        }
        assert_eq!(get_alike(&host, "/version").status, 200);
    }
}

/// In the one call the host sees what is wrong and says 502. wasi:http refuses it to the guest, and the SDK answers an
/// empty 500.
#[test]
fn what_wasi_http_refuses_to_the_guest_is_502_in_one_call() {
    let host = both("{}");
    for (path, reason) in [
        ("/answer?status=0", "its status is 0"),
        ("/answer?status=99", "its status is 99"),
        ("/answer?status=1000", "its status is 1000"),
        ("/answer?status=65535", "its status is 65535"),
        (
            "/answer?n=5&header=content-length:x",
            "content-length is no number",
        ),
        (
            "/answer?n=5&header=content-length:",
            "content-length is no number",
        ),
        (
            "/answer?n=5&header=content-length:5&header=content-length:6",
            "or several",
        ),
        (
            "/answer?n=5&header=content-length:5,%205",
            "content-length is no number",
        ),
        (
            "/answer?n=5&header=content-length:18446744073709551616",
            "out of range",
        ),
    ] {
        let whole = host.get(&format!("/api/whole{path}"));
        assert_eq!(whole.status, 502, "{path}: {}", whole.text());
        assert_eq!(whole.header("x-injected"), None);
        let request = whole.header("x-request-id").expect("a request id");
        line(
            &host,
            "whole",
            &["ERROR", "no valid answer", reason, &request],
        );
        let parts = host.get(&format!("/api/parts{path}"));
        assert_eq!((parts.status, parts.body.len()), (500, 0), "{path}");
        assert_eq!(get_alike(&host, "/version").status, 200);
    }
}

/// Headers of the connection are the host's business: in one call it puts them right, and wasi:http refuses them to the
/// guest, which then answers an empty 500.
#[test]
fn headers_of_the_connection_never_reach_a_client() {
    let host = both("{}");
    for (id, status) in [("whole", 200), ("parts", 500)] {
        let twice = "header=content-length:5&header=content-length:5";
        let answer = host.get(&format!("/api/{id}/answer?n=5&{twice}"));
        assert_eq!(answer.status, status, "{id}");
        assert_eq!(
            answer.headers.get_all("content-length").iter().count(),
            1,
            "{id}"
        );
    }
    for (name, value) in [
        ("connection", "x-mine"),
        ("keep-alive", "timeout=1"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("proxy-connection", "close"),
    ] {
        for (id, status) in [("whole", 200), ("parts", 500)] {
            let target = format!("/api/{id}/answer?n=5&header=x-mine:a&header={name}:{value}");
            let answer = host.get(&target);
            assert_eq!(answer.status, status, "{target}");
            assert_eq!(answer.header(name), None, "{target}");
        }
    }
}

#[test]
fn more_and_larger_headers_than_can_be_sent_are_502() {
    let host = both("{}");
    let answer = get_alike(&host, "/many-headers?n=20&size=1000");
    assert_eq!(
        answer.header("x-many-19").map(|value| value.len()),
        Some(1000)
    );
    for (n, size) in [(1, 1_000_000), (200, 10_000), (50_000, 1)] {
        let path = format!("/many-headers?n={n}&size={size}");
        for id in WAYS {
            let answer = host.request("GET", &format!("/api/{id}{path}")).try_send();
            assert_eq!(answer.map(|answer| answer.status), Ok(502), "{id}{path}");
        }
        assert_eq!(get_alike(&host, "/version").status, 200);
    }
    wait_until_idle(&host);
    assert!(!host.log().contains("panicked"), "{}", host.log());
}
