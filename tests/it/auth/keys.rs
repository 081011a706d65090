//! Key sets: fetched once, kept, fetched again for a key that is missing, and used on while their endpoint is down.

use super::*;
use greenroom_tests::Wire;
use std::time::Instant;

/// Tokens sent at once.
const MANY: usize = 100;

/// A token of Jane's that no other is like.
fn user(backstage: &Backstage, key: &SigningKey, n: usize) -> String {
    let claims = backstage.user_claims(now() + 3600, |claims| claims["jti"] = n.into());
    key.sign(&key.header("vnd.backstage.user"), &claims)
}

/// How often a set may have been fetched since: ten times in a minute, and what was there before.
fn most(since: Instant) -> usize {
    let minutes = usize::try_from(since.elapsed().as_secs() / 60).unwrap() + 1;
    10 * minutes + 1
}

#[test]
fn a_new_key_is_found_and_an_old_one_forgotten() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let start = Instant::now();
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    let next = SigningKey::new("users-2");
    let both = vec![backstage.users.jwk(), next.jwk()];
    backstage.server.answer(USER_KEYS, Answer::Keys(both));
    let mut n = 0;
    host.wait_until("the new key is believed", |host| {
        n += 1;
        ask(host, ECHO, &user(&backstage, &next, n)).status == 200
    });
    assert_eq!(
        principal(&ask(&host, ECHO, &user(&backstage, &backstage.users, 0))),
        JANE
    );
    // The old one goes. A third one that is unknown makes the host see that.
    backstage
        .server
        .answer(USER_KEYS, Answer::Keys(vec![next.jwk()]));
    let unknown = SigningKey::new("users-3");
    host.wait_until("the old key is forgotten", |host| {
        n += 1;
        assert_refused(&ask(host, ECHO, &user(&backstage, &unknown, n)), "unknown");
        ask(host, ECHO, &user(&backstage, &backstage.users, n)).status == 401
    });
    assert_eq!(
        principal(&ask(&host, ECHO, &user(&backstage, &next, 0))),
        JANE
    );
    let asked = backstage.server.asked(USER_KEYS);
    assert!((3..=most(start)).contains(&asked), "{asked}");
}

/// A key under an old name is another key.
#[test]
fn a_key_that_changes_under_its_name() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    let forged = SigningKey::new(backstage.users.kid());
    assert_refused(
        &ask(&host, ECHO, &user(&backstage, &forged, 1)),
        "the same kid",
    );
    assert_eq!(
        backstage.server.asked(USER_KEYS),
        1,
        "a known kid asks nobody"
    );
}

#[test]
fn many_that_need_the_keys_at_once_ask_once() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    backstage.server.answer(USER_KEYS, Answer::Silence);
    let mut wires: Vec<_> = (0..MANY)
        .map(|n| {
            let token = user(&backstage, &backstage.users, n);
            let head =
                format!("GET {ECHO} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n");
            (Wire::open(host.address()), head)
        })
        .collect();
    for (wire, head) in &mut wires {
        wire.send(&*head);
    }
    host.wait_until("one asks", |_| backstage.server.silent() == 1);
    // The host reads what lies in its sockets before it takes what comes after.
    for _ in 0..10 {
        assert_eq!(host.get("/.backstage/health/v1/liveness").status, 200);
    }
    assert_eq!(backstage.server.asked(USER_KEYS), 1);
    let keys = vec![backstage.users.jwk()];
    backstage.server.answer(USER_KEYS, Answer::Keys(keys));
    for (wire, _) in &mut wires {
        let answer = wire.answer();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["principal"], JANE);
    }
    assert_eq!(backstage.server.asked(USER_KEYS), 1);
}

#[test]
fn many_with_unknown_keys_ask_seldom() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for n in 0..MANY {
            let (backstage, host) = (&backstage, &host);
            scope.spawn(move || {
                let unknown = SigningKey::new(&format!("unknown-{n}"));
                for more in 0..3 {
                    let token = user(backstage, &unknown, 3 * n + more);
                    assert_refused(&ask(host, ECHO, &token), "an unknown key");
                }
            });
        }
    });
    let asked = backstage.server.asked(USER_KEYS);
    assert!(asked <= most(start), "{asked}");
    assert_eq!(
        principal(&ask(&host, ECHO, &user(&backstage, &backstage.users, 0))),
        JANE
    );
}

#[test]
fn an_endpoint_that_goes_down_locks_nobody_out() {
    for down in [
        Answer::HangUp,
        Answer::Status(500),
        Answer::Body(b"<html>".to_vec()),
    ] {
        let backstage = Backstage::start();
        let host = host("none", &backstage.config());
        assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
        backstage.server.answer(USER_KEYS, down.clone());
        // A key that is not there makes the host ask, and it gets nothing.
        let unknown = SigningKey::new("users-9");
        let mut n = 0;
        host.wait_until("it asks again", |host| {
            n += 1;
            assert_refused(&ask(host, ECHO, &user(&backstage, &unknown, n)), "unknown");
            backstage.server.asked(USER_KEYS) > 1
        });
        for n in 0..5 {
            let good = user(&backstage, &backstage.users, 1000 + n);
            assert_eq!(principal(&ask(&host, ECHO, &good)), JANE, "{down:?}");
        }
    }
}

