use super::*;

/// The proxies: 10.0.0.0/8, and one of IPv6.
fn trusts(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.segments()[0] == 0xfd00,
    }
}

fn client(peer: &str, fields: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let client = of_client(peer.parse().unwrap(), &headers, trusts);
    client.address.to_string()
}

fn listed(value: &str) -> String {
    client("10.0.0.1", &[("x-forwarded-for", value)])
}

fn described(value: &str) -> String {
    client("10.0.0.1", &[("forwarded", value)])
}

#[test]
fn a_peer_that_is_no_proxy_is_the_client_whatever_it_says() {
    for fields in [
        &[][..],
        &[("x-forwarded-for", "10.0.0.9")],
        &[("forwarded", "for=127.0.0.1")],
        &[("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1")],
    ] {
        assert_eq!(client("192.0.2.1", fields), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1", fields), "192.0.2.1");
        assert_eq!(client("2001:db8::1", fields), "2001:db8::1");
    }
}

#[test]
fn a_proxy_that_says_nothing_stands_for_its_clients() {
    assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    assert_eq!(client("::ffff:10.0.0.1", &[]), "10.0.0.1");
    for nothing in ["", " ", ",", "unknown", "_hidden", "localhost", "\u{e4}"] {
        assert_eq!(listed(nothing), "10.0.0.1", "{nothing:?}");
    }
    for nothing in [
        "proto=https",
        "for=unknown",
        "for=_hidden",
        "for=\"_hidden:80\"",
        "for=",
        "for=\"\"",
        "by=1.1.1.1;host=x",
        "",
        ";",
    ] {
        assert_eq!(described(nothing), "10.0.0.1", "{nothing:?}");
    }
}

#[test]
fn the_first_from_here_that_is_no_proxy_is_the_client() {
    for (chain, expected) in [
        ("203.0.113.9", "203.0.113.9"),
        ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1,2.2.2.2 , 10.0.0.2,10.0.0.3", "2.2.2.2"),
        ("10.0.0.4, 10.0.0.2", "10.0.0.4"),
        ("1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("1.1.1.1, , 10.0.0.2,", "1.1.1.1"),
        ("1.1.1.1:4711", "1.1.1.1"),
        ("2001:db8::7, fd00::2", "2001:db8::7"),
        ("[2001:db8::7]:80, [fd00::2]", "2001:db8::7"),
        ("::ffff:1.1.1.1", "1.1.1.1"),
        ("::1", "::1"),
    ] {
        assert_eq!(listed(chain), expected, "{chain}");
    }
    for (chain, expected) in [
        ("for=203.0.113.9", "203.0.113.9"),
        ("FOR=127.0.0.1;proto=http, For=203.0.113.9", "203.0.113.9"),
        (
            "for=1.1.1.1, for=2.2.2.2;by=10.0.0.1 , proto=https ; for=10.0.0.2",
            "2.2.2.2",
        ),
        ("for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
        ("for=\"[2001:db8::7]:_port\"", "2001:db8::7"),
        ("for=\"[2001:db8::7]\", for=\"[fd00::2]\"", "2001:db8::7"),
        ("for=\"1.1.1.1:80\"", "1.1.1.1"),
        ("for=\"1.1\\.1.1\"", "1.1.1.1"),
        ("for=1.1.1.1;host=\"a,b;for=2.2.2.2\"", "1.1.1.1"),
        ("for=1.1.1.1, proto=https, for=10.0.0.2", "10.0.0.2"),
    ] {
        assert_eq!(described(chain), expected, "{chain}");
    }
}

#[test]
fn lines_count_in_their_order() {
    let lines = [
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-for", "10.0.0.2"),
    ];
    assert_eq!(client("10.0.0.1", &lines), "1.1.1.1");
    let forged = [
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-for", "2.2.2.2"),
    ];
    assert_eq!(client("10.0.0.1", &forged), "2.2.2.2");
    let lines = [("forwarded", "for=1.1.1.1"), ("forwarded", "for=10.0.0.2")];
    assert_eq!(client("10.0.0.1", &lines), "1.1.1.1");
}

/// What a client sends is in front of what its proxy adds.
#[test]
fn no_text_of_a_client_hides_what_its_proxy_adds() {
    for forged in [
        "for=\"",
        "for=\"1.1.1.1",
        "for=1.1.1.1;host=\"",
        "for=1.1.1.1;host=\"a\\",
        "for=1.1.1.1;host=\"\\\"",
        "x=\"a\"\"",
    ] {
        for added in ["for=203.0.113.9", "for=\"[2001:db8::9]\""] {
            let client = described(&format!("{forged}, {added}"));
            assert!(
                ["10.0.0.1", "203.0.113.9", "2001:db8::9"].contains(&&*client),
                "{forged}, {added}: {client}"
            );
        }
    }
    for broken in [
        "for",
        "for=1.1.1.1;for=2.2.2.2",
        "for=\"1.1.1.1\"x",
        "for=1.1.1.1\"",
        "for=\"1.1.1.1",
    ] {
        assert_eq!(described(broken), "10.0.0.1", "{broken}");
    }
}

#[test]
fn two_headers_that_do_not_agree_are_not_believed() {
    let both = |listed: &str, described: &str| {
        let fields = [("x-forwarded-for", listed), ("forwarded", described)];
        client("10.0.0.1", &fields)
    };
    assert_eq!(both("1.1.1.1", "for=1.1.1.1"), "1.1.1.1");
    assert_eq!(both("9.9.9.9, 1.1.1.1", "for=1.1.1.1"), "1.1.1.1");
    assert_eq!(both("127.0.0.1", "for=203.0.113.9"), "10.0.0.1");
    assert_eq!(both("203.0.113.9", "for=127.0.0.1"), "10.0.0.1");
    assert_eq!(both("203.0.113.9", "for=\""), "10.0.0.1");
}

#[test]
fn a_chain_is_followed_for_a_while() {
    let proxies = ["10.0.0.2"; MOST_PROXIES].join(", ");
    assert_eq!(listed(&format!("1.1.1.1, {proxies}")), "10.0.0.2");
    let fewer = ["10.0.0.2"; MOST_PROXIES - 1].join(", ");
    assert_eq!(listed(&format!("1.1.1.1, {fewer}")), "1.1.1.1");
    let proxies = ["for=10.0.0.2"; MOST_PROXIES].join(", ");
    assert_eq!(described(&format!("for=1.1.1.1, {proxies}")), "10.0.0.2");
    let fewer = ["for=10.0.0.2"; MOST_PROXIES - 1].join(", ");
    assert_eq!(described(&format!("for=1.1.1.1, {fewer}")), "1.1.1.1");
}
