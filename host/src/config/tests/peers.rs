//! Who may ask from elsewhere (CORS), and whose headers are believed.

use super::{config, read};

#[test]
fn reads_cors_as_backstage() {
    assert!(config("").backend.cors.is_none());
    assert!(config("backend: { cors: false }").backend.cors.is_none());
    assert!(
        config("backend: { cors: { origin: false } }")
            .backend
            .cors
            .is_none()
    );
    let cors = config("backend: { cors: { origin: http://localhost:3000 } }")
        .backend
        .cors
        .unwrap();
    assert_eq!(cors.origin, ["http://localhost:3000"]);
    assert_eq!(
        cors.methods,
        ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
    );
    assert!(cors.allowed_headers.is_empty() && !cors.credentials && cors.max_age.is_none());
    let cors = config(
        "backend:
  cors:
    origin: ['https://*.example.com', '*', 'null']
    methods: get, post
    credentials: true
    allowedHeaders: [Authorization, X-A]
    exposedHeaders: ETag,Link
    maxAge: 600
    preflightContinue: false
",
    );
    assert!(
        cors.notes
            .iter()
            .any(|note| note.contains("browsers refuse credentials"))
    );
    let cors = cors.backend.cors.unwrap();
    assert_eq!(cors.origin, ["https://*.example.com", "*", "null"]);
    assert_eq!(cors.methods, ["GET", "POST"]);
    assert!(cors.credentials);
    assert_eq!(cors.allowed_headers, ["Authorization", "X-A"]);
    assert_eq!(cors.exposed_headers, ["ETag", "Link"]);
    assert_eq!(cors.max_age, Some(600));
    for bad in [
        "true",
        "x",
        "{}",
        "{ origin: true }",
        "{ origin: 'http://a/' }",
        "{ origin: a.com }",
        "{ origin: '' }",
        "{ origin: [1] }",
        "{ origin: '*', methods: ['GE T'] }",
        "{ origin: '*', maxAge: -1 }",
        "{ origin: '*', credentials: 1 }",
        "{ orgin: '*' }",
    ] {
        assert!(
            read(&format!("backend: {{ cors: {bad} }}")).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn believes_the_proxies_it_is_told() {
    let trusted = |value: &str| -> Vec<String> {
        let config = config(&format!("backend: {{ trustProxy: {value} }}"));
        config
            .backend
            .trust_proxy
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(trusted("~"), [""; 0]);
    assert_eq!(trusted("false"), [""; 0]);
    assert_eq!(trusted("loopback"), ["127.0.0.0/8", "::1/128"]);
    assert_eq!(trusted("10.1.2.3"), ["10.1.2.3/32"]);
    assert_eq!(
        trusted("['10.1.2.3/8', '2001:db8::/32', loopback]"),
        ["10.0.0.0/8", "2001:db8::/32", "127.0.0.0/8", "::1/128"]
    );
    assert_eq!(
        trusted("'linklocal, 1.2.3.4'"),
        ["169.254.0.0/16", "fe80::/10", "1.2.3.4/32"]
    );
    for bad in ["true", "1", "x", "10.0.0.0/33", "[1]", "{}", "''"] {
        assert!(
            read(&format!("backend: {{ trustProxy: {bad} }}")).is_err(),
            "{bad}"
        );
    }
    assert!(config("backend: { trustProxy: '::/0' }").notes[0].contains("any client can claim"));
}