#[test]
fn an_endpoint_that_is_down_at_first() {
    let backstage = Backstage::start();
    backstage.server.answer(USER_KEYS, Answer::HangUp);
    let host = host("/version", &backstage.config());
    let token = backstage.user();
    let answer = ask(&host, ECHO, &token);
    host_error(&answer, 503, "ServiceUnavailableError");
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(answer.header("www-authenticate"), None);
    // Where nobody has to be known, nobody is.
    assert_eq!(ask(&host, "/api/one/version", &token).status, 200);
    let keys = vec![backstage.users.jwk()];
    backstage.server.answer(USER_KEYS, Answer::Keys(keys));
    host.wait_until("it is up", |host| ask(host, ECHO, &token).status == 200);
    assert_eq!(principal(&ask(&host, ECHO, &token)), JANE);
}

/// Nothing listens there at all.
#[test]
fn an_endpoint_that_is_not_there() {
    let host = host(
        "none",
        "backend: {auth: {backstage: {url: 'http://127.0.0.1:1'}}}",
    );
    let backstage = Backstage::start();
    for token in [backstage.user(), backstage.plugin("one")] {
        let answer = ask(&host, ECHO, &token);
        host_error(&answer, 503, "ServiceUnavailableError");
    }
    host.wait_for_log(&["WARN", "127.0.0.1:1/api/auth/"]);
    host.wait_for_log(&["WARN", "127.0.0.1:1/api/catalog/"]);
}

/// ECHO, asked for with a user's token whose keys are not here, and not answered yet.
fn waits_for_keys(backstage: &Backstage, host: &Host) -> Wire {
    let asked = backstage.server.asked(USER_KEYS);
    let token = backstage.user();
    let mut wire = Wire::open(host.address());
    wire.send(format!(
        "GET {ECHO} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n"
    ));
    host.wait_until("the host asks for its keys", |_| {
        backstage.server.asked(USER_KEYS) > asked
    });
    wire
}

/// One that says nothing holds up nothing but what needs it.
#[test]
fn an_endpoint_that_is_silent() {
    let backstage = Backstage::start();
    backstage.server.answer(USER_KEYS, Answer::Silence);
    let host = host("/version", &backstage.config_with(&[STATIC]));
    let mut waiting = waits_for_keys(&backstage, &host);
    assert_eq!(principal(&ask(&host, ECHO, "static-token")), "service:ci");
    assert_eq!(
        principal(&ask(&host, ECHO, &backstage.plugin("one"))),
        "plugin:catalog"
    );
    assert_eq!(host.get("/api/one/version").status, 200);
    assert_missing(&host.get(ECHO));
    let keys = vec![backstage.users.jwk()];
    backstage.server.answer(USER_KEYS, Answer::Keys(keys));
    // Only now it has its keys. Had the others waited for them, the host would have given up on all of them: 503.
    let answer = waiting.answer();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["principal"], JANE);
    assert_eq!(backstage.server.asked(USER_KEYS), 1);
}

#[test]
fn a_silent_endpoint_is_given_up_and_asked_again() {
    let backstage = Backstage::start();
    backstage.server.answer(USER_KEYS, Answer::Silence);
    let host = host("none", &backstage.config());
    // It never answers: that this comes is the host's own doing.
    let answer = ask(&host, ECHO, &backstage.user());
    host_error(&answer, 503, "ServiceUnavailableError");
    assert!(answer.header("retry-after").is_some());
    // A client that goes away while the host asks for it takes nothing with it.
    drop(waits_for_keys(&backstage, &host));
    let keys = vec![backstage.users.jwk()];
    backstage.server.answer(USER_KEYS, Answer::Keys(keys));
    host.wait_until("it is up", |host| {
        ask(host, ECHO, &backstage.user()).status == 200
    });
}

/// The clock decides what each answer has to be, however late that comes.
#[test]
fn a_token_ends_with_its_leeway() {
    /// Seconds.
    const LEEWAY: i64 = 30;
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let (mut token, mut end) = (String::new(), 0);
    // It has ended already, and the last of its leeway is all that is left of it.
    host.wait_until("one is good in its leeway", |host| {
        end = now() + 3;
        token = backstage.user_who(|claims| claims["exp"] = (end - LEEWAY).into());
        ask(host, ECHO, &token).status == 200
    });
    host.wait_until("its leeway is over", |host| {
        let before = now();
        let answer = ask(host, ECHO, &token);
        if answer.status == 200 {
            assert!(before < end, "good although it was over before");
            return false;
        }
        assert_refused(&answer, "its leeway is over");
        assert!(now() >= end, "refused although it was not over");
        true
    });
}
