//! `backend.rateLimit`: who is counted, what counts, what a client is told, and when it may come again.

use greenroom_tests::{Connection, Host, Request, Response, Setup, chameleon};
use serde_json::json;
use std::{
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

const VERSION: &str = "/api/chameleon/version";
/// Of this machine, and not in the default `ipAllowList`.
const ONE: &str = "127.0.0.2";
const TWO: &str = "127.0.0.3";

fn host_with(backend: &str) -> Host {
    Setup::new()
        .plugin("chameleon", &chameleon(""))
        .plugin("other", &chameleon("id=other;"))
        .config(&format!("backend: {{{backend}}}"))
        .start()
}

fn limited(rate_limit: &str) -> Host {
    host_with(&format!("rateLimit: {rate_limit}"))
}

fn from(host: &Host, client: &str, target: &str) -> Response {
    host.request("GET", target).coming_from(client).send()
}

/// The statuses of so many requests in a row.
fn statuses(host: &Host, client: &str, target: &str, times: usize) -> Vec<u16> {
    let one = |_| from(host, client, target).status;
    (0..times).map(one).collect()
}

fn number(answer: &Response, header: &str) -> u64 {
    let text = answer.header(header);
    let text = text.unwrap_or_else(|| panic!("no {header} in {:?}", answer.headers));
    text.parse().expect("a number")
}

#[track_caller]
fn assert_uncounted(answer: &Response) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    for header in ["ratelimit-limit", "x-ratelimit-limit", "ratelimit-policy"] {
        assert_eq!(answer.header(header), None);
    }
}

#[test]
fn nobody_is_counted_unless_it_is_asked_for() {
    let host = host_with("");
    for _ in 0..50 {
        assert_uncounted(&from(&host, ONE, VERSION));
    }
    assert_uncounted(&from(&limited("false"), ONE, VERSION));
}

