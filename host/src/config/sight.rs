//! What may be shown of a value: by the place where it stands, and by the name of its key.

use super::node::{Origin, Value};

/// Where in the configuration a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    Top,
    /// `plugins`.
    Plugins,
    /// `plugins.<id>`.
    Plugin,
    /// Below `plugins.<id>.config`.
    Section,
    /// Numbers, times and paths of this host's own, of which none is a secret.
    Own,
    /// Keys whose values people write into their environment because they differ from machine to machine.
    Plain,
    /// `backend.cors`, whose `credentials` are a flag.
    Cors,
    /// Of [`Self::Plain`], a map whose keys are ids of plugins.
    Ids,
    Other,
}

/// What the name of a key says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// A text is a secret; a number is not: `maxTokens`.
    Texts,
    /// A number is one as well: `password: 12345678`.
    Numbers,
}

/// The place of one value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    zone: Zone,
    /// By its own key or one above it.
    named: Option<Named>,
}

impl Sight {
    pub(super) const TOP: Self = Self {
        zone: Zone::Top,
        named: None,
    };
    /// In a file of which only a part is known.
    pub(super) const ANYWHERE: Self = Self {
        zone: Zone::Other,
        named: None,
    };

    /// That of the value under a key.
    pub(super) fn below(self, key: &str) -> Self {
        let zone = match self.zone {
            Zone::Top => match key {
                "plugins" => Zone::Plugins,
                "engine" => Zone::Own,
                "backend" | "app" | "organization" | "permission" | "permissions" => Zone::Plain,
                _ => Zone::Other,
            },
            Zone::Plugins => Zone::Plugin,
            Zone::Plugin if key == "config" => Zone::Section,
            Zone::Plugin => Zone::Own,
            Zone::Plain if key == "cors" => Zone::Cors,
            Zone::Plain if key == "plugin" => Zone::Ids,
            Zone::Ids => Zone::Plain,
            same => same,
        };
        let own = match self.zone {
            // An id says nothing of what is below it.
            Zone::Plugins | Zone::Ids => None,
            Zone::Cors if key == "credentials" => None,
            _ => names_a_secret(key),
        };
        Self {
            zone,
            named: own.or(self.named),
        }
    }

    /// Below `plugins.<id>.config`.
    pub(super) fn is_in_section(self) -> bool {
        self.zone == Zone::Section
    }

    /// Whether the value is shown nowhere.
    pub(super) fn is_secret(self, value: &Value, origin: Origin) -> bool {
        let (text, number) = match value {
            Value::Text(_) => (true, false),
            Value::Integer(_) | Value::Float(..) => (false, true),
            _ => return false,
        };
        let named = match self.named {
            Some(Named::Numbers) => text || number,
            Some(Named::Texts) => text,
            None => false,
        };
        match self.zone {
            Zone::Own | Zone::Plugin | Zone::Plugins => false,
            Zone::Plain | Zone::Cors | Zone::Ids => named || origin == Origin::File,
            _ => named || origin != Origin::Written,
        }
    }

    /// Whether a picture of the file leaves it out. In a plugin's section every value: which of them its schema calls
    /// a secret is not known before the plugin is.
    pub(super) fn is_covered(self, value: &Value) -> bool {
        self.is_secret(value, Origin::Written)
            || (self.is_in_section()
                && matches!(value, Value::Text(_) | Value::Integer(_) | Value::Float(..)))
    }
}

/// Last words of a key whose texts and numbers are secrets; also as the end of one that is written without a break:
/// `accesstoken`.
const WORDS: [&str; 9] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "credential",
    "apikey",
    "dsn",
];
/// And those whose texts are.
const OF_TEXTS: [&str; 9] = [
    "tokens",
    "secrets",
    "passwords",
    "passphrases",
    "credentials",
    "apikeys",
    "key",
    "keys",
    "authorization",
];
/// Before `key`: it opens nothing.
const OPEN_KEYS: [&str; 10] = [
    "public",
    "primary",
    "foreign",
    "sort",
    "partition",
    "cache",
    "group",
    "row",
    "column",
    "object",
];
/// After a word of those above they say nothing new: `tokenValue`.
const FILLERS: [&str; 6] = ["value", "text", "string", "data", "base64", "hex"];

/// Whether a key with this name holds a secret, and whether a number under it is one.
pub(super) fn names_a_secret(key: &str) -> Option<Named> {
    let mut words = words(key);
    while words.len() > 1
        && words
            .last()
            .is_some_and(|word| FILLERS.contains(&word.as_str()))
    {
        words.pop();
    }
    let last = words.pop()?;
    let before = words.last().map(String::as_str);
    if WORDS.iter().any(|word| last.ends_with(word)) {
        return Some(Named::Numbers);
    }
    let opens_nothing = before.is_some_and(|word| OPEN_KEYS.contains(&word));
    if matches!(last.as_str(), "key" | "keys") && opens_nothing {
        return None;
    }
    OF_TEXTS.contains(&last.as_str()).then_some(Named::Texts)
}

