//! Cross-origin answers from `backend.cors`.

use super::{host, host_with};
use greenroom_tests::{Host, Response, Setup, chameleon};

const VERSION: &str = "/api/chameleon/version";
const CORS: &str = "backend:
  cors:
    origin: ['http://localhost:3000', 'https://*.example.com']
    methods: [GET, POST]
    credentials: true
    exposedHeaders: [ETag, Link]
    maxAge: 600
";

fn from(host: &Host, method: &str, target: &str, origin: &str) -> Response {
    host.request(method, target).header("origin", origin).send()
}

fn preflight(host: &Host, target: &str, origin: &str) -> Response {
    let request = host
        .request("OPTIONS", target)
        .header("origin", origin)
        .header("access-control-request-method", "POST");
    request
        .header("access-control-request-headers", "content-type, x-mine")
        .send()
}

fn cors_headers(answer: &Response) -> Vec<String> {
    answer
        .headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[test]
fn an_allowed_origin_may_read_every_answer() {
    let host = host_with(CORS);
    for (method, target) in [
        ("GET", VERSION),
        ("GET", "/api/none"),
        ("GET", "/api/chameleon/trap"),
        ("POST", "/api/chameleon/echo"),
        ("GET", "/.backstage/health/v1/liveness"),
        ("OPTIONS", VERSION),
    ] {
        for origin in [
            "http://localhost:3000",
            "https://a.example.com",
            "https://a.b.example.com",
        ] {
            let answer = from(&host, method, target, origin);
            assert_eq!(
                answer.header("access-control-allow-origin").as_deref(),
                Some(origin),
                "{method} {target}"
            );
            assert_eq!(
                answer.header("access-control-allow-credentials").as_deref(),
                Some("true")
            );
            assert_eq!(
                answer.header("access-control-expose-headers").as_deref(),
                Some("ETag,Link")
            );
            assert!(
                answer
                    .header("vary")
                    .is_some_and(|vary| vary.contains("Origin")),
                "{target}"
            );
        }
    }
    assert_eq!(
        from(&host, "GET", VERSION, "http://localhost:3000").text(),
        "1.0.0"
    );
    let held = host
        .request("GET", VERSION)
        .header("origin", "http://localhost:3000")
        .header("if-none-match", "*")
        .send();
    assert_eq!(
        (
            held.status,
            held.header("access-control-allow-origin").as_deref()
        ),
        (304, Some("http://localhost:3000"))
    );
}

#[test]
fn other_origins_are_answered_without_leave() {
    let host = host_with(CORS);
    for origin in [
        "http://localhost:3001",
        "http://localhost",
        "https://localhost:3000",
        "https://example.com",
        "https://evil.com/.example.com",
        "https://a.example.com.evil.com",
        "null",
        "",
        "*",
        "http://localhost:3000/",
    ] {
        let answer = from(&host, "GET", VERSION, origin);
        assert_eq!(
            (answer.status, cors_headers(&answer)),
            (200, vec![]),
            "{origin}"
        );
        assert!(
            answer
                .header("vary")
                .is_some_and(|vary| vary.contains("Origin")),
            "caches keep them apart: {origin}"
        );
        let asked = preflight(&host, VERSION, origin);
        assert_eq!(
            (asked.status, cors_headers(&asked)),
            (204, vec![]),
            "{origin}"
        );
    }
    let none = host.get(VERSION);
    assert_eq!(cors_headers(&none), Vec::<String>::new());
    assert!(
        none.header("vary")
            .is_some_and(|vary| vary.contains("Origin"))
    );
}

#[test]
fn a_preflight_is_answered_before_access_and_without_the_plugin() {
    let host = Setup::new()
        .plugin("chameleon", &chameleon("policies=none"))
        .config(CORS)
        .start();
    assert_eq!(host.get(VERSION).status, 401);
    for target in [VERSION, "/api/chameleon/nothing", "/api/none"] {
        let answer = preflight(&host, target, "http://localhost:3000");
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (204, ""),
            "{target}"
        );
        for (name, value) in [
            ("access-control-allow-origin", "http://localhost:3000"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET,POST"),
            ("access-control-allow-headers", "content-type, x-mine"),
            ("access-control-max-age", "600"),
        ] {
            assert_eq!(
                answer.header(name).as_deref(),
                Some(value),
                "{name} of {target}"
            );
        }
        let vary = answer.header("vary").unwrap();
        assert!(
            vary.contains("Origin")
                && vary
                    .to_lowercase()
                    .contains("access-control-request-headers"),
            "{vary}"
        );
    }
    assert_eq!(
        host.plugin("chameleon")["requests"],
        serde_json::json!(0),
        "the plugin was not asked"
    );
}

#[test]
fn an_options_that_is_no_preflight_reaches_the_plugin() {
    let host = host_with(CORS);
    let answer = from(&host, "OPTIONS", VERSION, "http://localhost:3000");
    assert_eq!(
        (answer.status, answer.header("allow").as_deref()),
        (204, Some("GET, HEAD, OPTIONS"))
    );
    let without_origin = host
        .request("OPTIONS", VERSION)
        .header("access-control-request-method", "POST")
        .send();
    assert_eq!(
        without_origin.header("allow").as_deref(),
        Some("GET, HEAD, OPTIONS")
    );
}

#[test]
fn defaults_and_a_star() {
    let host = host_with("backend: {cors: {origin: '*', allowedHeaders: [x-one, x-two]}}");
    let answer = from(&host, "GET", VERSION, "http://anything");
    assert_eq!(
        answer.header("access-control-allow-origin").as_deref(),
        Some("*")
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert!(
        answer
            .header("vary")
            .is_none_or(|vary| !vary.contains("Origin")),
        "the same for all"
    );
    let asked = preflight(&host, VERSION, "http://anything");
    assert_eq!(
        asked.header("access-control-allow-methods").as_deref(),
        Some("GET,HEAD,PUT,PATCH,POST,DELETE")
    );
    assert_eq!(
        asked.header("access-control-allow-headers").as_deref(),
        Some("x-one,x-two"),
        "as configured, whatever is asked"
    );
}

#[test]
fn without_cors_nothing_is_said() {
    for config in ["", "backend: {cors: false}"] {
        let host = if config.is_empty() {
            host()
        } else {
            host_with(config)
        };
        let answer = from(&host, "GET", VERSION, "http://localhost:3000");
        assert_eq!(
            (cors_headers(&answer), answer.header("vary")),
            (vec![], Some("Accept-Encoding".to_owned()))
        );
        let asked = preflight(&host, VERSION, "http://localhost:3000");
        assert_eq!(
            (asked.status, asked.header("allow").as_deref()),
            (204, Some("GET, HEAD, OPTIONS")),
            "an OPTIONS like others"
        );
        assert_eq!(cors_headers(&asked), Vec::<String>::new());
    }
}
