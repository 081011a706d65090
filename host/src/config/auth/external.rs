//! `backend.auth.externalAccess`: tokens of callers that are neither users nor plugins.

use super::{External, Jwks, Method, Restriction, Secret, URL, url, word, words};
use crate::config::cursor::{Field, Section, shown};
use std::collections::BTreeMap;

/// Entries; each token that fits none is compared with all.
const MAX_ENTRIES: usize = 100;
/// Characters of a static token: one that is shorter can be guessed, one that is longer does not fit into a head.
const LEAST_TOKEN: usize = 8;
const MOST_TOKEN: usize = 8192;
const MAX_SUBJECT: usize = 400;
/// What signs with a public key's counterpart, of RFC 7518 3.1 and RFC 8037. A symmetric one would make the published
/// key the secret.
const ALGORITHMS: [&str; 9] = [
    "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA",
];
const ACTIONS: [&str; 4] = ["create", "read", "update", "delete"];

pub(super) fn entries(field: &Field<'_>) -> Vec<External> {
    let Some(items) = field.items() else {
        field.refuse_kind("a list of entries with `type` and `options`");
        return Vec::new();
    };
    if items.len() > MAX_ENTRIES {
        field.refuse(
            "`backend.auth.externalAccess` takes at most 100 entries",
            "too many",
            "give callers tokens of one identity provider, by an entry of the type `jwks`",
        );
        return Vec::new();
    }
    let mut entries: Vec<External> = Vec::new();
    for item in &items {
        let Some(entry) = entry(item) else { continue };
        if entries
            .iter()
            .any(|known| known.method.is_token_of(&entry.method))
        {
            item.refuse(
                format!(
                    "`{}` has the token of an entry before it",
                    shown(&item.path)
                ),
                "never reached",
                "give each caller a token of its own",
            );
        }
        entries.push(entry);
    }
    let issuers = entries.iter().filter_map(|entry| match &entry.method {
        Method::Jwks(jwks) => Some(jwks),
        Method::Static { .. } => None,
    });
    if issuers.clone().count() > 1 && issuers.clone().any(|jwks| jwks.subject_prefix.is_none()) {
        field.reader.note(
            "backend.auth.externalAccess: of several identity providers one has no `subjectPrefix`: what it signs can name \
             the subjects of the others",
        );
    }
    entries
}

impl Method {
    /// Whether both are the same static token.
    fn is_token_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Static { token, .. }, Self::Static { token: other, .. }) => token == other,
            _ => false,
        }
    }
}

fn entry(field: &Field<'_>) -> Option<External> {
    const TYPES: &str = "`static` or `jwks`";
    let section = field.section()?;
    let path = shown(&field.path);
    let kind = section.get("type");
    if section.lacks("type") {
        field.refuse(
            format!("`{path}` names no `type`"),
            "of what type?",
            "write `type: static` for one token, `type: jwks` for an identity provider",
        );
    }
    let kind = kind?;
    let (text, secret) = kind.text(TYPES)?;
    let options = section.section("options");
    let method = match text.as_str() {
        "static" => static_token(field, &options),
        "jwks" => jwks(field, &options),
        "legacy" => {
            kind.refuse(
                format!(
                    "`{}`: Greenroom does not take legacy tokens",
                    shown(&kind.path)
                ),
                "signed with a secret that both sides know",
                "give that caller a token of its own, by an entry of the type `static`",
            );
            return None;
        }
        _ => return kind.out_of(TYPES, "no such type", secret),
    };
    let restrictions = section
        .get("accessRestrictions")
        .map(|field| restrictions(&field))
        .unwrap_or_default();
    options.refuse_others();
    section.refuse_others();
    Some(External {
        method: method?,
        restrictions,
    })
}

/// The value of a key that an entry cannot be without.
fn needed<'a>(entry: &Field<'_>, options: &Section<'a>, key: &'static str) -> Option<Field<'a>> {
    let found = options.get(key);
    if options.lacks(key) {
        let path = shown(&entry.path);
        entry.refuse(
            format!("`{path}.options` has no `{key}`"),
            "of this entry",
            format!("add `{key}` to its options"),
        );
    }
    found
}

fn static_token(entry: &Field<'_>, options: &Section<'_>) -> Option<Method> {
    const TOKEN: &str = "a token of 8 to 8192 characters without spaces";
    const SUBJECT: &str = "a name for the caller, of visible characters without spaces";
    let token = needed(entry, options, "token").and_then(|field| {
        let (text, _) = field.text(TOKEN)?;
        let why = if !text.bytes().all(|b| b.is_ascii_graphic()) {
            "a character that no token has"
        } else if text.len() < LEAST_TOKEN {
            "too short to be secret"
        } else if text.len() > MOST_TOKEN {
            "too long"
        } else {
            return Some(Secret::new(text));
        };
        field.out_of(TOKEN, why, true)
    });
    let subject = needed(entry, options, "subject").and_then(|field| {
        let (text, secret) = field.text(SUBJECT)?;
        let clean = text.bytes().all(|b| b.is_ascii_graphic());
        // What ends so would be a kind of principal without a name.
        if text.is_empty() || !clean || text.len() > MAX_SUBJECT || text.ends_with(':') {
            return field.out_of(SUBJECT, "no such name", secret);
        }
        Some(text)
    });
    Some(Method::Static {
        token: token?,
        subject: subject?,
    })
}

