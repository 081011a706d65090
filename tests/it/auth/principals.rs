//! What the plugin is told of its caller, and that nobody but the host tells it.

use super::*;
use greenroom_tests::{Connection, Wire, without_unary};

const FORGED: [&str; 7] = [
    "x-greenroom-principal",
    "X-Greenroom-Principal",
    "x-greenroom-actor",
    "X-GREENROOM-ACTOR",
    "x-greenroom-user",
    "x-greenroom-owns-as",
    "x-greenroom-",
];

/// The host's headers about the caller, each as `name: value`.
fn told(answer: &Response) -> Vec<String> {
    let echo = answer.json();
    let headers = echo["headers"].as_array().expect("headers").iter();
    let own = headers.filter(|pair| {
        pair[0]
            .as_str()
            .is_some_and(|name| name.starts_with("x-greenroom-"))
    });
    let mut own: Vec<_> = own
        .map(|pair| {
            format!(
                "{}: {}",
                pair[0].as_str().unwrap(),
                pair[1].as_str().unwrap()
            )
        })
        .collect();
    own.sort();
    own
}

#[test]
fn each_kind_of_caller() {
    let backstage = Backstage::start();
    let host = host("/echo", &backstage.config());
    let limited = backstage.limited();
    let on_behalf = backstage.plugin_which("one", |claims| claims["obo"] = limited.into());
    for (token, headers) in [
        (String::new(), vec!["x-greenroom-principal: none"]),
        (
            backstage.user(),
            vec!["x-greenroom-principal: user:default/jane"],
        ),
        (
            backstage.plugin("one"),
            vec!["x-greenroom-principal: plugin:catalog"],
        ),
        (
            on_behalf,
            vec![
                "x-greenroom-actor: plugin:catalog",
                "x-greenroom-principal: user:default/jane",
            ],
        ),
    ] {
        assert_eq!(told(&ask(&host, ECHO, &token)), headers);
    }
}

/// Said by a client with and without a credential, on open and on closed paths.
#[test]
fn a_client_cannot_say_them() {
    let backstage = Backstage::start();
    for policies in ["none", "/echo"] {
        let host = host(policies, &backstage.config());
        for name in FORGED {
            let forged = |request: greenroom_tests::Request| {
                let once = request.header(name, "user:default/root");
                once.header(name, "plugin:evil")
                    .header("connection", name)
                    .send()
            };
            let bearer = format!("Bearer {}", backstage.user());
            let request = host.request("GET", ECHO);
            let known = forged(request.clone().header("authorization", bearer));
            assert_eq!(
                told(&known),
                ["x-greenroom-principal: user:default/jane"],
                "{name}"
            );
            let unknown = forged(request);
            if policies == "none" {
                assert_missing(&unknown);
            } else {
                assert_eq!(told(&unknown), ["x-greenroom-principal: none"], "{name}");
            }
        }
    }
}

#[test]
fn a_proxy_that_is_trusted_cannot_either() {
    let backstage = Backstage::start();
    let url = backstage.server.url("");
    let config =
        format!("backend: {{trustProxy: loopback, auth: {{backstage: {{url: '{url}'}}}}}}");
    let host = host("/echo", &config);
    for name in FORGED {
        let answer = host
            .request("GET", ECHO)
            .header(name, "user:default/root")
            .send();
        assert_eq!(told(&answer), ["x-greenroom-principal: none"], "{name}");
    }
}

/// In a trailer, where some servers make headers of it.
#[test]
fn a_trailer_says_nothing() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let token = backstage.user();
    for name in [
        "x-greenroom-principal",
        "x-greenroom-actor",
        "authorization",
        "cookie",
    ] {
        let mut wire = Wire::open(host.address());
        wire.send(format!(
            "POST {ECHO} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\
             Trailer: {name}\r\n\r\n5\r\nhello\r\n0\r\n{name}: forged\r\n\r\n"
        ));
        let answer = wire.answer();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["principal"], JANE);
        assert!(!answer.text().contains("forged"), "{name}");
    }
    // Neither is a credential there.
    let mut wire = Wire::open(host.address());
    wire.send(format!(
        "POST {ECHO} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: authorization\r\n\r\n\
         5\r\nhello\r\n0\r\nauthorization: Bearer {token}\r\n\r\n"
    ));
    assert_eq!(wire.answer().status(), 401);
}

#[test]
fn one_connection_is_not_one_caller() {
    let backstage = Backstage::start();
    let host = host("/echo", &backstage.config());
    let mut connection = Connection::open(host.address());
    let (user, plugin) = (backstage.user(), backstage.plugin("one"));
    for (token, name) in [
        (user.as_str(), JANE),
        ("", "none"),
        (&plugin, "plugin:catalog"),
        ("nonsense", "none"),
        (&user, JANE),
        ("", "none"),
    ] {
        let mut request = host.request("GET", ECHO);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        assert_eq!(principal(&connection.send(request).unwrap()), name);
    }
}

/// Callers at once, in instances that serve one after the other.
#[test]
fn callers_at_once_are_not_mixed_up() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (backstage, host) = (&backstage, &host);
            scope.spawn(move || {
                let name = format!("user:default/user-{thread}");
                let token = backstage.user_who(|claims| claims["sub"] = name.as_str().into());
                for _ in 0..40 {
                    assert_eq!(principal(&ask(host, ECHO, &token)), name);
                }
            });
        }
    });
}

/// Through wasi:http as in one call.
#[test]
fn components_of_both_kinds_are_told() {
    let backstage = Backstage::start();
    let component = without_unary(&chameleon("policies=none;"));
    let host = Setup::new()
        .plugin("one", &component)
        .config(&backstage.config())
        .start();
    let limited = backstage.limited();
    let token = backstage.plugin_which("one", |claims| claims["obo"] = limited.into());
    let answer = ask(&host, ECHO, &token);
    let both = [
        "x-greenroom-actor: plugin:catalog",
        "x-greenroom-principal: user:default/jane",
    ];
    assert_eq!(told(&answer), both);
    assert_missing(&host.get(ECHO));
}

/// A body that streams in is of the same caller.
#[test]
fn with_a_large_body() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let bearer = format!("Bearer {}", backstage.user());
    let request = host.request("POST", ECHO).header("authorization", &bearer);
    assert_eq!(principal(&request.body("x".repeat(900_000)).send()), JANE);
    assert_missing(&host.request("POST", ECHO).body("x".repeat(100)).send());
}
