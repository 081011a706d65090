//! What somebody without the issuer's key can make of a token.

use crate::jwt::{SigningKey, base64url, from_base64url, sign_hs256};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

/// A forged token, and what was done to it.
pub type Form = (String, String);

/// A token taken apart.
struct Parts<'a> {
    header: Value,
    claims: Value,
    texts: [&'a str; 3],
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Self {
        let texts: Vec<_> = token.split('.').collect();
        let texts: [&str; 3] = texts.try_into().expect("three parts");
        let json = |text| serde_json::from_slice(&from_base64url(text)).expect("JSON");
        Self {
            header: json(texts[0]),
            claims: json(texts[1]),
            texts,
        }
    }

    /// Another header over the old claims and signature. `None` takes a field out.
    fn with_header(&self, name: &str, value: Option<Value>) -> String {
        let [_, claims, signature] = self.texts;
        let header = base64url(changed(&self.header, name, value).to_string());
        format!("{header}.{claims}.{signature}")
    }

    fn with_claim(&self, name: &str, value: Option<Value>) -> String {
        let [header, _, signature] = self.texts;
        let claims = base64url(changed(&self.claims, name, value).to_string());
        format!("{header}.{claims}.{signature}")
    }

    fn with_signature(&self, signature: &str) -> String {
        let [header, claims, _] = self.texts;
        format!("{header}.{claims}.{signature}")
    }
}

fn changed(object: &Value, name: &str, value: Option<Value>) -> Value {
    let mut object = object.clone();
    let fields = object.as_object_mut().expect("an object");
    match value {
        Some(value) => drop(fields.insert(name.into(), value)),
        None => drop(fields.remove(name)),
    }
    object
}

/// Forgeries of a good token. `jwk`: the public key that it was signed with. `elsewhere`: a URL of the attacker's, which
/// nobody may ask for keys.
pub fn forgeries(token: &str, jwk: &Value, elsewhere: &str) -> Vec<Form> {
    let parts = Parts::of(token);
    let forms = [
        headers(&parts),
        claims(&parts),
        signatures(&parts),
        shapes(token, &parts),
        other_keys(&parts, elsewhere),
        confusions(&parts, jwk),
    ];
    // A field that is changed to what it was is no forgery.
    let forged = forms.into_iter().flatten();
    forged.filter(|(_, form)| form != token).collect()
}

fn headers(parts: &Parts<'_>) -> Vec<Form> {
    let mut forms = Vec::new();
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "ES384", "RS256", "EdDSA",
    ] {
        let form = parts.with_header("alg", Some(alg.into()));
        let unsigned = form.rsplit_once('.').expect("three parts").0;
        forms.push((format!("alg is {alg:?}, unsigned"), format!("{unsigned}.")));
        forms.push((format!("alg is {alg:?}"), form));
    }
    let fields = [
        ("alg", vec![None, Some(json!(["ES256"])), Some(json!(7))]),
        (
            "kid",
            vec![
                None,
                Some(json!("another")),
                Some(json!("")),
                Some(json!(7)),
                Some(json!("../../../../etc/passwd")),
                Some(json!("' OR 1=1 --")),
                Some(json!("k".repeat(2000))),
            ],
        ),
        (
            "typ",
            vec![
                None,
                Some(json!("JWT")),
                Some(json!("")),
                Some(json!(["vnd.backstage.user"])),
            ],
        ),
        ("crit", vec![Some(json!(["exp"]))]),
        ("b64", vec![Some(json!(false))]),
        ("zip", vec![Some(json!("DEF"))]),
    ];
    for (name, values) in fields {
        for value in values {
            let said = value.as_ref().map_or("missing".into(), Value::to_string);
            let said: String = said.chars().take(40).collect();
            forms.push((format!("{name} is {said}"), parts.with_header(name, value)));
        }
    }
    // From one kind of Backstage's tokens to another.
    for typ in ["user", "limited-user", "plugin"] {
        let typ = format!("vnd.backstage.{typ}");
        if parts.header["typ"] != typ.as_str() {
            let form = parts.with_header("typ", Some(typ.as_str().into()));
            forms.push((format!("typ is {typ}"), form));
        }
    }
    forms
}

fn claims(parts: &Parts<'_>) -> Vec<Form> {
    let later = parts.claims["exp"].as_i64().map(|exp| exp + 86_400);
    [
        ("sub is root", "sub", Some(json!("user:default/root"))),
        ("sub is catalog", "sub", Some(json!("catalog"))),
        ("sub is missing", "sub", None),
        ("aud is permission", "aud", Some(json!("permission"))),
        ("aud is missing", "aud", None),
        ("exp is a day later", "exp", Some(json!(later))),
        ("exp is missing", "exp", None),
        ("iat is 0", "iat", Some(json!(0))),
        ("admin is true", "admin", Some(json!(true))),
    ]
    .into_iter()
    .map(|(what, name, value)| (format!("the claim {what}"), parts.with_claim(name, value)))
    .collect()
}

fn signatures(parts: &Parts<'_>) -> Vec<Form> {
    let good = from_base64url(parts.texts[2]);
    let (r, s) = good.split_at(good.len() / 2);
    let mut forms = Vec::new();
    let mut form = |what: &str, signature: &[u8]| {
        forms.push((
            format!("signature {what}"),
            parts.with_signature(&base64url(signature)),
        ));
    };
    for at in [0, good.len() / 2, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        form(&format!("with bit of byte {at} flipped"), &flipped);
    }
    form("empty", &[]);
    form("of zeros", &vec![0; good.len()]);
    form("of ones", &vec![0xff; good.len()]);
    form("cut", &good[..good.len() - 1]);
    form("with a byte more", &[&good[..], &[0]].concat());
    form("with r and s exchanged", &[s, r].concat());
    form("twice", &[&good[..], &good[..]].concat());
    form("in ASN.1", &asn1(r, s));
    forms
}

