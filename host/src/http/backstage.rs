//! Paths that a Backstage expects below each plugin's mount, answered by the host where `backend.auth.backstage` is set.

use super::{
    admit::{self, COOKIE_NAME, bearer},
    connection::Connection,
    error::Refusal,
    exchange::Outcome,
    response::Asked,
};
use crate::{auth::Refused, id::PluginId, plugin::Content};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE},
};
use jiff::Timestamp;

/// Sets the cookie by which a browser can load what paths of the policy `user-cookie` give, such as an image, which takes
/// no header.
const COOKIE: &str = "/.backstage/auth/v1/cookie";
const COOKIE_METHODS: &str = "GET, HEAD, DELETE";
/// The keys by which others know a plugin's tokens. A plugin here has none; older Backstages send the tokens of theirs to
/// those alone that have this path.
const KEYS: &str = "/.backstage/auth/v1/jwks.json";
const KEYS_METHODS: &str = "GET, HEAD";

/// One of these paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    Cookie,
    Keys,
}

/// `below`: the path below a mount.
pub(super) fn path(asked: &Asked<'_>, below: &str) -> Option<Path> {
    if !below.starts_with("/.backstage/") || !asked.shared.auth.knows_backstage() {
        return None;
    }
    match below {
        COOKIE => Some(Path::Cookie),
        KEYS => Some(Path::Keys),
        _ => None,
    }
}

pub(super) async fn answer(
    path: Path,
    connection: &Connection,
    asked: &Asked<'_>,
    headers: &HeaderMap,
    plugin: &PluginId,
) -> Outcome {
    match (path, &asked.method) {
        (Path::Cookie, &Method::GET | &Method::HEAD) => {
            give_cookie(connection, asked, headers, plugin).await
        }
        (Path::Cookie, &Method::DELETE) => {
            let token = bearer(headers).ok_or(Refusal::Unauthenticated)?;
            let known = match asked.shared.auth.bearer(token, plugin).await {
                Ok(caller) if !caller.is_whole_user() => {
                    Err(Refused::Invalid("it is no user's token"))
                }
                known => known,
            };
            known.map_err(|why| admit::refused(why, connection, asked, headers, plugin))?;
            let headers = set_cookie(asked, "", Timestamp::UNIX_EPOCH)?;
            let nothing = Content::Whole(Bytes::new());
            Ok((StatusCode::NO_CONTENT, headers, nothing))
        }
        (Path::Cookie, _) => Err(Refusal::MethodNotAllowed(COOKIE_METHODS)),
        (Path::Keys, &Method::GET | &Method::HEAD) => Ok(json(HeaderMap::new(), r#"{"keys":[]}"#)),
        (Path::Keys, _) => Err(Refusal::MethodNotAllowed(KEYS_METHODS)),
    }
}

/// For the user of the bearer token; tells until when it is good.
async fn give_cookie(
    connection: &Connection,
    asked: &Asked<'_>,
    headers: &HeaderMap,
    plugin: &PluginId,
) -> Outcome {
    let token = bearer(headers).ok_or(Refusal::Unauthenticated)?;
    let limited = asked.shared.auth.limit(token).await;
    let limited = limited.map_err(|why| admit::refused(why, connection, asked, headers, plugin))?;
    let until = Timestamp::try_from(limited.until).unwrap_or(Timestamp::MAX);
    let headers = set_cookie(asked, &limited.token, until)?;
    let expires = until.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    Ok(json(headers, &format!(r#"{{"expiresAt":"{expires}"}}"#)))
}

fn json(mut headers: HeaderMap, text: &str) -> (StatusCode, HeaderMap, Content) {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    let body = Content::Whole(Bytes::copy_from_slice(text.as_bytes()));
    (StatusCode::OK, headers, body)
}

/// Attributes as Backstage's: for all of the host's paths, out of reach of scripts.
fn set_cookie(asked: &Asked<'_>, token: &str, until: Timestamp) -> Result<HeaderMap, Refusal> {
    let reach = match asked.https {
        true => "SameSite=None; Secure",
        false => "SameSite=Lax",
    };
    let expires = until.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let cookie = format!(
        "{COOKIE_NAME}={token}; Path=/; Expires={expires}; HttpOnly; {reach}; Priority=High"
    );
    // A verified token is base64 and dots.
    let cookie = HeaderValue::try_from(cookie).map_err(|_| Refusal::BadCredential)?;
    Ok(HeaderMap::from_iter([
        (SET_COOKIE, cookie),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]))
}
