//! What the host answers in a plugin's place.

use super::{assert_host_error, host, host_with};
use greenroom_tests::{Setup, fixture, todo};
use serde_json::json;

#[test]
fn unknown_places_are_404() {
    let host = host();
    for target in [
        "/",
        "/x",
        "/api",
        "/api/",
        "/api//x",
        "/api/none",
        "/api/none/todos?x=1&y=%zz",
        "/api/Chameleon/version",
        "/api/chameleon%2Fversion",
        "/.backstage/health/v1",
        "/.backstage/health/v1/liveness/",
        "/api/no..such/x",
    ] {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            let answer = host.request(method, target).send();
            assert_host_error(&answer, 404, "NotFoundError", method, target);
        }
    }
    let head = host.request("HEAD", "/api/none").send();
    let get = host.get("/api/none");
    assert_eq!((head.status, head.body.len()), (404, 0));
    assert_eq!(
        head.header("content-length"),
        Some((get.body.len() + 1).to_string()),
        "HEAD is a letter longer"
    );
}

#[test]
fn a_long_url_is_told_in_part() {
    let host = host();
    let target = format!("/api/none/{}", "x".repeat(4000));
    let answer = host.get(&target);
    let told = answer.json()["request"]["url"].as_str().unwrap().to_owned();
    assert!(
        told.len() <= 1024 && target.starts_with(&told),
        "{} bytes",
        told.len()
    );
    assert!(answer.body.len() < 2000);
}

#[test]
fn a_plugin_that_fails_is_502() {
    let host = host();
    for target in [
        "/api/chameleon/trap",
        "/api/chameleon/panic?secret=1",
        "/api/chameleon/nothing",
        "/api/chameleon/refuse",
        "/api/chameleon/short",
        "/api/chameleon/long",
        "/api/chameleon/answer?status=101",
        "/api/chameleon/answer?status=600",
    ] {
        // `/nothing` ends without an answer; only as the exact path.
        let answer = host.get(target);
        assert_host_error(&answer, 502, "BadGatewayError", "GET", target);
        let message = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        for inside in [
            "wasm",
            "told to panic",
            "unreachable",
            "/",
            "SELECT",
            "instance",
        ] {
            assert!(!message.contains(inside), "{target}: {message}");
        }
        assert_eq!(
            host.get("/api/chameleon/version").status,
            200,
            "after {target}"
        );
    }
}

#[test]
fn a_plugin_past_its_time_is_504() {
    let host = host_with("plugins: {chameleon: {limits: {timeout: 1s}}}");
    for target in ["/api/chameleon/late?ms=60000", "/api/chameleon/spin"] {
        assert_host_error(&host.get(target), 504, "GatewayTimeoutError", "GET", target);
        assert_eq!(
            host.get("/api/chameleon/version").status,
            200,
            "after {target}"
        );
    }
    let post = host
        .request("POST", "/api/chameleon/upload?ms=60000")
        .body("x".repeat(200))
        .send();
    assert_host_error(
        &post,
        504,
        "GatewayTimeoutError",
        "POST",
        "/api/chameleon/upload?ms=60000",
    );
}

#[test]
fn a_plugin_without_a_build_is_503() {
    let host = Setup::new()
        .plugin("broken", b"no component")
        .plugin("missing", &fixture("missing-import"))
        .plugin("todo", &todo())
        .start();
    for target in ["/api/broken/x", "/api/missing/"] {
        let answer = host.get(target);
        assert_host_error(&answer, 503, "ServiceUnavailableError", "GET", target);
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(
        host.get("/api/todo/todos").status,
        200,
        "its neighbour serves"
    );
}

#[test]
fn a_plugin_with_too_much_to_do_is_503() {
    for limits in [
        "{concurrency: 1, queue: 0}",
        "{concurrency: 1, queue: 5, queueTimeout: 50ms}",
    ] {
        let host = host_with(&format!("plugins: {{chameleon: {{limits: {limits}}}}}"));
        std::thread::scope(|scope| {
            let busy = scope.spawn(|| host.get("/api/chameleon/late?ms=4000"));
            host.wait_until("it runs", |host| {
                host.plugin("chameleon")["running"] == json!(1)
            });
            let answer = host.get("/api/chameleon/version");
            assert_host_error(
                &answer,
                503,
                "ServiceUnavailableError",
                "GET",
                "/api/chameleon/version",
            );
            assert_eq!(
                answer.header("retry-after").as_deref(),
                Some("1"),
                "{limits}"
            );
            assert_eq!(busy.join().unwrap().status, 200);
        });
        assert_eq!(host.get("/api/chameleon/version").status, 200, "{limits}");
    }
}

#[test]
fn who_waits_for_a_place_gets_it() {
    let host = host_with(
        "plugins: {chameleon: {limits: {concurrency: 1, queue: 100, queueTimeout: 60s}}}",
    );
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| host.get("/api/chameleon/late?ms=20").status))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert_eq!(statuses, vec![200; 20]);
}

#[test]
fn the_hosts_own_paths_answer_get_and_head_alone() {
    let host = host();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let target = "/.backstage/health/v1/readiness";
        let answer = host.request(method, target).send();
        assert_host_error(&answer, 405, "MethodNotAllowedError", method, target);
        assert_eq!(answer.header("allow").as_deref(), Some("GET, HEAD"));
    }
}

#[test]
fn an_error_names_the_request_as_it_was_sent() {
    let host = host();
    let target = "/api/none/a%20b/../\"c\"?q=%22quoted%22&x={y}|'\\";
    let mut wire = greenroom_tests::Wire::open(host.address());
    wire.send(format!("BREW {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let answer = wire.answer();
    assert_eq!(answer.status(), 404, "{}", answer.head);
    assert_eq!(
        answer.json()["request"],
        json!({"method": "BREW", "url": target})
    );
}