/// `SEQUENCE { INTEGER r, INTEGER s }`, as signatures are outside of tokens.
fn asn1(r: &[u8], s: &[u8]) -> Vec<u8> {
    const ZERO: &[u8] = &[0];
    let integer = |number: &[u8]| {
        let start = number.iter().position(|byte| *byte != 0);
        let number = &number[start.unwrap_or(number.len() - 1)..];
        // A first bit would be a sign.
        let sign: &[u8] = if number[0] >= 0x80 { ZERO } else { &[] };
        let length = u8::try_from(sign.len() + number.len()).expect("short");
        [&[2, length][..], sign, number].concat()
    };
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).expect("short");
    [&[0x30, length][..], &body[..]].concat()
}

fn shapes(token: &str, parts: &Parts<'_>) -> Vec<Form> {
    let [header, claims, signature] = parts.texts;
    // The last letter of 64 bytes holds two bits; the other four are zero, and here they are not.
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.bytes().last().expect("a signature");
    let at = letters.iter().position(|letter| *letter == last);
    let other = char::from(letters[at.expect("base64url") ^ 1]);
    let loose = format!("{}{other}", &signature[..signature.len() - 1]);
    [
        (
            "loose bits at its end",
            format!("{header}.{claims}.{loose}"),
        ),
        ("padded header", format!("{header}=.{claims}.{signature}")),
        ("padded claims", format!("{header}.{claims}=.{signature}")),
        ("padded signature", format!("{token}==")),
        ("a dot before", format!(".{token}")),
        ("a dot after", format!("{token}.")),
        ("a dot twice", format!("{header}..{claims}.{signature}")),
        ("a fourth part", format!("{token}.{signature}")),
        (
            "five parts",
            format!("{header}.{claims}.{signature}.{claims}.{signature}"),
        ),
        ("two parts", format!("{header}.{claims}")),
        ("one part", header.to_owned()),
        ("dots alone", "..".to_owned()),
        ("a dot alone", ".".to_owned()),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("cut in half", token[..token.len() / 2].to_owned()),
        ("cut by a letter", token[..token.len() - 1].to_owned()),
        ("letters after", format!("{token}AAAA")),
        ("a comma after", format!("{token},")),
        ("a semicolon after", format!("{token};x=1")),
        ("an escape after", format!("{token}%20")),
        ("a quote on each side", format!("\"{token}\"")),
        ("twice", format!("{token}{token}")),
        ("in capitals", token.to_uppercase()),
        (
            "header and claims exchanged",
            format!("{claims}.{header}.{signature}"),
        ),
        (
            "a header that is no JSON",
            format!("{}.{claims}.{signature}", base64url("{alg:ES256}")),
        ),
        (
            "a header that is a list",
            format!("{}.{claims}.{signature}", base64url("[]")),
        ),
        (
            "a header that is null",
            format!("{}.{claims}.{signature}", base64url("null")),
        ),
        (
            "a header in the open",
            format!("{}.{claims}.{signature}", parts.header),
        ),
        (
            "an empty object as claims",
            format!("{header}.{}.{signature}", base64url("{}")),
        ),
        (
            "standard base64",
            format!("{header}.{claims}.+/{}", &signature[2..]),
        ),
    ]
    .into_iter()
    .map(|(what, form)| (what.to_owned(), form))
    .collect()
}

/// Signed well, by a key that is not the issuer's.
fn other_keys(parts: &Parts<'_>, elsewhere: &str) -> Vec<Form> {
    let kid = parts.header["kid"].as_str().unwrap_or("none");
    let mine = SigningKey::new(kid);
    let with = |name: &str, value: Value| {
        let header = changed(&parts.header, name, Some(value));
        (
            format!("another key, told in {name}"),
            mine.sign(&header, &parts.claims),
        )
    };
    vec![
        (
            "another key under the same kid".into(),
            mine.sign(&parts.header, &parts.claims),
        ),
        with("jwk", mine.jwk()),
        with("jku", elsewhere.into()),
        with("x5u", elsewhere.into()),
        with("x5c", json!([BASE64_STANDARD.encode([4; 65])])),
        with("kid", elsewhere.into()),
    ]
}

/// HS256 with a secret that everybody knows: the public key, in the forms that libraries keep it in.
fn confusions(parts: &Parts<'_>, jwk: &Value) -> Vec<Form> {
    let coordinate = |name: &str| from_base64url(jwk[name].as_str().expect("a coordinate"));
    let (x, y) = (coordinate("x"), coordinate("y"));
    let point = [&[4][..], &x[..], &y[..]].concat();
    // SubjectPublicKeyInfo of a point on P-256 begins so.
    let start = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").expect("hex");
    let der = [&start[..], &point[..]].concat();
    let text = BASE64_STANDARD.encode(&der);
    let (first, second) = text.split_at(64);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n");
    let header = changed(&parts.header, "alg", Some("HS256".into()));
    let claims = from_base64url(parts.texts[1]);
    [
        ("PEM", pem.as_bytes()),
        ("PEM without its last line end", pem.trim_end().as_bytes()),
        ("DER", &der[..]),
        ("point", &point[..]),
        ("x", &x[..]),
        ("x in text", jwk["x"].as_str().expect("x").as_bytes()),
        ("JWK", jwk.to_string().as_bytes()),
        ("kid", parts.header["kid"].as_str().unwrap_or("").as_bytes()),
        ("nothing", &b""[..]),
    ]
    .into_iter()
    .map(|(what, secret)| {
        (
            format!("HS256 with {what} as secret"),
            sign_hs256(secret, &header, &claims),
        )
    })
    .collect()
}
