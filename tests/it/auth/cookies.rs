//! Paths of the policy `user-cookie`: a browser's cookie is enough there, as for an image or a download.

use super::*;

fn with_cookie(host: &Host, target: &str, cookie: &str) -> Response {
    host.request("GET", target).header("cookie", cookie).send()
}

#[test]
fn a_users_cookie_opens_them_and_nothing_else() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config());
    let cookie = format!("backstage-auth={}", backstage.limited());
    assert_eq!(principal(&with_cookie(&host, ECHO, &cookie)), JANE);
    assert_eq!(
        principal(&with_cookie(&host, "/api/two/echo", &cookie)),
        JANE
    );
    for target in ["/api/one/version", "/api/one/", "/api/one"] {
        assert_missing(&with_cookie(&host, target, &cookie));
    }
    // A credential is wanted all the same.
    assert_missing(&host.get(ECHO));
    assert_missing(&with_cookie(&host, ECHO, "theme=dark"));
}

#[test]
fn on_an_open_path_a_cookie_names_nobody() {
    let backstage = Backstage::start();
    let host = host("open", &backstage.config());
    let cookie = format!("backstage-auth={}", backstage.limited());
    let answer = with_cookie(&host, ECHO, &cookie);
    assert_eq!(principal(&answer), "none");
    assert_eq!(arrived(&answer.json(), "cookie"), [""; 0], "and stays out");
}

#[test]
fn a_bearer_token_comes_first() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config());
    let cookie = format!("backstage-auth={}", backstage.limited());
    let both = |token: &str| {
        host.request("GET", ECHO)
            .header("authorization", format!("Bearer {token}"))
            .header("cookie", &cookie)
            .send()
    };
    assert_eq!(principal(&both(&backstage.plugin("one"))), "plugin:catalog");
    assert_eq!(principal(&both(&backstage.user())), JANE);
    assert_refused(&both("nonsense"), "a bad one in front of a good cookie");
}

#[test]
fn every_credential_of_closed_paths_is_good_there_too() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config());
    assert_eq!(principal(&ask(&host, ECHO, &backstage.user())), JANE);
    assert_eq!(
        principal(&ask(&host, ECHO, &backstage.plugin("one"))),
        "plugin:catalog"
    );
}

#[test]
fn only_a_limited_token_belongs_into_a_cookie() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config_with(&[STATIC]));
    let users = &backstage.users;
    for (what, token) in [
        ("a static token", "static-token".to_owned()),
        ("a whole token of a user", backstage.user()),
        ("a plugin's token", backstage.plugin("one")),
        ("expired", limited(users, JANE, now() - 7200, now() - 35)),
        ("of later", limited(users, JANE, now() + 600, now() + 7200)),
        (
            "of no user",
            limited(users, "plugin:catalog", now(), now() + 600),
        ),
        (
            "by another key",
            limited(&SigningKey::new("users-1"), JANE, now(), now() + 600),
        ),
        ("words", "nonsense".to_owned()),
        ("long", "x".repeat(9000)),
        ("empty", String::new()),
    ] {
        let answer = with_cookie(&host, ECHO, &format!("backstage-auth={token}"));
        host_error(&answer, 401, "AuthenticationError");
        assert!(
            token.is_empty() || !answer.text().contains(&token),
            "{what}"
        );
    }
    let good = format!("backstage-auth={}", backstage.limited());
    assert_eq!(principal(&with_cookie(&host, ECHO, &good)), JANE);
}

#[test]
fn among_other_cookies() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config());
    let token = backstage.limited();
    for (cookies, left) in [
        (format!("backstage-auth={token}"), None),
        (format!("a=1; backstage-auth={token}"), Some("a=1")),
        (format!("backstage-auth={token}; b=2"), Some("b=2")),
        (
            format!("a=1; backstage-auth={token}; b=\"x y\""),
            Some("a=1; b=\"x y\""),
        ),
        (format!("a=1;backstage-auth={token};b=2"), Some("a=1; b=2")),
    ] {
        let answer = with_cookie(&host, ECHO, &cookies);
        assert_eq!(principal(&answer), JANE, "{cookies}");
        assert!(
            parts(&token).all(|part| !answer.text().contains(part)),
            "{cookies}"
        );
        let arrived = arrived(&answer.json(), "cookie").join("; ");
        let spaced = arrived
            .split(';')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("; ");
        assert_eq!(spaced, left.unwrap_or_default(), "{cookies}");
    }
    // Other names are other cookies.
    for name in [
        "xbackstage-auth",
        "backstage-auth2",
        "Backstage-Auth",
        "backstage_auth",
        "backstage-aut",
    ] {
        assert_missing(&with_cookie(&host, ECHO, &format!("{name}={token}")));
        assert_missing(&with_cookie(
            &host,
            ECHO,
            &format!("a=backstage-auth={token}; {name}={token}"),
        ));
    }
    // Of two Cookie headers too.
    let answer = host
        .request("GET", ECHO)
        .header("cookie", "a=1")
        .header("cookie", format!("backstage-auth={token}"))
        .send();
    assert_eq!(principal(&answer), JANE);
    assert!(parts(&token).all(|part| !answer.text().contains(part)));
}

/// A page can set cookies of any bytes; they do not carry ours past the host.
#[test]
fn beside_one_that_is_no_ascii() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config());
    let token = backstage.limited();
    for bytes in ["caf\u{e9}", "\u{ff}"] {
        for cookie in [
            format!("name={bytes}; backstage-auth={token}"),
            format!("backstage-auth={token}; name={bytes}"),
        ] {
            let answer = with_cookie(&host, ECHO, &cookie);
            assert_eq!(principal(&answer), JANE, "{bytes:?}");
            assert!(
                parts(&token).all(|part| !answer.text().contains(part)),
                "{bytes:?}"
            );
        }
    }
}

/// Without a Backstage a cookie of that name is one like others.
#[test]
fn without_a_backstage() {
    let host = host("/echo,cookie:/version", "");
    let answer = with_cookie(&host, ECHO, "backstage-auth=x; a=1");
    assert_eq!(principal(&answer), "none");
    assert_missing(&with_cookie(&host, "/api/one/version", "a=1"));
    let answer = with_cookie(&host, "/api/one/version", "backstage-auth=x");
    host_error(&answer, 401, "AuthenticationError");
}