#[test]
fn a_client_that_comes_too_often_is_told_when_to_come_again() {
    let host = limited("{window: 1h, incomingRequestLimit: 3}");
    for left in [2, 1, 0] {
        let answer = from(&host, ONE, VERSION);
        assert_eq!(answer.status, 200);
        for (header, expected) in [
            ("ratelimit-limit", 3),
            ("x-ratelimit-limit", 3),
            ("ratelimit-remaining", left),
            ("x-ratelimit-remaining", left),
        ] {
            assert_eq!(number(&answer, header), expected, "{header}");
        }
        let policy = answer.header("ratelimit-policy");
        assert_eq!(policy.as_deref(), Some("3;w=3600"));
        assert!((1..=3600).contains(&number(&answer, "ratelimit-reset")));
        assert_eq!(answer.header("retry-after"), None);
    }
    let refused = from(&host, ONE, VERSION);
    assert_eq!(refused.status, 429);
    let expected = json!({
        "error": {"name": "Error", "message": "Too many requests, please try again later"},
        "response": {"statusCode": 429},
    });
    assert_eq!(refused.json(), expected);
    assert!((1..=3600).contains(&number(&refused, "retry-after")));
    assert_eq!(number(&refused, "ratelimit-remaining"), 0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let until = number(&refused, "x-ratelimit-reset");
    assert!((now - 60..=now + 3660).contains(&until), "{until} at {now}");
    // As every answer of this host.
    assert!(refused.header("x-request-id").is_some());
    assert_eq!(
        refused.header("x-content-type-options").as_deref(),
        Some("nosniff")
    );
    // The plugin saw none of it.
    assert_eq!(host.plugin("chameleon")["requests"], 3);
    // Others are counted for themselves, and this machine's own address not at all.
    assert_eq!(number(&from(&host, TWO, VERSION), "ratelimit-remaining"), 2);
    for _ in 0..10 {
        assert_uncounted(&host.get(VERSION));
    }
}

#[test]
fn true_is_five_a_minute_as_in_backstage() {
    let host = limited("true");
    assert_eq!(
        statuses(&host, ONE, VERSION, 7),
        [200, 200, 200, 200, 200, 429, 429]
    );
    let policy = from(&host, TWO, VERSION).header("ratelimit-policy");
    assert_eq!(policy.as_deref(), Some("5;w=60"));
}

#[test]
fn a_window_ends() {
    let host = limited("{window: 2s, incomingRequestLimit: 1}");
    for _ in 0..2 {
        host.wait_until("it is refused", |host| {
            from(host, ONE, VERSION).status == 429
        });
        host.wait_until("it may come again", |host| {
            from(host, ONE, VERSION).status == 200
        });
    }
}

#[test]
fn it_comes_before_access_and_before_anything_is_found() {
    let host = Setup::new()
        .plugin("closed", &chameleon("id=closed;policies=none;"))
        .config("backend: {rateLimit: {window: 1h, incomingRequestLimit: 4}}")
        .start();
    let guess = || {
        let request = host.request("GET", "/api/closed/version").coming_from(ONE);
        request
            .header("authorization", "Bearer guess")
            .send()
            .status
    };
    assert_eq!([guess(), guess()], [401, 401]);
    assert_eq!(statuses(&host, ONE, "/nowhere", 3), [404, 404, 429]);
    assert_eq!(guess(), 429);
    // Who looks after the host still sees how it is.
    for target in ["liveness", "readiness"] {
        let target = format!("/.backstage/health/v1/{target}");
        assert_uncounted(&from(&host, ONE, &target));
    }
}

#[test]
fn a_plugins_limit_is_its_own() {
    let host = limited(
        "{global: false, plugin: {chameleon: {window: 1h, incomingRequestLimit: 2}, absent: true}}",
    );
    assert_eq!(statuses(&host, ONE, VERSION, 3), [200, 200, 429]);
    for target in ["/api/other/version", "/.backstage/health/v1/liveness"] {
        for _ in 0..5 {
            assert_uncounted(&from(&host, ONE, target));
        }
    }
    assert_eq!(from(&host, TWO, VERSION).status, 200);
    for _ in 0..7 {
        assert_eq!(from(&host, ONE, "/api/absent").status, 404);
    }
}

#[test]
fn both_limits_hold_and_the_tighter_one_is_told() {
    let host = limited(
        "{window: 1h, incomingRequestLimit: 5, plugin: {chameleon: {window: 1m, incomingRequestLimit: 2}}}",
    );
    let policy = |target: &str| {
        let answer = from(&host, ONE, target);
        (
            answer.status,
            answer.header("ratelimit-policy").expect("a policy"),
        )
    };
    assert_eq!(policy(VERSION), (200, "2;w=60".to_owned()));
    assert_eq!(policy("/api/other/version"), (200, "5;w=3600".to_owned()));
    assert_eq!(policy(VERSION), (200, "2;w=60".to_owned()));
    assert_eq!(policy(VERSION), (429, "2;w=60".to_owned()));
    assert_eq!(policy("/api/other/version"), (200, "5;w=3600".to_owned()));
    assert_eq!(policy("/api/other/version"), (429, "5;w=3600".to_owned()));
}

#[test]
fn what_is_skipped_is_known_by_the_answer() {
    let good = VERSION;
    let bad = "/api/chameleon/answer?status=500";
    for (skip, free, counted) in [
        ("skipSuccessfulRequests", good, bad),
        ("skipFailedRequests", bad, good),
    ] {
        let host = limited(&format!(
            "{{window: 1h, incomingRequestLimit: 2, {skip}: true}}"
        ));
        for _ in 0..10 {
            assert_ne!(from(&host, ONE, free).status, 429, "{skip}");
        }
        for _ in 0..2 {
            assert_ne!(from(&host, ONE, counted).status, 429, "{skip}");
        }
        assert_eq!(from(&host, ONE, free).status, 429, "{skip}");
    }
}

#[test]
fn what_a_client_says_of_itself_is_not_believed() {
    let host = limited("{window: 1h, incomingRequestLimit: 3}");
    let forged = |n: usize| {
        let request = host.request("GET", VERSION).coming_from(ONE);
        let request = request.header("x-forwarded-for", format!("203.0.113.{n}"));
        let request = request.header("forwarded", format!("for=203.0.113.{n}"));
        request.header("x-real-ip", "127.0.0.1").send().status
    };
    assert_eq!(
        [forged(1), forged(2), forged(3), forged(4)],
        [200, 200, 200, 429]
    );
    assert_eq!(from(&host, TWO, VERSION).status, 200);
}

#[test]
fn what_a_proxy_says_of_its_clients_is() {
    let host = host_with(&format!(
        "trustProxy: [{ONE}, 10.0.0.0/8], rateLimit: {{window: 1h, incomingRequestLimit: 1}}"
    ));
    let through = |header: &str, value: &str| {
        let request = host.request("GET", VERSION).coming_from(ONE);
        request.header(header, value).send().status
    };
    let listed = |value: &str| through("x-forwarded-for", value);
    assert_eq!([listed("203.0.113.1"), listed("203.0.113.1")], [200, 429]);
    // What the client itself had written stands before what its proxy added.
    assert_eq!(listed("203.0.113.77, 203.0.113.1"), 429);
    assert_eq!(listed("127.0.0.1, 203.0.113.1"), 429);
    assert_eq!(listed("203.0.113.1, 10.1.2.3"), 429);
    assert_eq!(
        [listed("203.0.113.2:4711"), listed("203.0.113.2")],
        [200, 429]
    );
    // Those of one network of IPv6 are one client.
    assert_eq!(listed("2001:db8::1"), 200);
    assert_eq!(listed("[2001:db8::2]:80"), 429);
    assert_eq!(listed("2001:db8:0:1::1"), 200);
    let described = |value: &str| through("forwarded", value);
    assert_eq!(described("for=203.0.113.3;proto=https"), 200);
    assert_eq!(described("for=203.0.113.99, for=\"203.0.113.3:80\""), 429);
    // The same client by the other header.
    assert_eq!(listed("203.0.113.3"), 429);
    // Nobody in particular: the proxy itself, for all of these together.
    assert_eq!(listed("unknown"), 200);
    assert_eq!(described("for=_hidden"), 429);
    assert_eq!(described("for=\"203.0.113.4"), 429);
    let both = host.request("GET", VERSION).coming_from(ONE);
    let both = both.header("x-forwarded-for", "203.0.113.5");
    assert_eq!(
        both.header("forwarded", "for=203.0.113.6").send().status,
        429
    );
    // A client that is not counted comes through a proxy too.
    for _ in 0..3 {
        assert_eq!(listed("127.0.0.1"), 200);
    }
    // Another peer is no proxy.
    let request = || host.request("GET", VERSION).coming_from(TWO);
    let forged = |value: &str| request().header("x-forwarded-for", value).send().status;
    assert_eq!([forged("198.51.100.1"), forged("198.51.100.2")], [200, 429]);
}

#[test]
fn networks_can_be_left_out() {
    let host =
        limited("{window: 1h, incomingRequestLimit: 1, ipAllowList: [127.0.0.3, 192.0.2.0/24]}");
    assert_eq!(statuses(&host, TWO, VERSION, 5), [200; 5]);
    assert_eq!(statuses(&host, ONE, VERSION, 2), [200, 429]);
    // The list is the whole one: this machine's own address is not in it.
    assert_eq!(
        [host.get(VERSION).status, host.get(VERSION).status],
        [200, 429]
    );
}

#[test]
fn a_refused_client_keeps_its_connection() {
    let host = limited("{window: 1h, incomingRequestLimit: 1, ipAllowList: []}");
    let mut connection = Connection::open(host.address());
    let mut send = |request: Request| connection.send(request).unwrap();
    assert_eq!(send(host.request("GET", VERSION)).status, 200);
    for _ in 0..3 {
        let post = host
            .request("POST", "/api/chameleon/echo")
            .body("some body");
        let refused = send(post);
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("connection"), None);
        let head = send(host.request("HEAD", VERSION));
        assert_eq!((head.status, head.body.len()), (429, 0));
    }
}

