//! Headers that the host says, said by a client.

use super::*;
use greenroom_tests::Setup;

const OWNED: [&str; 10] = [
    "x-greenroom-principal",
    "x-greenroom-actor",
    "x-greenroom-user",
    "x-greenroom-",
    "x-forwarded-prefix",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "forwarded",
];

/// What the host says of a request without any of these.
#[track_caller]
fn assert_untouched(seen: &Value, what: &str) {
    assert_eq!(
        all(seen, "x-greenroom-principal"),
        ["none"],
        "{what}: {seen}"
    );
    assert_eq!(
        all(seen, "x-forwarded-prefix"),
        ["/api/one"],
        "{what}: {seen}"
    );
    assert_eq!(
        (&seen["principal"], &seen["prefix"]),
        (&"none".into(), &"/api/one".into()),
        "{what}"
    );
    for name in OWNED {
        if !["x-greenroom-principal", "x-forwarded-prefix"].contains(&name) {
            assert_eq!(all(seen, name), [""; 0], "{what}: {seen}");
        }
    }
    assert!(!seen.to_string().contains("forged"), "{what}: {seen}");
}

fn shapes(name: &str) -> Vec<(&'static str, String)> {
    let mixed: String = name
        .chars()
        .enumerate()
        .map(|(n, c)| {
            if n % 2 == 0 {
                c.to_ascii_uppercase()
            } else {
                c
            }
        })
        .collect();
    vec![
        ("as it is", format!("{name}: forged\r\n")),
        (
            "in capitals",
            format!("{}: forged\r\n", name.to_uppercase()),
        ),
        ("mixed", format!("{mixed}: forged\r\n")),
        ("twice", format!("{name}: forged\r\n{mixed}: forged\r\n")),
        ("empty and full", format!("{name}:\r\n{name}: forged\r\n")),
        ("with tabs", format!("{name}:\t forged \t\r\n")),
        ("without a space", format!("{name}:forged\r\n")),
        (
            "named as a hop",
            format!("{name}: forged\r\nConnection: {name}\r\n"),
        ),
        (
            "named as a hop first",
            format!("Connection: keep-alive, {mixed}\r\n{name}: forged\r\n"),
        ),
        (
            "after a hundred bytes",
            format!("a: {}\r\n{name}: forged\r\n", "x".repeat(100)),
        ),
        ("with odd bytes", format!("{name}: forged\u{e9}\u{ff}\r\n")),
        ("as a list", format!("{name}: none, forged\r\n")),
    ]
}

fn assert_never_arrives(host: &Host, name: &str) {
    for (what, fields) in shapes(name) {
        let seen = echo(
            host,
            &format!("GET /api/one/echo HTTP/1.1\r\nHost: h\r\n{fields}\r\n"),
        );
        assert_untouched(&seen, &format!("{name} {what}"));
    }
}

#[test]
fn in_no_shape_do_they_arrive() {
    let host = two();
    for name in OWNED {
        assert_never_arrives(&host, name);
    }
}

#[test]
fn what_other_servers_would_read_as_one_of_them_stays_another_name() {
    let host = two();
    // CGI makes one of `-` and `_`; here they are two names, and the host's own is still the host's.
    for (name, arrives) in [
        ("x_greenroom_principal", true),
        ("X-Greenroom_Principal", true),
        ("x-forwarded_prefix", true),
        ("x.greenroom.principal", true),
        ("xx-greenroom-principal", true),
        ("x-greenroom", true),
        ("x-greenroom--principal", false),
        ("x-greenroom-principal-", false),
    ] {
        let seen = echo(
            &host,
            &format!("GET /api/one/echo HTTP/1.1\r\nHost: h\r\n{name}: said\r\n\r\n"),
        );
        assert_untouched(&seen, name);
        let said = all(&seen, &name.to_lowercase());
        assert_eq!(said.len(), usize::from(arrives), "{name}: {seen}");
    }
    // These are no names at all.
    for line in [
        "x-greenroom-principal : forged",
        " x-greenroom-principal: forged",
        "x: 1\r\n x-greenroom-principal: forged",
        "x: 1\r\n\tx-greenroom-principal: forged",
        "x-greenroom-principal\0: forged",
        "x-greenroom-principal\u{212a}: forged",
        "x: 1\rx-greenroom-principal: forged",
        "x-greenroom-principal\u{b}: forged",
    ] {
        let mut wire = Wire::open(host.address());
        wire.send(format!(
            "GET /api/one/echo HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n"
        ));
        let answer = wire.rest_text();
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && !answer.contains("forged"),
            "{line:?}: {answer}"
        );
    }
}

#[test]
fn trailers_say_nothing() {
    let host = two();
    for name in OWNED
        .into_iter()
        .chain(["x-request-id", "content-length", "host", "authorization"])
    {
        let request = format!(
            "POST /api/one/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: {name}\r\n\r\n\
             5\r\nhello\r\n0\r\n{name}: forged\r\n\r\n"
        );
        let seen = echo(&host, &request);
        assert_untouched(&seen, name);
        assert_eq!(seen["body"], 5, "{name}");
    }
}

#[test]
fn a_proxy_that_is_trusted_may_say_what_is_the_proxys_and_no_more() {
    let host = Setup::new()
        .config("backend: {trustProxy: loopback}")
        .plugin("one", &chameleon("answer=one;"));
    let host = host.start();
    for name in [
        "x-greenroom-principal",
        "x-greenroom-user",
        "x-forwarded-prefix",
    ] {
        assert_never_arrives(&host, name);
    }
}

#[test]
fn a_request_has_one_name_and_the_host_checks_it() {
    let host = two();
    for (fields, kept) in [
        ("X-Request-Id: mine-1\r\n", Some("mine-1")),
        ("X-Request-Id: a\r\nX-Request-Id: b\r\n", None),
        ("X-Request-Id: a b\r\n", None),
        ("X-Request-Id: \"forged\"\r\n", None),
        ("X-Request-Id: caf\u{e9}\r\n", None),
        ("X-Request-Id:\r\n", None),
    ] {
        let request = format!("GET /api/one/echo HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let mut wire = Wire::open(host.address());
        wire.send(&request);
        let answer = wire.answer();
        let named = answer.header("x-request-id").expect("a name").to_owned();
        assert_eq!(
            all(&answer.json(), "x-request-id"),
            [named.as_str()],
            "{fields:?}"
        );
        match kept {
            Some(kept) => assert_eq!(named, kept, "{fields:?}"),
            None => assert!(
                named
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !named.is_empty(),
                "{fields:?}: {named}"
            ),
        }
    }
}
