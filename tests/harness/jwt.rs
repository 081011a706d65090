//! JSON Web Tokens as an issuer signs them. What attackers make of them is in `tamper.rs`.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of one coordinate of a public key.
const COORDINATE: usize = 32;

/// Base64url without padding, as every part of a token has it.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Panics when the text is none.
pub fn from_base64url(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.expect("a clock past 1970").as_secs();
    i64::try_from(seconds).expect("a clock of this age")
}

/// The key of an issuer, for ES256.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    kid: String,
}

impl SigningKey {
    /// A new key under this `kid`.
    pub fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random);
        Self {
            pair: pair.expect("the key that was made"),
            kid: kid.into(),
        }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as Backstage's key sets have it.
    pub fn jwk(&self) -> Value {
        // 4, x, y: an uncompressed point.
        let point: &[u8] = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(COORDINATE);
        json!({
            "kty": "EC",
            "crv": "P-256",
            "x": base64url(x),
            "y": base64url(y),
            "kid": self.kid,
            "alg": "ES256",
        })
    }

    /// `{"typ": typ, "alg": "ES256", "kid": …}`.
    pub fn header(&self, typ: &str) -> Value {
        json!({ "typ": typ, "alg": "ES256", "kid": self.kid })
    }

    /// A token with this header and these claims, whatever they say.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_texts(&header.to_string(), claims.to_string())
    }

    /// The same of texts, which may be no JSON.
    pub fn sign_texts(&self, header: &str, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = base64url(self.signature(&signed));
        format!("{signed}.{signature}")
    }

    /// 64 bytes: r and s.
    pub fn signature(&self, over: &str) -> Vec<u8> {
        let made = self.pair.sign(&SystemRandom::new(), over.as_bytes());
        let signature = made.expect("a signature");
        let bytes: &[u8] = signature.as_ref();
        bytes.to_vec()
    }
}

/// A token signed with a secret that both sides know.
pub fn sign_hs256(secret: &[u8], header: &Value, claims: &[u8]) -> String {
    let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = base64url(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}