#[test]
fn a_plugin_does_not_say_what_the_limit_is() {
    let target = "/api/chameleon/answer?header=ratelimit-limit:999&header=x-ratelimit-reset:1";
    let host = limited("{window: 1h, incomingRequestLimit: 3}");
    let answer = from(&host, ONE, target);
    assert_eq!(answer.status, 200);
    assert_eq!(number(&answer, "ratelimit-limit"), 3);
    assert!(number(&answer, "x-ratelimit-reset") > 1);
    // Where the host counts nothing, the plugin's own count stands.
    assert_eq!(
        number(&from(&host_with(""), ONE, target), "ratelimit-limit"),
        999
    );
}

#[test]
fn many_at_once_get_no_more_than_their_limit() {
    let host = limited("{window: 1h, incomingRequestLimit: 50}");
    let good: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| statuses(&host, ONE, VERSION, 20)))
            .collect();
        let all = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap());
        all.filter(|status| *status == 200).count()
    });
    assert_eq!(good, 50);
}

#[test]
fn each_client_that_is_refused_is_one_line_of_the_log() {
    let host = limited("{window: 1h, incomingRequestLimit: 1}");
    statuses(&host, ONE, VERSION, 10);
    statuses(&host, TWO, VERSION, 2);
    host.wait_for_log(&["too many requests", TWO]);
    let of_one = |line: &&str| line.contains("too many requests") && line.contains(ONE);
    assert_eq!(host.log().lines().filter(of_one).count(), 1);
}

#[test]
fn a_store_that_hosts_would_share_is_refused() {
    let refused = Setup::new()
        .config("backend: {rateLimit: {store: {type: redis, connection: 'redis://127.0.0.1'}}}")
        .refused();
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    for part in ["backend.rateLimit.store.type", "in its own memory"] {
        assert!(said.contains(part), "{said}");
    }
}
