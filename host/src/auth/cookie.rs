//! The limited token that browsers keep in a cookie.

use super::{Refused, backstage::LIMITED_USER, token::Token};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::Number;
use std::time::SystemTime;

/// Says who, and nothing more: it opens paths of the policy `user-cookie` alone.
pub struct Limited {
    pub token: String,
    pub until: SystemTime,
}

/// Backstage signs header and claims in this order of keys, and puts the signature into the claim `uip` of the whole
/// token.
#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: String,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims {
    sub: String,
    iat: Number,
    exp: Number,
}

/// Puts the limited token of a user's together. `token` is verified; what comes out is not.
pub(super) fn limited(token: &Token<'_>) -> Result<String, Refused> {
    const NONE: Refused = Refused::Invalid("it holds no limited token");
    let claims = token.unverified()?;
    let header = Header {
        typ: LIMITED_USER,
        alg: format!("{:?}", token.algorithm()),
        kid: token.key_id().ok_or(NONE)?,
    };
    let signature = claims.uip.ok_or(NONE)?;
    let claims = Claims {
        sub: claims.sub.ok_or(NONE)?,
        iat: claims.iat.ok_or(NONE)?,
        exp: claims.exp.ok_or(NONE)?,
    };
    Ok(format!("{}.{}.{signature}", part(&header)?, part(&claims)?))
}

fn part(value: &impl Serialize) -> Result<String, Refused> {
    let json = serde_json::to_vec(value);
    let json = json.map_err(|_| Refused::Invalid("it holds no limited token"))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}
