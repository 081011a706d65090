//! Whom the plugin is told of.

use super::{ID, ask, assert_not_ok, assert_ok, setup};
use crate::auth::{Backstage, STATIC};
use greenroom_tests::{Host, Response};

/// What only the host may say, said by the client, and a cookie of Backstage's that is none.
const FORGED: [(&str, &str); 9] = [
    ("x-greenroom-principal", "user:default/root"),
    ("X-Greenroom-Principal", "service:root"),
    ("x-greenroom-actor", "plugin:evil"),
    ("x-greenroom-anything", "1"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-for", "203.0.113.7"),
    ("forwarded", "for=203.0.113.7"),
    ("connection", "x-greenroom-principal"),
    ("cookie", "a=1; backstage-auth=x.y.z"),
];

fn forged(host: &Host, check: &str, authorization: Option<&str>) -> Response {
    let mut request = host.request("GET", &format!("/api/{ID}/{check}"));
    request = request.header("x-request-id", "of-the-client");
    for (name, value) in FORGED {
        request = request.header(name, value);
    }
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.send()
}

#[test]
fn a_principal_is_what_the_host_says_and_nothing_that_a_client_does() {
    let backstage = Backstage::start();
    let host = setup(&backstage.config_with(&[STATIC])).start();
    let limited = backstage.limited();
    let on_behalf = backstage.plugin_which(ID, |claims| claims["obo"] = limited.into());
    for (caller, token) in [
        ("service", "static-token".to_owned()),
        ("user", backstage.user()),
        ("plugin", backstage.plugin(ID)),
        ("on-behalf", on_behalf),
    ] {
        let bearer = format!("Bearer {token}");
        for folder in ["open", "closed"] {
            let check = format!("{folder}/{caller}");
            assert_ok(&forged(&host, &check, Some(&bearer)), &check);
        }
    }
    assert_ok(&forged(&host, "open/none", None), "nobody");
    // A token that may be one of the host's callers, and is not good.
    let other = backstage.plugin("another");
    for token in ["x.y.z", &other] {
        let bearer = format!("Bearer {token}");
        assert_ok(&forged(&host, "open/none", Some(&bearer)), token);
        let closed = forged(&host, "closed/none", Some(&bearer));
        assert_eq!(closed.status, 401, "{token}");
    }
    let own = Some("Basic dXNlcjpwYXNz");
    assert_ok(&forged(&host, "open/own-secret", own), "a webhook's");
    assert_eq!(forged(&host, "closed/none", None).status, 401);
    // The checks can fail.
    let nobody = ask(&host, "open/service");
    assert_not_ok(&nobody, "x-greenroom-principal: none");
}
