//! Paths that try to reach another plugin, or the host's own answers, from a mount that they name first.

use super::*;

fn ask(host: &Host, target: &str, fields: &str) -> (u16, String) {
    let mut wire = Wire::open(host.address());
    wire.send(format!("GET {target} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n").as_bytes());
    let answer = wire.rest_text();
    let status = answer.get(9..12).and_then(|s| s.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{target}: {answer}"));
    (
        status,
        answer
            .split_once("\r\n\r\n")
            .map_or(String::new(), |(_, body)| body.to_owned()),
    )
}

/// What a server would have to resolve, decode, fold or merge to come from one to two.
const TRICKS: &[&str] = &[
    "/api/one/../two/version",
    "/api/one/./../two/version",
    "/api/one/%2e%2e/two/version",
    "/api/one/%2E%2E/two/version",
    "/api/one/.%2e/two/version",
    "/api/one/..%2ftwo/version",
    "/api/one/..%2Ftwo%2Fversion",
    "/api/one/%2e%2e%2ftwo%2fversion",
    "/api/one/..%5ctwo/version",
    "/api/one/..\\two\\version",
    "/api/one\\..\\two/version",
    "/api/one/%252e%252e/two/version",
    "/api/one/%252e%252e%252ftwo/version",
    "/api/one/..;/two/version",
    "/api/one/..;a=b/two/version",
    "/api/one;/../two/version",
    "/api/one/%c0%ae%c0%ae/two/version",
    "/api/one/%c0%ae%c0%ae%c0%aftwo/version",
    "/api/one/%e0%80%ae%e0%80%ae/two/version",
    "/api/one/..%c0%aftwo/version",
    "/api/one/..%00/two/version",
    "/api/one/..%0d/two/version",
    "/api/one/..%09/two/version",
    "/api/one/..%20/two/version",
    "/api/one/%u002e%u002e/two/version",
    "/api/one/%ef%bc%8e%ef%bc%8e/two/version",
    "/api/one//../two/version",
    "/api/one/x/../../two/version",
    "/api/one/../../api/two/version",
    "/api/one/../../.backstage/health/v1/readiness",
    "/api/one/..%2f..%2f.backstage/health/v1/readiness",
];

#[test]
fn below_a_mount_a_path_stays_with_its_plugin() {
    let host = two();
    let readiness = host.get("/.backstage/health/v1/readiness").text();
    for target in TRICKS {
        let (status, body) = ask(&host, target, "Host: h\r\n");
        assert!([400, 404].contains(&status), "{target}: {status} {body}");
        assert!(body != "two" && body != readiness, "{target}: {body}");
    }
    assert_eq!(host.plugin("two")["requests"], 0, "nothing reached it");
    // Of those that name the mount as it is, the plugin sees what was sent.
    for below in [
        "/../two",
        "/%2e%2e/two",
        "//x",
        "/.",
        "/a%2fb",
        "/;p=1",
        "/%00",
        "/..%5c",
    ] {
        let (status, body) = ask(&host, &format!("/api/one{below}"), "Host: h\r\n");
        assert_eq!(status, 404, "{below}: {body}");
    }
    assert!(host.plugin("one")["requests"].as_u64().unwrap() > 8);
}

#[test]
fn an_id_is_matched_byte_for_byte() {
    let host = two();
    let before = [
        host.plugin("one")["requests"].clone(),
        host.plugin("two")["requests"].clone(),
    ];
    for target in [
        "/api/Two/version",
        "/api/TWO/version",
        "/API/two/version",
        "/api/two%00/version",
        "/api/two%20/version",
        "/api/two./version",
        "/api/two;/version",
        "/api/two;x=1/version",
        "/api/two:/version",
        "/api/%74wo/version",
        "/api/tw%6f/version",
        "/api/two%2fversion",
        "/api/two%2Fversion",
        "/api/two%5cversion",
        "/api/two\\version",
        "/api//two/version",
        "//api/two/version",
        "/api/./two/version",
        "/api/x/../two/version",
        "/./api/two/version",
        "/../api/two/version",
        "/api/two.wasm/version",
        "/api/tw\u{43e}/version",
        "/api/t\u{1d04}wo/version",
        "/api/%EF%BD%94wo/version",
        "/api%2ftwo/version",
        "/%61pi/two/version",
        "/api/two,one/version",
        "/api/*/version",
        "/api/tw?o/version",
    ] {
        let (status, body) = ask(&host, target, "Host: h\r\n");
        assert!([400, 404].contains(&status), "{target}: {status} {body}");
        assert_ne!(body, "two", "{target}");
    }
    let after = [
        host.plugin("one")["requests"].clone(),
        host.plugin("two")["requests"].clone(),
    ];
    assert_eq!(before, after, "no plugin was asked");
}

#[test]
fn an_absolute_target_names_its_mount_and_no_host_header_another() {
    let host = two();
    for (target, fields, answer) in [
        ("http://h/api/one/version", "Host: h\r\n", "one"),
        ("http://two/api/one/version", "Host: one\r\n", "one"),
        ("http://h/api/two/version", "Host: /api/one\r\n", "two"),
        ("HTTP://h/api/one/version", "Host: h\r\n", "one"),
        (
            "http://h:99/api/one/version",
            "Host: h\r\nX-Original-URL: /api/two/version\r\nX-Rewrite-URL: /api/two/version\r\n",
            "one",
        ),
        (
            "/api/one/version",
            "Host: two\r\nX-Forwarded-Prefix: /api/two\r\nX-Forwarded-Host: two\r\n",
            "one",
        ),
        ("/api/one/version?/api/two/version", "Host: h\r\n", "one"),
    ] {
        let (status, body) = ask(&host, target, fields);
        if status == 400 {
            assert!(
                fields.contains("Host: /"),
                "{target}: a good head is refused"
            );
            continue;
        }
        assert_eq!((status, body.as_str()), (200, answer), "{target} {fields}");
    }
    for target in [
        "http://user@h/api/one/version",
        "http:///api/one/version",
        "http://h/api/one/../two/version",
        "http://h//api/two/version",
        "http://h@/api/two/version",
        "http://h\\@x/api/two/version",
        "file:///api/two/version",
        "//two/version",
    ] {
        let (status, body) = ask(&host, target, "Host: h\r\n");
        assert!([400, 404].contains(&status), "{target}: {status} {body}");
    }
}

#[test]
fn the_hosts_own_paths_are_exact() {
    let host = two();
    let good = host.get("/.backstage/health/v1/readiness");
    assert_eq!(good.status, 200);
    for target in [
        "/.backstage/health/v1/readiness/",
        "/.backstage/health/v1//readiness",
        "/.backstage/health/v1/./readiness",
        "/.backstage/health/v1/x/../readiness",
        "/.Backstage/health/v1/readiness",
        "/%2ebackstage/health/v1/readiness",
        "/.backstage%2fhealth/v1/readiness",
        "/.backstage/health/v1/readiness%00",
        "/.backstage/health/v1/readiness;x",
        "/plugins",
        "/deploy",
        "/plugins/one/rollback",
    ] {
        let (status, body) = ask(&host, target, "Host: h\r\n");
        assert_eq!(status, 404, "{target}: {body}");
    }
    // The admin door is not behind the port, whatever the method.
    for (method, target) in [
        ("GET", "/plugins"),
        ("POST", "/deploy?as=three"),
        ("DELETE", "/plugins/one"),
        ("POST", "/plugins/one/rollback"),
    ] {
        assert_eq!(
            host.request(method, target).send().status,
            404,
            "{method} {target}"
        );
    }
    assert_eq!(host.get("/api/one/version").text(), "one");
}