fn jwks(entry: &Field<'_>, options: &Section<'_>) -> Option<Method> {
    const PREFIX: &str = "a word that comes before the subject";
    let url = needed(entry, options, "url").and_then(|field| url(&field, URL));
    let issuers = words(options, "issuer", "one or more issuers").unwrap_or_default();
    let audiences = words(options, "audience", "one or more audiences").unwrap_or_default();
    let algorithms = algorithms(options);
    let subject_prefix = options.get("subjectPrefix").and_then(|field| {
        let prefix = word(&field, PREFIX)?;
        if prefix.len() > MAX_SUBJECT / 2 || prefix.contains(':') {
            return field.out_of(PREFIX, "at most 200 characters, without `:`", true);
        }
        Some(prefix)
    });
    let claims = options
        .get("claims")
        .and_then(|field| field.section())
        .map(|section| claims(&section))
        .unwrap_or_default();
    if issuers.is_empty() && audiences.is_empty() && claims.is_empty() {
        entry.reader.note(format!(
            "{}: neither `issuer` nor `audience` is named, so any token that the provider signs for anybody is good here",
            shown(&entry.path)
        ));
    }
    Some(Method::Jwks(Jwks {
        url: url?,
        issuers,
        audiences,
        algorithms: algorithms?,
        subject_prefix,
        claims,
    }))
}

/// Empty: any that [`ALGORITHMS`] names.
fn algorithms(options: &Section<'_>) -> Option<Vec<String>> {
    const TAKES: &str = "ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512 or EdDSA";
    let Some(words) = words(options, "algorithm", TAKES) else {
        return Some(Vec::new());
    };
    if words.iter().all(|word| ALGORITHMS.contains(&word.as_str())) {
        return Some(words);
    }
    let field = options.get("algorithm")?;
    field.out_of(
        TAKES,
        "signed with a private key, checked with a public one",
        false,
    )
}

/// `claims: {name: value or list of values}`; numbers and booleans as their text.
fn claims(section: &Section<'_>) -> BTreeMap<String, Vec<String>> {
    const TAKES: &str = "a text, a number, a boolean, or a list of these";
    let mut claims = BTreeMap::new();
    for (name, _, field) in section.others() {
        let Some(field) = field else { continue };
        let fields = field.items().unwrap_or_else(|| vec![field.clone()]);
        let values: Vec<_> = fields
            .iter()
            .filter_map(|field| field.scalar(TAKES))
            .map(|(text, _)| text)
            .collect();
        if field.is_empty_list() {
            field.out_of::<()>(TAKES, "no token has none of these", false);
        }
        claims.insert(name.to_owned(), values);
    }
    claims
}

fn restrictions(field: &Field<'_>) -> BTreeMap<String, Restriction> {
    let mut found = BTreeMap::new();
    let Some(items) = field.items() else {
        field.refuse_kind("a list of entries with `plugin`");
        return found;
    };
    for item in &items {
        let Some(section) = item.section() else {
            continue;
        };
        let plugin = needed_plugin(item, &section);
        let permissions = words(&section, "permission", "names of permissions");
        let actions = section
            .get("permissionAttribute")
            .and_then(|field| field.section())
            .and_then(|section| actions(&section));
        section.refuse_others();
        let Some(plugin) = plugin else { continue };
        let restriction = Restriction {
            permissions,
            actions,
        };
        if found.insert(plugin.clone(), restriction).is_some() {
            item.refuse(
                format!("`{}`: `{plugin}` has two entries", shown(&field.path)),
                "the second",
                "join the two",
            );
        }
    }
    found
}

fn needed_plugin(item: &Field<'_>, section: &Section<'_>) -> Option<String> {
    const TAKES: &str = "the id of a plugin";
    if section.lacks("plugin") {
        item.refuse(
            format!("`{}` names no `plugin`", shown(&item.path)),
            "for which plugin?",
            "write `plugin: todo`",
        );
    }
    word(&section.get("plugin")?, TAKES)
}

fn actions(section: &Section<'_>) -> Option<Vec<String>> {
    const TAKES: &str = "`create`, `read`, `update`, `delete`, or several of them";
    let actions = words(section, "action", TAKES);
    let known = |words: &Vec<String>| words.iter().all(|word| ACTIONS.contains(&word.as_str()));
    if let (Some(words), Some(field)) = (&actions, section.get("action"))
        && !known(words)
    {
        field.out_of::<()>(TAKES, "no such action", false);
    }
    section.refuse_others();
    actions
}
