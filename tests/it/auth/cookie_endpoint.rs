//! `/.backstage/auth/v1/cookie` of each plugin: where a browser's page gets the cookie, and gives it back.

use super::*;

const COOKIE: &str = "/api/one/.backstage/auth/v1/cookie";
/// 2100-01-01, so that the texts for it are known.
const UNTIL: i64 = 4_102_444_800;

/// A `Set-Cookie` taken apart: name and value, and its attributes, names in lower case.
fn cookie(answer: &Response) -> (String, Vec<(String, String)>) {
    let all: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(all.len(), 1, "{all:?}");
    let text = all[0].to_str().unwrap();
    let mut parts = text.split("; ");
    let pair = parts.next().unwrap().to_owned();
    let mut attributes: Vec<_> = parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_lowercase(), value.to_owned())
        })
        .collect();
    attributes.sort();
    (pair, attributes)
}

fn attributes(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let list = list
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    list.collect()
}

/// Jane's token until [`UNTIL`], and its limited one.
fn long_lived(backstage: &Backstage) -> (String, String) {
    let from = now() - 60;
    let limited = limited(&backstage.users, JANE, from, UNTIL);
    let claims = backstage.user_claims(UNTIL, |claims| {
        claims["iat"] = from.into();
        claims["uip"] = json!(limited.rsplit('.').next());
    });
    let header = backstage.users.header("vnd.backstage.user");
    (backstage.users.sign(&header, &claims), limited)
}

#[test]
fn a_user_gets_the_limited_token_and_it_opens() {
    let backstage = Backstage::start();
    let host = host("cookie:/echo", &backstage.config());
    let (token, limited) = long_lived(&backstage);
    let answer = ask(&host, COOKIE, &token);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let until = answer.json();
    let told = until["expiresAt"].as_str().unwrap();
    assert!(
        told.starts_with("2100-01-01T00:00:00") && told.ends_with('Z'),
        "{told}"
    );
    assert_eq!(until, json!({"expiresAt": told}));
    let (pair, told) = cookie(&answer);
    assert_eq!(pair, format!("backstage-auth={limited}"));
    let wanted = [
        ("expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("httponly", ""),
        ("path", "/"),
        ("priority", "High"),
        ("samesite", "Lax"),
    ];
    assert_eq!(told, attributes(&wanted));
    let opened = host
        .request("GET", "/api/two/echo")
        .header("cookie", &pair)
        .send();
    assert_eq!(principal(&opened), JANE);
    assert_eq!(
        host.plugin("one")["requests"],
        json!(0),
        "the plugin was not asked"
    );
}

/// No cache may keep somebody's cookie for others.
#[test]
fn the_answer_is_for_one_reader() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let answer = ask(&host, COOKIE, &backstage.user());
    assert_eq!(answer.status, 200);
    let caches = answer.header("cache-control").unwrap_or_default();
    assert!(caches.contains("no-store"), "{caches:?}");
}

/// Older Backstages ask for a plugin's keys before they send it tokens of theirs. One here has none.
#[test]
fn beside_it_are_the_plugins_keys() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let keys = host.get("/api/one/.backstage/auth/v1/jwks.json");
    assert_eq!((keys.status, keys.json()), (200, json!({"keys": []})));
}

#[test]
fn over_tls_it_is_for_pages_of_other_sites_too() {
    let backstage = Backstage::start();
    let url = backstage.server.url("");
    let config =
        format!("backend: {{trustProxy: loopback, auth: {{backstage: {{url: '{url}'}}}}}}");
    let host = host("none", &config);
    let answer = host
        .request("GET", COOKIE)
        .header("authorization", format!("Bearer {}", backstage.user()))
        .header("x-forwarded-proto", "https")
        .send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (_, told) = cookie(&answer);
    let named: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        named,
        [
            "expires", "httponly", "path", "priority", "samesite", "secure"
        ]
    );
    assert!(
        told.contains(&("samesite".into(), "None".into())),
        "{told:?}"
    );
}

#[test]
fn giving_it_back() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let answer = host
        .request("DELETE", COOKIE)
        .header("authorization", format!("Bearer {}", backstage.user()))
        .send();
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    let (pair, told) = cookie(&answer);
    assert_eq!(pair, "backstage-auth=");
    let expires = told.iter().find(|(name, _)| name == "expires");
    let ended = expires.is_some_and(|(_, at)| at == "Thu, 01 Jan 1970 00:00:00 GMT");
    let none = told.contains(&("max-age".into(), "0".into()));
    assert!(ended || none, "{told:?}");
    assert!(told.contains(&("path".into(), "/".into())), "{told:?}");
}

#[test]
fn nobody_else_gets_one() {
    let backstage = Backstage::start();
    let config = backstage.config_with(&[STATIC]);
    // On open paths neither: there is nobody to make one for.
    for policies in ["none", "open", "cookie:/"] {
        let host = host(policies, &config);
        let unlimited =
            backstage.user_who(|claims| drop(claims.as_object_mut().unwrap().remove("uip")));
        let forged = backstage.user_who(|claims| claims["uip"] = base64url([7; 64]).into());
        let expired = backstage.user_who(|claims| claims["exp"] = json!(now() - 35));
        for method in ["GET", "DELETE"] {
            let plain = host.request(method, COOKIE).send();
            host_error(&plain, 401, "AuthenticationError");
            let cookie = format!("backstage-auth={}", backstage.limited());
            let own = host.request(method, COOKIE).header("cookie", cookie).send();
            assert_eq!(
                own.status, 401,
                "{policies} {method}: a cookie brings no cookie"
            );
            for token in [
                "static-token",
                "nonsense",
                &backstage.plugin("one"),
                &backstage.limited(),
                &expired,
            ] {
                let bearer = format!("Bearer {token}");
                let answer = host
                    .request(method, COOKIE)
                    .header("authorization", bearer)
                    .send();
                host_error(&answer, 401, "AuthenticationError");
                assert_eq!(answer.header("set-cookie"), None);
            }
        }
        for token in [&unlimited, &forged] {
            let answer = ask(&host, COOKIE, token);
            host_error(&answer, 401, "AuthenticationError");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
}

/// The plugin itself does not see its requests.
#[test]
fn it_is_each_plugins_and_of_no_other_place() {
    let backstage = Backstage::start();
    let host = host("none", &backstage.config());
    let token = backstage.user();
    assert_eq!(
        ask(&host, &COOKIE.replace("one", "two"), &token).status,
        200
    );
    for target in [
        "/api/none/.backstage/auth/v1/cookie",
        "/.backstage/auth/v1/cookie",
    ] {
        assert_eq!(ask(&host, target, &token).status, 404, "{target}");
    }
    assert_eq!(host.plugin("two")["requests"], json!(0));
}
