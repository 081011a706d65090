//! Who may call: static tokens, tokens of identity providers, users and plugins of a Backstage. Asserted by what the plugin
//! in the sandbox is told.

mod algorithms;
mod backstage;
mod cookie_endpoint;
mod cookies;
mod external;
mod external_claims;
mod forged;
mod keys;
mod keys_broken;
mod on_behalf;
mod open_paths;
mod permitted;
mod plugin_tokens;
mod principals;
mod recorded;
mod refusals;
mod restrictions;
mod signed;
mod statics;
mod untold;

use greenroom_tests::{
    Answer, Host, KeyServer, Response, Setup, SigningKey, base64url, chameleon, now,
};
use serde_json::{Value, json};

const ECHO: &str = "/api/one/echo";
/// Where a Backstage has the keys of its users' tokens.
const USER_KEYS: &str = "/api/auth/.well-known/jwks.json";
/// Where it has those of its plugin `catalog`.
const CATALOG_KEYS: &str = "/api/catalog/.backstage/auth/v1/jwks.json";
const JANE: &str = "user:default/jane";
/// An entry of `externalAccess`: who has this token is `service:ci`.
pub(super) const STATIC: &str = "{type: static, options: {token: static-token, subject: ci}}";

/// Two plugins, `one` and `two`, with these policies (as the chameleon takes them).
fn host(policies: &str, config: &str) -> Host {
    let component = chameleon(&format!("policies={policies};"));
    Setup::new()
        .plugin("one", &component)
        .plugin("two", &component)
        .config(config)
        .start()
}

/// `backend.auth.externalAccess` with these entries, each a YAML map on one line.
fn external_access(entries: &[&str]) -> String {
    let entries = entries.iter().map(|entry| format!("      - {entry}\n"));
    let entries: String = entries.collect();
    format!("backend:\n  auth:\n    externalAccess:\n{entries}")
}

/// GET with this bearer token.
fn ask(host: &Host, target: &str, token: &str) -> Response {
    let bearer = format!("Bearer {token}");
    host.request("GET", target)
        .header("authorization", bearer)
        .send()
}

/// Whom the plugin was told of, in an answer of `/echo`.
#[track_caller]
fn principal(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let echo = answer.json();
    let told = arrived(&echo, "x-greenroom-principal");
    assert_eq!(told.len(), 1, "once: {echo}");
    assert_eq!(echo["principal"], told[0].as_str());
    told[0].clone()
}

/// What arrived under this header.
fn arrived(echo: &Value, name: &str) -> Vec<String> {
    let headers = echo["headers"].as_array().expect("headers").iter();
    headers
        .filter(|pair| pair[0] == name)
        .map(|pair| pair[1].as_str().expect("a value").to_owned())
        .collect()
}

/// An error of the host in Backstage's shape; its message.
#[track_caller]
fn host_error(answer: &Response, status: u16, name: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    let message = body["error"]["message"].as_str().expect("a message");
    assert!(!message.is_empty(), "{body}");
    assert_eq!(body["error"], json!({"name": name, "message": message}));
    assert_eq!(body["response"], json!({"statusCode": status}));
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json; charset=utf-8")
    );
    message.to_owned()
}

/// 401 for want of a credential.
#[track_caller]
fn assert_missing(answer: &Response) {
    let message = host_error(answer, 401, "AuthenticationError");
    assert_eq!(message, "Missing credentials");
    assert_eq!(
        answer.header("www-authenticate").as_deref(),
        Some("Bearer realm=\"greenroom\"")
    );
}

/// 401 for a credential that is not good. It never says why: the message is the same for all of them.
#[track_caller]
fn assert_refused(answer: &Response, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    let message = host_error(answer, 401, "AuthenticationError");
    assert_eq!(message, "Illegal token", "{what}");
    assert_eq!(
        answer.header("www-authenticate").as_deref(),
        Some("Bearer realm=\"greenroom\", error=\"invalid_token\""),
        "{what}"
    );
}

/// A Backstage, as far as its keys and tokens go: its users, and its plugin `catalog`.
pub(super) struct Backstage {
    server: KeyServer,
    users: SigningKey,
    catalog: SigningKey,
}

impl Backstage {
    pub(super) fn start() -> Self {
        let backstage = Self {
            server: KeyServer::start(),
            users: SigningKey::new("users-1"),
            catalog: SigningKey::new("catalog-1"),
        };
        let keys = |key: &SigningKey| Answer::Keys(vec![key.jwk()]);
        backstage.server.answer(USER_KEYS, keys(&backstage.users));
        let catalog = keys(&backstage.catalog);
        backstage.server.answer(CATALOG_KEYS, catalog);
        backstage
    }

    fn config(&self) -> String {
        let url = self.server.url("");
        format!("backend: {{auth: {{backstage: {{url: '{url}'}}}}}}")
    }

    /// The same with these entries of `externalAccess` beside it. It ends within `backend.auth`.
    pub(super) fn config_with(&self, entries: &[&str]) -> String {
        let url = self.server.url("");
        external_access(entries) + &format!("    backstage: {{url: '{url}'}}\n")
    }

    fn issuer(&self) -> String {
        self.server.url("/api/auth")
    }

    /// Jane's token, as the sign-in gives it.
    pub(super) fn user(&self) -> String {
        self.user_who(|_| {})
    }

    /// The same with other claims.
    fn user_who(&self, change: impl FnOnce(&mut Value)) -> String {
        let claims = self.user_claims(now() + 3600, change);
        self.users
            .sign(&self.users.header("vnd.backstage.user"), &claims)
    }

    fn user_claims(&self, until: i64, change: impl FnOnce(&mut Value)) -> Value {
        let from = now();
        let limited = limited(&self.users, JANE, from, until);
        let mut claims = json!({
            "iss": self.issuer(),
            "sub": JANE,
            "ent": [JANE, "group:default/team-a"],
            "aud": "backstage",
            "iat": from,
            "exp": until,
            "uip": limited.rsplit('.').next(),
        });
        change(&mut claims);
        claims
    }

    /// Jane's token for cookies, and for plugins that call on her behalf.
    pub(super) fn limited(&self) -> String {
        limited(&self.users, JANE, now(), now() + 3600)
    }

    /// A token of the plugin `catalog` for a plugin here.
    pub(super) fn plugin(&self, target: &str) -> String {
        self.plugin_which(target, |_| {})
    }

    pub(super) fn plugin_which(&self, target: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "sub": "catalog",
            "aud": target,
            "iat": now(),
            "exp": now() + 3600,
        });
        change(&mut claims);
        self.catalog
            .sign(&self.catalog.header("vnd.backstage.plugin"), &claims)
    }
}

/// What Backstage makes of a user's token for others to pass on: its signature is the claim `uip` of the whole token, so
/// these texts are as Backstage writes them, to the byte.
fn limited(users: &SigningKey, sub: &str, from: i64, until: i64) -> String {
    let kid = users.kid();
    let header = format!(r#"{{"typ":"vnd.backstage.limited-user","alg":"ES256","kid":"{kid}"}}"#);
    let claims = format!(r#"{{"sub":"{sub}","iat":{from},"exp":{until}}}"#);
    users.sign_texts(&header, claims)
}

/// A part of a token that stands in for all of it when logs and answers are searched.
fn parts(token: &str) -> impl Iterator<Item = &str> {
    token.split('.').filter(|part| part.len() >= 16)
}

/// Takes the signature's place in a limited token.
fn with_signature(token: &str, signature: &[u8]) -> String {
    let start = token.rsplit_once('.').expect("three parts").0;
    format!("{start}.{}", base64url(signature))
}
