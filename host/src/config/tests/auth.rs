//! `backend.auth`.

use super::{config, wrong};
use crate::config::{Method, Restriction};

fn entry(text: &str) -> String {
    format!("backend:\n  auth:\n    externalAccess:\n      - {text}\n")
}

#[test]
fn without_the_key_nobody_is_known_and_nothing_is_open() {
    let auth = config("plugins: {}\n").backend.auth;
    assert!(auth.external.is_empty() && auth.backstage.is_none() && !auth.open);
}

#[test]
fn reads_what_backstage_reads() {
    let text = r#"
backend:
  auth:
    keys: [{ secret: aGVsbG8= }]
    externalAccess:
      - type: static
        options: { token: "0123456789abcdef", subject: ci }
        accessRestrictions:
          - plugin: todo
            permission: todo.read, todo.create
            permissionAttribute: { action: [read, create] }
          - plugin: catalog
      - type: jwks
        options:
          url: https://login.example.com/jwks
          issuer: [https://a, "https://b https://c"]
          audience: greenroom
          algorithm: ES256 RS256
          subjectPrefix: idp
          claims: { team: [a, b], level: 3 }
    backstage:
      url: http://localhost:7007/
      issuer: http://localhost:7007/api/auth
"#;
    let auth = config(text).backend.auth;
    let [first, second] = &auth.external[..] else {
        panic!("{auth:?}");
    };
    let Method::Static { token, subject } = &first.method else {
        panic!("{first:?}");
    };
    assert_eq!((token.expose(), &**subject), ("0123456789abcdef", "ci"));
    assert_eq!(first.restrictions["catalog"], Restriction::default());
    let todo = &first.restrictions["todo"];
    assert_eq!(
        todo.permissions.as_deref(),
        Some(&["todo.read".to_owned(), "todo.create".to_owned()][..])
    );
    assert_eq!(
        todo.actions.as_deref(),
        Some(&["read".to_owned(), "create".to_owned()][..])
    );
    let Method::Jwks(jwks) = &second.method else {
        panic!("{second:?}");
    };
    assert_eq!(jwks.issuers, ["https://a", "https://b", "https://c"]);
    assert_eq!(jwks.audiences, ["greenroom"]);
    assert_eq!(jwks.algorithms, ["ES256", "RS256"]);
    assert_eq!(jwks.subject_prefix.as_deref(), Some("idp"));
    assert_eq!(jwks.claims["team"], ["a", "b"]);
    assert_eq!(jwks.claims["level"], ["3"]);
    let backstage = auth.backstage.unwrap();
    assert_eq!(backstage.url, "http://localhost:7007");
    assert_eq!(
        backstage.issuer.as_deref(),
        Some("http://localhost:7007/api/auth")
    );
    assert!(!format!("{:?}", auth.external).contains("0123456789"));
}

#[test]
fn the_default_policy_can_be_disabled_for_all() {
    let text =
        "backend: { auth: { dangerouslyDisableDefaultAuthPolicy: true } }\nplugins: { todo: {} }\n";
    let config = config(text);
    assert!(config.plugins.defaults.open);
    assert!(config.plugins.of(&"todo".parse().unwrap()).open);
    assert!(config.notes.iter().any(|note| note.contains("dangerously")));
}

#[test]
fn mistakes_are_named() {
    for (text, message) in [
        ("type: static", "has no `token`"),
        (
            "{ type: jwks, options: { url: 'https://a/', audience: '' } }",
            "empty",
        ),
        (
            "{ type: jwks, options: { url: 'https://a/', claims: { team: [] } } }",
            "no token has none of these",
        ),
        (
            "{ type: static, options: { token: seven-7, subject: ci } }",
            "too short to be secret",
        ),
        (
            "{ type: static, options: { token: 'two words here', subject: ci } }",
            "a character that no token has",
        ),
        (
            "{ type: static, options: { token: 0123456789abcdef } }",
            "has no `subject`",
        ),
        (
            "{ type: static, options: { token: 0123456789abcdef, subject: 'a b' } }",
            "no such name",
        ),
        (
            "{ type: static, options: { tokn: 0123456789abcdef, subject: ci } }",
            "did you mean `token`",
        ),
        (
            "{ type: legacy, options: { secret: x, subject: y } }",
            "`static`",
        ),
        (
            "{ type: static, options: { token: 0123456789abcdef, subject: 'ci:' } }",
            "no such name",
        ),
        ("{ type: oauth, options: {} }", "no such type"),
        ("{ options: {} }", "names no `type`"),
        ("{ type: jwks, options: {} }", "has no `url`"),
        (
            "{ type: jwks, options: { url: login.example.com } }",
            "it begins with",
        ),
        (
            "{ type: jwks, options: { url: 'https://me:pw@login.example.com/' } }",
            "no place in it",
        ),
        (
            "{ type: jwks, options: { url: 'https://a/', algorithm: HS256 } }",
            "signed with a private key",
        ),
        (
            "{ type: static, options: { token: 0123456789abcdef, subject: ci }, accessRestrictions: [{}] }",
            "names no `plugin`",
        ),
        (
            "{ type: static, options: { token: 0123456789abcdef, subject: ci }, accessRestrictions: [{ plugin: a }, { plugin: a }] }",
            "has two entries",
        ),
        (
            "{ type: static, options: { token: 0123456789abcdef, subject: ci }, accessRestrictions: [{ plugin: a, permissionAttribute: { action: write } }] }",
            "no such action",
        ),
    ] {
        let error = super::read(&entry(text)).expect_err(text).render();
        assert!(error.contains(message), "{text}:\n{error}");
    }
    let twice = "{ type: static, options: { token: 0123456789abcdef, subject: ci } }";
    let error = wrong(&format!("{}      - {twice}\n", entry(twice)));
    assert!(error.contains("the token of an entry before it"), "{error}");
    for (text, message) in [
        ("externalAccess: static", "takes a list of entries"),
        ("backstage: {}", "names no `url`"),
        ("backstage: { url: 'ftp://a' }", "takes the base URL"),
    ] {
        let error = wrong(&format!("backend: {{ auth: {{ {text} }} }}\n"));
        assert!(error.contains(message), "{text}: {error}");
    }
}