/// `apiKey`, `API_KEY` and `api-key2` are all `api key`. Of a long name, the last words.
fn words(key: &str) -> Vec<String> {
    const LONGEST: usize = 200;
    let key = &key[key.ceil_char_boundary(key.len().saturating_sub(LONGEST))..];
    let mut words: Vec<String> = Vec::new();
    let mut characters = key.chars().peekable();
    // `None`: the next letter begins a word.
    let mut before: Option<char> = None;
    while let Some(c) = characters.next() {
        if !c.is_alphabetic() && !c.is_ascii_digit() {
            before = None;
            continue;
        }
        let next_is_small = characters.peek().is_some_and(|next| next.is_lowercase());
        let begins = match before {
            None => true,
            Some(before) => c.is_uppercase() && (!before.is_uppercase() || next_is_small),
        };
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        before = Some(c);
    }
    for word in &mut words {
        // `token2`; `base64` keeps its number.
        if !FILLERS.contains(&word.as_str()) {
            word.truncate(word.trim_end_matches(|c: char| c.is_ascii_digit()).len());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for key in [
            "token",
            "Token",
            "accessToken",
            "ACCESS_TOKEN",
            "access-token",
            "accesstoken",
            "token2",
            "tokenValue",
            "tokenBase64",
            "password",
            "dbPassword",
            "clientSecret",
            "apikey",
            "x.secret",
            "DSN",
        ] {
            assert_eq!(names_a_secret(key), Some(Named::Numbers), "{key}");
        }
        for key in [
            "maxTokens",
            "keys",
            "key",
            "privateKey",
            "APIKey",
            "tlsKEY",
            "Authorization",
        ] {
            assert_eq!(names_a_secret(key), Some(Named::Texts), "{key}");
        }
        for key in [
            "",
            "_",
            "tokenUrl",
            "tokenTtl",
            "passwordPolicy",
            "secretName",
            "publicKey",
            "sort_key",
            "keyId",
            "keyvalue",
            "monkeys",
            "title",
            "value",
            "ü",
        ] {
            assert_eq!(names_a_secret(key), None, "{key}");
        }
    }

    #[test]
    fn what_is_a_secret_depends_on_its_place() {
        let at = |path: &str| path.split('.').fold(Sight::TOP, Sight::below);
        let text = Value::Text("x".into());
        let number = Value::Integer(5);
        let secret = |path: &str, origin| at(path).is_secret(&text, origin);
        for path in ["plugins.todo.config.a", "integrations.github.host"] {
            assert!(!secret(path, Origin::Written), "{path}");
            assert!(secret(path, Origin::Variable), "{path}");
            assert!(secret(path, Origin::File), "{path}");
        }
        assert!(!secret("backend.baseUrl", Origin::Variable));
        assert!(secret("backend.auth.keys.secret", Origin::Written));
        assert!(secret("backend.https.cert", Origin::File));
        assert!(secret(
            "backend.auth.externalAccess.options.token",
            Origin::Written
        ));
        assert!(!secret("permissions.policies", Origin::Variable));
        assert!(!secret("backend.cors.credentials", Origin::Written));
        assert!(secret("backend.cors.token", Origin::Written));
        assert!(!secret(
            "backend.database.plugin.tokens.connection.directory",
            Origin::Written
        ));
        assert!(secret(
            "backend.database.plugin.todo.connection.password",
            Origin::Written
        ));
        for path in [
            "plugins.todo.keyvalue.tokens.ttl",
            "engine.key",
            "plugins.token.probe",
            "plugins.directory",
        ] {
            assert!(!secret(path, Origin::File), "{path}");
        }
        // Everything below.
        assert!(secret("plugins.todo.config.secrets.a.b", Origin::Written));
        assert!(at("a.password").is_secret(&number, Origin::Written));
        assert!(!at("a.maxTokens").is_secret(&number, Origin::Written));
        assert!(!at("a.password").is_secret(&Value::Boolean(true), Origin::Written));
    }

    #[test]
    fn a_picture_leaves_out_a_plugins_section() {
        let at = |path: &str| path.split('.').fold(Sight::TOP, Sight::below);
        assert!(at("plugins.todo.config.greeting").is_covered(&Value::Text("x".into())));
        assert!(at("plugins.todo.config.a.b").is_covered(&Value::Integer(5)));
        assert!(!at("plugins.todo.limits.memory").is_covered(&Value::Text("x".into())));
        assert!(!at("backend.listen").is_covered(&Value::Text("x".into())));
    }
}
