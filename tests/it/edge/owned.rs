//! Headers that belong to the host, on the way in and on the way out, and the path as the plugin sees it.

use super::{arrived, host};
use greenroom_tests::Wire;
use serde_json::{Value, json};

/// What the plugin saw of a raw GET.
fn echo(host: &greenroom_tests::Host, target: &str, fields: &str) -> Value {
    let mut wire = Wire::open(host.address());
    wire.send(format!(
        "GET {target} HTTP/1.1\r\nHost: shop.example:81\r\n{fields}\r\n"
    ));
    let answer = wire.answer();
    assert_eq!(answer.status(), 200, "{}{}", answer.head, answer.text());
    answer.json()
}

#[test]
fn what_only_the_host_may_say_never_arrives() {
    let host = host();
    let fields = "X-Greenroom-Principal: user:default/root\r\nx-greenroom-principal: service:ci\r\nX-GREENROOM-Anything: 1\r\n\
        X-Forwarded-Prefix: /forged\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\nForwarded: for=1.1.1.1\r\n\
        Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nProxy-Authenticate: x\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, X-Hop, x-other-hop\r\nX-Hop: 1\r\nX-Other-Hop: 2\r\nX-Kept: yes\r\n";
    let seen = echo(&host, "/api/chameleon/echo", fields);
    let mut names: Vec<_> = seen["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| pair[0].as_str().unwrap())
        .collect();
    names.sort_unstable();
    // The host of a request is not a header in wasi:http.
    names.retain(|name| *name != "host");
    assert_eq!(
        names,
        [
            "x-forwarded-prefix",
            "x-greenroom-principal",
            "x-kept",
            "x-request-id"
        ]
    );
    assert_eq!(
        arrived(&seen, "x-forwarded-prefix").as_deref(),
        Some("/api/chameleon")
    );
    assert_eq!(
        arrived(&seen, "x-greenroom-principal").as_deref(),
        Some("none")
    );
}

#[test]
fn a_client_cannot_have_the_hosts_headers_removed() {
    let host = host();
    let nominated = "Connection: x-greenroom-principal, x-forwarded-prefix, x-request-id, content-type\r\nContent-Type: text/x\r\nX-Request-Id: mine\r\n";
    let seen = echo(&host, "/api/chameleon/echo", nominated);
    assert_eq!(
        arrived(&seen, "x-greenroom-principal").as_deref(),
        Some("none")
    );
    assert_eq!(
        arrived(&seen, "x-forwarded-prefix").as_deref(),
        Some("/api/chameleon")
    );
    assert_eq!(arrived(&seen, "content-type").as_deref(), Some("text/x"));
    assert_eq!(
        (&seen["principal"], &seen["prefix"]),
        (&json!("none"), &json!("/api/chameleon"))
    );
}

#[test]
fn other_headers_arrive_as_they_were() {
    let host = host();
    let seen = echo(
        &host,
        "/api/chameleon/echo",
        "Accept: a/b\r\nAccept: c/d\r\nCookie: a=1; b=2\r\nAuthorization: Bearer x\r\nX-Empty:\r\nX-Spaces:   a  b  \r\nX-Latin1: caf\u{e9}\r\n",
    );
    let all = seen["headers"].as_array().unwrap();
    let accepts: Vec<_> = all
        .iter()
        .filter(|pair| pair[0] == "accept")
        .map(|pair| pair[1].as_str().unwrap())
        .collect();
    assert_eq!(accepts, ["a/b", "c/d"]);
    for (name, value) in [
        ("cookie", "a=1; b=2"),
        ("authorization", "Bearer x"),
        ("x-empty", ""),
        ("x-spaces", "a  b"),
        ("x-latin1", "caf\u{e9}"),
    ] {
        assert_eq!(arrived(&seen, name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn the_mount_is_stripped_and_the_rest_is_left_alone() {
    let host = host();
    for (target, path, query) in [
        ("/api/chameleon/echo", "/echo", ""),
        ("/api/chameleon/echo/", "/echo/", ""),
        ("/api/chameleon/echo?", "/echo", ""),
        (
            "/api/chameleon/echo?a=%20b&c=d/../e?f",
            "/echo",
            "a=%20b&c=d/../e?f",
        ),
        ("/api/chameleon/echo?x={y}|'\\^`", "/echo", "x={y}|'\\^`"),
    ] {
        let seen = echo(&host, target, "");
        assert_eq!(
            (&seen["path"], &seen["query"]),
            (&json!(path), &json!(query)),
            "{target}"
        );
    }
    assert_eq!(
        host.request("POST", "/api/chameleon/echo")
            .body("12345")
            .send()
            .json()["body"],
        json!(5)
    );
}

#[test]
fn one_component_under_two_ids_knows_where_it_is() {
    let bytes = greenroom_tests::chameleon("");
    let host = greenroom_tests::Setup::new()
        .plugin("one", &bytes)
        .plugin("two", &bytes)
        .start();
    for id in ["one", "two"] {
        let seen = host.get(&format!("/api/{id}/echo")).json();
        assert_eq!(seen["prefix"], json!(format!("/api/{id}")));
    }
    let item = greenroom_tests::Setup::new()
        .plugin("tasks", &greenroom_tests::todo())
        .start();
    let answer = item.post("/api/tasks/todos", &json!({"title": "t"}));
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("/api/tasks/todos/")
    );
    item.post("/api/tasks/todos", &json!({"title": "u"}));
    assert!(
        item.get("/api/tasks/todos?limit=1")
            .header("link")
            .unwrap()
            .starts_with("</api/tasks/todos?")
    );
}

#[test]
fn a_plugin_cannot_set_the_hosts_headers() {
    let host = host();
    let mut wire = Wire::open(host.address());
    wire.send("GET /api/chameleon/headers HTTP/1.1\r\nHost: h\r\nOrigin: http://a\r\nX-Request-Id: real\r\n\r\n");
    let answer = wire.answer();
    assert_eq!(
        (answer.status(), answer.header("x-mine")),
        (200, Some("kept"))
    );
    assert_eq!(answer.header("x-request-id"), Some("real"));
    assert_eq!(
        answer.head.to_lowercase().matches("x-request-id:").count(),
        1
    );
    assert!(
        answer
            .header("date")
            .is_some_and(|date| !date.contains("1970")),
        "{}",
        answer.head
    );
    for name in [
        "x-greenroom-principal",
        "x-greenroom-anything",
        "server",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-injected",
        "x-crlf",
        "x-cr",
        "x-lf",
        "x-nul",
        "x bad name",
    ] {
        assert_eq!(answer.header(name), None, "{name}: {}", answer.head);
    }
    let tried = answer.json();
    for name in ["x-crlf", "x-cr", "x-lf", "x-nul", "x bad name"] {
        assert_ne!(tried[name], json!("taken"), "{name}");
    }
    assert_eq!(tried["x-mine"], json!("taken"));
    // The connection is still in step.
    wire.send("GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(wire.answer().text(), "1.0.0");
}

#[test]
fn headers_that_a_plugin_names_as_hops_end_at_the_host() {
    let host = host();
    let answer = host.get("/api/chameleon/answer?n=3&header=connection:x-gone&header=x-gone:1&header=x-stays:1&header=set-cookie:a=1&header=set-cookie:b=2");
    // wasi:http may refuse `connection` itself, which the SDK answers with 500.
    if answer.status == 200 {
        assert_eq!(
            (answer.header("x-gone"), answer.header("connection")),
            (None, None)
        );
    }
    let answer = host.get("/api/chameleon/answer?n=3&header=set-cookie:a=1&header=set-cookie:b=2&header=x-powered-by:Express");
    let cookies: Vec<_> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert_eq!((answer.status, cookies), (200, vec!["a=1", "b=2"]));
    assert_eq!(answer.header("x-powered-by"), None);
}

#[test]
fn an_answer_whose_length_is_a_lie_is_502() {
    let host = host();
    let mut wire = Wire::open(host.address());
    for target in [
        "/short",
        "/long",
        "/answer?n=5&header=content-length:4",
        "/answer?n=5&header=content-length:6",
        "/answer?n=5&header=content-length:x",
        "/answer?n=0&header=content-length:7",
    ] {
        wire.send(format!(
            "GET /api/chameleon{target} HTTP/1.1\r\nHost: h\r\n\r\n"
        ));
        let answer = wire.answer();
        // What wasi:http refuses to take from the plugin ends as the plugin's own 500.
        let refused = if target.ends_with('x') {
            [500, 502]
        } else {
            [502, 502]
        };
        assert!(
            refused.contains(&answer.status()),
            "{target}: {}{}",
            answer.head,
            answer.text()
        );
    }
    wire.send("GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        wire.answer().text(),
        "1.0.0",
        "the connection is still in step"
    );
}
