//! One JSON Web Token: its header, its signature, its claims and its times.

use super::{Refused, backstage::LIMITED_USER};
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode, decode_header, errors::ErrorKind,
};
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use std::time::{Duration, SystemTime};

/// How far the issuer's clock and ours may be apart.
const LEEWAY: Duration = Duration::from_secs(30);

pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    header: Header,
}

/// What a token says. Whoever reads it says which claims it cannot do without.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) sub: Option<String>,
    iss: Option<Value>,
    aud: Option<Value>,
    pub(super) exp: Option<Number>,
    nbf: Option<Number>,
    pub(super) iat: Option<Number>,
    /// Of a user: as whom it owns entities.
    pub(super) ent: Option<Vec<String>>,
    /// Of a user: the signature of its limited token.
    pub(super) uip: Option<String>,
    /// Of a plugin: the limited token of the user on whose behalf it calls.
    pub(super) obo: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl<'a> Token<'a> {
    /// The header alone; nothing of it is believed before a key of its issuer has checked it.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refused> {
        let header = decode_header(text)
            .map_err(|_| Refused::Invalid("it is no token that is known here"))?;
        if header.crit.is_some() {
            return Err(Refused::Invalid(
                "its header asks for what is not known here",
            ));
        }
        Ok(Self { text, header })
    }

    /// The header's `typ`.
    pub(super) fn kind(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Of a user, for cookies.
    pub(super) fn is_limited(&self) -> bool {
        self.kind() == Some(LIMITED_USER)
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.header.alg
    }

    /// The claims, once the signature is found to be of this key. Times, issuer and audience are the caller's to judge.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<Claims, Refused> {
        let mut validation = Validation::new(self.header.alg);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        match decode::<Claims>(self.text, key, &validation) {
            Ok(data) => Ok(data.claims),
            Err(error) => Err(Refused::Invalid(match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::Base64(_) => "its signature is not good",
                ErrorKind::Json(_) => "its claims are not of the form that a token's have",
                _ => "its algorithm is not the key's",
            })),
        }
    }

    /// The claims of a token whose signature is not looked at: for what decides which keys to ask for.
    pub(super) fn unverified(&self) -> Result<Claims, Refused> {
        let data = jsonwebtoken::dangerous::insecure_decode::<Claims>(self.text);
        data.map(|data| data.claims)
            .map_err(|_| Refused::Invalid("its claims are not of the form that a token's have"))
    }
}

impl Claims {
    /// When the token ends, `None` where it says nothing of it; an error when it is not good at this moment.
    pub(super) fn until(&self, now: SystemTime) -> Result<Option<SystemTime>, Refused> {
        let until = self.exp.as_ref().map(moment).transpose()?;
        if until.is_some_and(|until| now >= until + LEEWAY) {
            return Err(Refused::Invalid("it has expired"));
        }
        for begin in [&self.nbf, &self.iat].into_iter().flatten() {
            if moment(begin)? > now + LEEWAY {
                return Err(Refused::Invalid("it is not good yet"));
            }
        }
        Ok(until)
    }

    /// As [`Self::until`], of a token that has to say when it was made and when it ends.
    pub(super) fn bounded(&self, now: SystemTime) -> Result<Option<SystemTime>, Refused> {
        if self.exp.is_none() || self.iat.is_none() {
            return Err(Refused::Invalid(
                "it does not say when it was made and ends",
            ));
        }
        self.until(now)
    }

    pub(super) fn is_from(&self, issuer: &str) -> bool {
        self.iss.as_ref().is_some_and(|iss| holds(iss, issuer))
    }

    pub(super) fn is_for(&self, audience: &str) -> bool {
        self.aud.as_ref().is_some_and(|aud| holds(aud, audience))
    }

    /// Whether a claim has one of the values: of a list one item, of a text one of its words or the whole.
    pub(super) fn has(&self, name: &str, wanted: &[String]) -> bool {
        let known = match name {
            "sub" => return self.sub.as_ref().is_some_and(|sub| wanted.contains(sub)),
            "iss" => self.iss.as_ref(),
            "aud" => self.aud.as_ref(),
            name => self.others.get(name),
        };
        let is_one = |value: &Value| match value {
            Value::String(text) => {
                wanted.contains(text)
                    || text.split(' ').any(|word| wanted.iter().any(|w| w == word))
            }
            Value::Number(_) | Value::Bool(_) => wanted.contains(&value.to_string()),
            _ => false,
        };
        match known {
            Some(Value::Array(items)) => items.iter().any(is_one),
            Some(value) => is_one(value),
            None => false,
        }
    }
}

/// A text, or a list that has it.
fn holds(claim: &Value, wanted: &str) -> bool {
    match claim {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| item.as_str() == Some(wanted)),
        _ => false,
    }
}

/// A NumericDate (RFC 7519 2): seconds since 1970, with or without a fraction.
fn moment(number: &Number) -> Result<SystemTime, Refused> {
    const NO_TIME: Refused = Refused::Invalid("a time in it is none");
    let since = number.as_f64().ok_or(NO_TIME)?;
    let since = Duration::try_from_secs_f64(since).map_err(|_| NO_TIME)?;
    // A leeway is added to it later.
    let far = Duration::from_secs(u32::MAX.into());
    Ok(SystemTime::UNIX_EPOCH + since.min(far))
}
