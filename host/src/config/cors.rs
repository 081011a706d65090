//! `backend.cors`, as Backstage reads it.

use super::{
    Cors, backstage,
    cursor::{Field, Section},
    node::Value,
};

/// A year: longer than any browser keeps a preflight's answer.
const MAX_AGE: u64 = 31_536_000;

pub(super) fn cors(backend: &Section<'_>) -> Option<Cors> {
    let field = backend.get("cors")?;
    if let Value::Boolean(false) = field.node.value {
        return None;
    }
    if let Value::Boolean(true) = field.node.value {
        field.refuse(
            "`backend.cors` takes a map or false",
            "which origins?",
            "write `cors: { origin: http://localhost:3000 }`",
        );
        return None;
    }
    let section = field.section()?;
    let origin = section.get("origin");
    let cors = Cors {
        origin: origin.as_ref().map(origins).unwrap_or_default(),
        methods: words(&section, "methods", method).unwrap_or_else(default_methods),
        allowed_headers: words(&section, "allowedHeaders", |word| word).unwrap_or_default(),
        exposed_headers: words(&section, "exposedHeaders", |word| word).unwrap_or_default(),
        credentials: section.flag("credentials", false),
        max_age: section
            .get("maxAge")
            .and_then(|field| field.whole(0..=MAX_AGE)),
    };
    section.judge_others(backstage::CORS);
    if section.lacks("origin") {
        field.refuse(
            "`backend.cors` names no `origin`",
            "which origins?",
            "write `origin: http://localhost:3000`, a list of origins, or `'*'` for any; `cors: false` for none",
        );
    }
    if let Value::Boolean(false) = origin?.node.value {
        return None;
    }
    if cors.credentials && cors.origin.iter().any(|origin| origin == "*") {
        backend.reader.note(
            "backend.cors: browsers refuse credentials where the origin is `*`; name the origins",
        );
    }
    Some(cors)
}

fn origins(field: &Field<'_>) -> Vec<String> {
    const TAKES: &str = "an origin such as `http://localhost:3000`";
    if let Value::Boolean(false) = field.node.value {
        return Vec::new();
    }
    let one = |field: &Field<'_>| {
        let (text, secret) = field.text(TAKES)?;
        match origin(&text) {
            Ok(()) => Some(text),
            Err(why) => field.out_of(TAKES, why, secret),
        }
    };
    match field.items() {
        Some(items) => items.iter().filter_map(one).collect(),
        None => one(field).into_iter().collect(),
    }
}

/// `*`, or `scheme://host[:port]` in which `*` may stand for a run of characters. `null` is the origin of sandboxed
/// pages.
fn origin(text: &str) -> Result<(), &'static str> {
    if text == "*" || text == "null" {
        return Ok(());
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("no origin");
    }
    match text.split_once("://") {
        _ if text.starts_with('*') && !text.contains('/') => Ok(()),
        None => Err("the scheme is missing: `http://` or `https://`"),
        Some((_, "")) => Err("the host is missing"),
        Some((_, host)) if host.contains(['/', '?', '#', '@']) => {
            Err("an origin ends with its host or port, without `/` or path")
        }
        Some(_) => Ok(()),
    }
}

fn default_methods() -> Vec<String> {
    ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
        .map(str::to_owned)
        .to_vec()
}

fn method(word: String) -> String {
    word.to_ascii_uppercase()
}

/// A list of HTTP tokens, or one text with commas between them.
fn words(
    section: &Section<'_>,
    key: &'static str,
    written: fn(String) -> String,
) -> Option<Vec<String>> {
    const TAKES: &str = "a list of words";
    let field = section.get(key)?;
    let one = |field: &Field<'_>| {
        let (text, secret) = field.text(TAKES)?;
        let words: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        if words.iter().all(|word| is_token(word)) {
            Some(words.into_iter().map(written).collect())
        } else {
            field.out_of::<Vec<String>>(TAKES, "not a word of HTTP", secret)
        }
    };
    match field.items() {
        Some(items) => Some(items.iter().filter_map(one).flatten().collect()),
        None => one(&field),
    }
}

fn is_token(word: &str) -> bool {
    word.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
