//! `backend.auth`: whose credentials are believed, as Backstage reads it.

mod external;

use super::{
    backstage,
    cursor::{Field, Section, shown},
};
use std::{collections::BTreeMap, fmt, net::Ipv4Addr};

/// Keys of one issuer: `http://host:port/path`.
pub(super) const URL: &str = "a URL such as `https://login.example.com/.well-known/jwks.json`";
const MAX_URL: usize = 2048;
/// Entries of one list, and characters of one word in it.
const MAX_WORDS: usize = 100;
const MAX_WORD: usize = 1024;

/// `backend.auth`.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// `externalAccess`: in their order; the first that a token fits decides.
    pub external: Vec<External>,
    /// `backstage`: the Backstage backend whose users' and plugins' tokens are believed.
    pub backstage: Option<Backstage>,
    /// `dangerouslyDisableDefaultAuthPolicy`: every path is open, whatever the plugins' policies say. Default false.
    pub open: bool,
}

/// One entry of `externalAccess`.
#[derive(Debug, Clone)]
pub struct External {
    pub method: Method,
    /// `accessRestrictions`: by plugin; empty: the token is good for all.
    pub restrictions: BTreeMap<String, Restriction>,
}

/// `type` and `options` of an entry.
#[derive(Debug, Clone)]
pub enum Method {
    /// `static`: one token, at least 8 characters, compared as it is.
    Static { token: Secret, subject: String },
    /// `jwks`: tokens that an identity provider signs.
    Jwks(Jwks),
}

/// `options` of an entry of the type `jwks`. Empty lists: not compared.
#[derive(Debug, Clone)]
pub struct Jwks {
    pub url: String,
    pub issuers: Vec<String>,
    pub audiences: Vec<String>,
    /// Names of RFC 7518 3.1, asymmetric ones alone.
    pub algorithms: Vec<String>,
    /// `subjectPrefix`: the subject is `external:<prefix>:<sub>` with it.
    pub subject_prefix: Option<String>,
    /// `claims`: for each claim, the values of which it must have one.
    pub claims: BTreeMap<String, Vec<String>>,
}

/// `accessRestrictions` for one plugin. `None`: every permission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restriction {
    /// `permission`: their names.
    pub permissions: Option<Vec<String>>,
    /// `permissionAttribute.action`: `create`, `read`, `update`, `delete`.
    pub actions: Option<Vec<String>>,
}

/// `backend.auth.backstage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backstage {
    /// `url`: of the backend, without a slash at its end: `http://localhost:7007`.
    pub url: String,
    /// `issuer`: what the claim `iss` of its users' tokens must be. Default: not compared, as Backstage.
    pub issuer: Option<String>,
}

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

pub(super) fn auth(backend: &Section<'_>) -> Auth {
    let section = backend.section("auth");
    let auth = Auth {
        external: section
            .get("externalAccess")
            .map(|field| external::entries(&field))
            .unwrap_or_default(),
        backstage: section
            .get("backstage")
            .and_then(|field| backstage_of(&field)),
        open: section.flag("dangerouslyDisableDefaultAuthPolicy", false),
    };
    section.judge_others(backstage::AUTH);
    if auth.open {
        backend.reader.note(
            "backend.auth.dangerouslyDisableDefaultAuthPolicy is true: every path of every plugin is open to everybody",
        );
    }
    auth
}

fn backstage_of(field: &Field<'_>) -> Option<Backstage> {
    const BASE: &str = "the base URL of a Backstage backend, such as `http://localhost:7007`";
    let section = field.section()?;
    let url = section.get("url").and_then(|field| {
        let text = url(&field, BASE)?;
        if text.contains('?') {
            return field.out_of(BASE, "paths are put behind it: no query", true);
        }
        Some(text)
    });
    let issuer = section
        .get("issuer")
        .and_then(|field| word(&field, "the claim `iss` of users' tokens"));
    section.refuse_others();
    if section.lacks("url") {
        field.refuse(
            "`backend.auth.backstage` names no `url`",
            "which Backstage?",
            "write `url: http://localhost:7007`, where its backend answers",
        );
    }
    let url = url?.trim_end_matches('/').to_owned();
    Some(Backstage { url, issuer })
}

/// `http` or `https`, a host, no user and no fragment.
fn url(field: &Field<'_>, takes: &str) -> Option<String> {
    let (text, secret) = field.text(takes)?;
    let uri = match text.parse::<http::Uri>() {
        Ok(uri) if text.len() <= MAX_URL && !text.contains('#') => uri,
        _ => return field.out_of(takes, "no URL", secret),
    };
    let host = match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) if !authority.as_str().contains('@') => {
            authority.host()
        }
        (Some("http" | "https"), Some(_)) => {
            return field.out_of(takes, "a name or a password has no place in it", secret);
        }
        _ => return field.out_of(takes, "it begins with `http://` or `https://`", secret),
    };
    let here = matches!(host, "localhost" | "[::1]")
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|host| host.is_loopback());
    if uri.scheme_str() == Some("http") && !here {
        field.reader.note(format!(
            "{}: keys come over plain http; whoever can change them on their way can sign tokens",
            shown(&field.path)
        ));
    }
    Some(text)
}

/// One text without white space.
fn word(field: &Field<'_>, takes: &str) -> Option<String> {
    let (text, secret) = field.text(takes)?;
    if text.is_empty() || text.len() > MAX_WORD || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return field.out_of(takes, "1 to 1024 characters, no spaces", secret);
    }
    Some(text)
}

/// One text, in which spaces and commas separate, or a list of such. `None` when the key is absent or an empty list.
fn words(section: &Section<'_>, key: &'static str, takes: &str) -> Option<Vec<String>> {
    let field = section.get(key)?;
    let items = field.items();
    // An empty list says that there is none. An empty text may be a variable that somebody forgot.
    let none = items.as_ref().is_some_and(Vec::is_empty);
    let fields = items.unwrap_or_else(|| vec![field.clone()]);
    let mut words: Vec<String> = Vec::new();
    for field in &fields {
        let Some((text, _)) = field.text(takes) else {
            continue;
        };
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
    }
    if words.len() > MAX_WORDS || words.iter().any(|word| word.len() > MAX_WORD) {
        return field.out_of(
            takes,
            "100 of them at most, of 1024 characters at most",
            true,
        );
    }
    if words.is_empty() && !none {
        return field.out_of(takes, "empty", true);
    }
    (!words.is_empty()).then_some(words)
}
