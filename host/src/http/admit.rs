//! The credential of a request, and whether its path is for whom it names.

use super::{connection::Connection, error::Refusal, response::Asked};
use crate::{
    audit::{Event, Severity},
    auth::{Caller, Principal, Refused},
    id::PluginId,
    plugin::Access,
};
use http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, COOKIE, USER_AGENT},
};
use std::time::Instant;

/// Refused credentials of one client that the log and the audit events tell of in a minute: anybody can send them, as fast
/// as this host answers.
pub(super) const TOLD: u32 = 100;
/// As Backstage names it.
pub(super) const COOKIE_NAME: &str = "backstage-auth";

/// Who sends this request. On an open path a credential that is not good is as none; on others it is an error, and so is
/// none. What a plugin could use against its users does not stay in the head.
///
/// Waits for the keys of an issuer at most, as [`crate::auth::Auth::bearer`].
pub(super) async fn admit(
    connection: &Connection,
    asked: &Asked<'_>,
    headers: &mut HeaderMap,
    plugin: &PluginId,
    access: Access,
) -> Result<Principal, Refusal> {
    let auth = &asked.shared.auth;
    let token = bearer(headers);
    let ours = auth.knows_backstage() && pairs(headers).any(|pair| value_of_ours(pair).is_some());
    let cookie = cookie(headers).filter(|_| ours);
    let found = match (token, cookie, access) {
        (Some(token), ..) => Some(auth.bearer(token, plugin).await),
        (None, Some(cookie), Access::UserCookie) => Some(auth.cookie(cookie, plugin).await),
        _ => None,
    };
    let known = matches!(&found, Some(Ok(_) | Err(Refused::Restricted(_))));
    // Of several, or in a form that is not understood here, one may be good elsewhere.
    let several = headers.get_all(AUTHORIZATION).iter().nth(1).is_some();
    let odd = token.is_none() && headers.get(AUTHORIZATION).is_some_and(is_bearer);
    let secret = several || odd || token.is_some_and(|token| known || auth.may_be_ours(token));
    if ours {
        remove_cookie(headers);
    }
    if secret {
        headers.remove(AUTHORIZATION);
    }
    match (found, access) {
        (Some(Ok(principal)), Access::Unauthenticated) if !principal.is_limited() => Ok(principal),
        (_, Access::Unauthenticated) => Ok(Principal::NONE),
        (Some(Ok(principal)), access) if access.admits(&principal) => Ok(principal),
        (Some(Ok(_)), _) => {
            let why = Refused::Invalid("it is a limited token, for paths that a cookie opens");
            Err(refused(why, connection, asked, headers, plugin))
        }
        (None, _) => Err(Refusal::Unauthenticated),
        (Some(Err(why)), _) => Err(refused(why, connection, asked, headers, plugin)),
    }
}

/// What the client is told; the log and the audit events have why, [`TOLD`] times a minute for each client.
pub(super) fn refused(
    why: Refused,
    connection: &Connection,
    asked: &Asked<'_>,
    headers: &HeaderMap,
    plugin: &PluginId,
) -> Refusal {
    let client = connection.client(headers).address;
    let turn = asked.shared.refusals.count(client, Instant::now());
    if !turn.allowed && !turn.first_refused {
        return why.into();
    }
    // The last of a minute says that it is.
    let more = (!turn.allowed).then_some("more of this client in this minute are not told");
    tracing::info!(%plugin, request = &*asked.id.text, %client, %why, more, "refused a credential");
    let caller = Caller {
        request: asked.id.text.clone(),
        principal: Principal::NONE,
    };
    let agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let event = Event::new("login-refused")
        .plugin(plugin)
        .severity(Severity::Medium)
        .caller(&caller)
        .client(Some(client), agent)
        .request(asked.method.as_str(), asked.target.path())
        .failed(&why.to_string());
    match more {
        Some(more) => event.meta("more", more).record(),
        None => event.record(),
    }
    why.into()
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(_) => Self::BadCredential,
            Refused::Restricted(message) => Self::Restricted(message),
            Refused::Unreachable => Self::NoKeys,
        }
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 2.1), where that is the only one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, another) = (values.next()?, values.next());
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let one = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    (another.is_none() && scheme.eq_ignore_ascii_case("bearer") && one).then_some(token)
}

fn is_bearer(value: &HeaderValue) -> bool {
    let scheme = value.as_bytes().get(..6);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let ours = pairs(headers).find_map(value_of_ours)?;
    std::str::from_utf8(ours).ok()
}

/// Other cookies may hold any byte.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(COOKIE).iter();
    values
        .flat_map(|value| value.as_bytes().split(|b| *b == b';'))
        .map(<[u8]>::trim_ascii)
}

fn value_of_ours(pair: &[u8]) -> Option<&[u8]> {
    let value = pair.strip_prefix(COOKIE_NAME.as_bytes())?;
    value.trim_ascii_start().strip_prefix(b"=")
}

fn remove_cookie(headers: &mut HeaderMap) {
    let left: Vec<_> = pairs(headers)
        .filter(|pair| value_of_ours(pair).is_none())
        .collect();
    let left = HeaderValue::from_bytes(&left.join(&b"; "[..])).ok();
    headers.remove(COOKIE);
    if let Some(left) = left.filter(|left| !left.is_empty()) {
        headers.insert(COOKIE, left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_bearer_token_is_one_word_of_one_header() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  a.b.c", Some("a.b.c")),
            ("BEARER x", Some("x")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer a b", None),
            ("Bearer\tabc", None),
            ("Basic abc", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(
                bearer(&headers(&[("authorization", value)])),
                token,
                "{value}"
            );
        }
        let two = headers(&[
            ("authorization", "Bearer a1"),
            ("authorization", "Bearer a1"),
        ]);
        assert_eq!(bearer(&two), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn our_cookie_is_found_and_taken_out() {
        let mut some = headers(&[
            ("cookie", "a=1; backstage-auth=x.y.z;b=2"),
            ("cookie", "backstage-author=me"),
        ]);
        assert_eq!(cookie(&some), Some("x.y.z"));
        remove_cookie(&mut some);
        assert_eq!(cookie(&some), None);
        assert_eq!(some[COOKIE], "a=1; b=2; backstage-author=me");
        let mut bytes = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"a=\xff; backstage-auth=x").unwrap();
        bytes.insert(COOKIE, value);
        assert_eq!(cookie(&bytes), Some("x"));
        remove_cookie(&mut bytes);
        assert_eq!(bytes[COOKIE].as_bytes(), b"a=\xff");
        let mut alone = headers(&[("cookie", "backstage-auth=x")]);
        remove_cookie(&mut alone);
        assert!(alone.is_empty());
        assert_eq!(cookie(&headers(&[("cookie", "backstage-auth")])), None);
        assert!(is_bearer(&HeaderValue::from_static("bearer\tx")));
        assert!(!is_bearer(&HeaderValue::from_static("Basic x")));
    }
}
