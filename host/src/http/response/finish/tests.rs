mod coding;

use super::*;
use crate::{
    config::{Backend, CacheStore, Connection, Cors, Databases, Listen},
    http::{Shared, request_id::RequestId},
    plugin::Registry,
};
use http::header::{CONTENT_ENCODING as CODING, VARY};
use http_body_util::{BodyExt, Full};
use std::{collections::BTreeMap, time::Duration};

/// Room for bodies of 100,000 bytes in all.
fn shared(cors: Option<Cors>) -> Shared {
    let backend = Backend {
        listen: Listen {
            host: "127.0.0.1".into(),
            port: 0,
        },
        database: Databases {
            default: Connection::Memory,
            plugins: BTreeMap::new(),
        },
        cors,
        auth: Default::default(),
        cache: CacheStore::Memory,
        cache_ttl: None,
        admin_socket: "unused".into(),
        trust_proxy: Vec::new(),
        bodies: 100_000,
        startup_pause: Duration::from_secs(1),
        logger: crate::config::Logger::default(),
        auditor: crate::config::Auditor::default(),
        shutdown_timeout: Duration::from_secs(1),
        health_headers: Vec::new(),
        rate_limit: None,
    };
    let auth = crate::auth::Auth::new(&backend.auth).unwrap();
    Shared::new(Registry::default(), auth, &backend)
}

/// A request's part in the answer.
struct Case {
    shared: Shared,
    method: Method,
    accept: &'static str,
    if_none_match: &'static [&'static str],
    origin: Option<&'static str>,
    https: bool,
}

fn get() -> Case {
    Case {
        shared: shared(None),
        method: Method::GET,
        accept: "",
        if_none_match: &[],
        origin: None,
        https: false,
    }
}

fn head() -> Case {
    Case {
        method: Method::HEAD,
        ..get()
    }
}

impl Case {
    async fn finish(
        &self,
        status: u16,
        fields: &[(&'static str, &str)],
        answer: Content,
    ) -> (u16, HeaderMap, Reply) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let accept =
            HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, self.accept.parse().unwrap())]);
        let asked = Asked {
            shared: &self.shared,
            method: self.method.clone(),
            target: "/".parse().unwrap(),
            id: RequestId::of(&HeaderMap::new()),
            accepted: compress::accepted(&accept),
            if_none_match: self
                .if_none_match
                .iter()
                .map(|value| HeaderValue::from_static(value))
                .collect(),
            origin: self.origin.map(HeaderValue::from_static),
            https: self.https,
            arrived: None,
        };
        let (head, body) = finish(
            &asked,
            StatusCode::from_u16(status).unwrap(),
            headers,
            answer,
        )
        .await
        .into_parts();
        (head.status.as_u16(), head.headers, body)
    }

    async fn whole(
        &self,
        status: u16,
        fields: &[(&'static str, &str)],
        body: &str,
    ) -> (u16, HeaderMap, Bytes) {
        let (status, headers, body) = self
            .finish(
                status,
                fields,
                Content::Whole(Bytes::copy_from_slice(body.as_bytes())),
            )
            .await;
        (status, headers, body.collect().await.unwrap().to_bytes())
    }
}

fn streamed(body: &str) -> Content {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    Content::Stream(body.map_err(|never| match never {}).boxed_unsync())
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn large() -> String {
    "[{\"title\":\"milk\"},".repeat(100)
}

#[tokio::test]
async fn answers_without_a_tag_get_a_weak_one() {
    let (_, headers, _) = get().whole(200, &[JSON], "[]").await;
    assert!(headers[ETAG].to_str().unwrap().starts_with("W/\"2-"));
    let own = get().whole(200, &[JSON, ("etag", "\"own\"")], "[]").await.1;
    assert_eq!(own[ETAG], "\"own\"");
    for (case, status) in [
        (get(), 201),
        (get(), 404),
        (
            Case {
                method: Method::POST,
                ..get()
            },
            200,
        ),
    ] {
        assert!(
            !case.whole(status, &[JSON], "[]").await.1.contains_key(ETAG),
            "{} {status}",
            case.method
        );
    }
    assert!(
        !get()
            .finish(200, &[JSON], streamed("[]"))
            .await
            .1
            .contains_key(ETAG)
    );
}

#[tokio::test]
async fn a_held_tag_is_answered_304_with_what_caches_need() {
    let case = Case {
        if_none_match: &["\"x\", W/\"own\""],
        accept: "gzip",
        ..get()
    };
    let fields = [
        JSON,
        ("etag", "\"own\""),
        ("cache-control", "no-cache"),
        ("content-language", "en"),
        ("content-location", "/a"),
        ("expires", "0"),
        ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("link", "</b>; rel=next"),
    ];
    let (status, headers, body) = case.whole(200, &fields, &large()).await;
    assert_eq!((status, body.len()), (304, 0));
    assert_eq!(headers[ETAG], "W/\"own\"");
    assert_eq!(headers[VARY], "Accept-Encoding");
    for kept in [
        "cache-control",
        "content-location",
        "expires",
        "link",
        "x-request-id",
    ] {
        assert!(headers.contains_key(kept), "{kept}");
    }
    for gone in [
        "content-type",
        "content-length",
        "content-encoding",
        "content-language",
        "last-modified",
    ] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn a_star_matches_any_200_and_nothing_else() {
    let case = Case {
        if_none_match: &["*"],
        ..get()
    };
    assert_eq!(case.whole(200, &[JSON], "[]").await.0, 304);
    assert_eq!(case.whole(404, &[JSON], "[]").await.0, 404);
    let post = Case {
        method: Method::POST,
        if_none_match: &["*"],
        ..get()
    };
    assert_eq!(post.whole(200, &[JSON], "[]").await.0, 200);
}

#[tokio::test]
async fn a_made_tag_matches_the_next_time_coded_or_not() {
    let tag = get().whole(200, &[JSON], &large()).await.1[ETAG]
        .to_str()
        .unwrap()
        .to_owned();
    let tag: &'static str = tag.leak();
    let tags: &'static [&'static str] = vec![tag].leak();
    for accept in ["", "br", "gzip"] {
        let case = Case {
            if_none_match: tags,
            accept,
            ..get()
        };
        assert_eq!(case.whole(200, &[JSON], &large()).await.0, 304, "{accept}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    for accept in ["", "gzip"] {
        let (_, get, body) = Case { accept, ..get() }.whole(200, &[JSON], &large()).await;
        let (_, head, none) = Case { accept, ..head() }
            .whole(200, &[JSON], &large())
            .await;
        assert!(none.is_empty());
        assert_eq!(head[CONTENT_LENGTH], body.len().to_string());
        for name in [ETAG, VARY] {
            assert_eq!(get.get(&name), head.get(&name), "{accept}");
        }
        assert_eq!(get.get(CODING), head.get(CODING));
    }
}

#[tokio::test]
async fn head_without_a_body_keeps_what_the_plugin_says() {
    let plain = head()
        .whole(200, &[JSON, ("content-length", "5000")], "")
        .await
        .1;
    assert_eq!(plain[CONTENT_LENGTH], "5000");
    assert!(!plain.contains_key(ETAG));
    let coded = Case {
        accept: "gzip",
        ..head()
    }
    .whole(200, &[JSON, ("content-length", "5000")], "")
    .await
    .1;
    assert_eq!(coded[CODING], "gzip");
    assert!(!coded.contains_key(CONTENT_LENGTH));
    let held = Case {
        accept: "gzip",
        if_none_match: &["*"],
        ..head()
    };
    let (status, headers, _) = held
        .whole(
            200,
            &[JSON, ("content-length", "5000"), ("etag", "\"a\"")],
            "",
        )
        .await;
    assert_eq!(status, 304);
    assert!(!headers.contains_key(CODING) && !headers.contains_key(CONTENT_LENGTH));
}

#[tokio::test]
async fn every_answer_is_stamped() {
    let (_, headers, _) = get()
        .whole(
            500,
            &[
                ("x-frame-options", "DENY"),
                ("strict-transport-security", "max-age=1"),
            ],
            "",
        )
        .await;
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'self'")
    );
    assert!(headers.contains_key("x-request-id"));
    assert!(!headers.contains_key("strict-transport-security"));
    assert!(!headers.contains_key(VARY));
    let https = Case {
        https: true,
        ..get()
    }
    .whole(204, &[], "")
    .await
    .1;
    assert!(https.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn cors_goes_on_every_answer() {
    let cors = Cors {
        origin: vec!["http://a".into()],
        ..Cors::default()
    };
    let case = |origin| Case {
        shared: shared(Some(cors.clone())),
        origin,
        ..get()
    };
    let (_, headers, _) = case(Some("http://a")).whole(404, &[JSON], "{}").await;
    assert_eq!(headers["access-control-allow-origin"], "http://a");
    assert_eq!(headers[VARY], "Accept-Encoding, Origin");
    for other in [None, Some("http://b")] {
        let (_, headers, _) = case(other).whole(200, &[], "").await;
        assert!(
            !headers.contains_key("access-control-allow-origin"),
            "{other:?}"
        );
        assert_eq!(headers[VARY], "Origin");
    }
}

#[tokio::test]
async fn where_there_is_no_room_for_an_answer_it_is_503() {
    let case = get();
    let answer = || Content::Whole(Bytes::from(vec![b'x'; 90_000]));
    let fields = [JSON, ("connection", "close"), ("set-cookie", "a=b")];
    let (status, _, first) = case.finish(200, &fields, answer()).await;
    assert_eq!(status, 200);
    let (status, headers, second) = case.finish(200, &fields, answer()).await;
    assert_eq!(status, 503);
    assert!(headers.contains_key("retry-after") && !headers.contains_key("set-cookie"));
    assert_eq!(headers[CONNECTION], "close");
    let text = second.collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("too many bodies"));
    assert_eq!(case.whole(200, &[JSON], "[]").await.0, 200);
    // Its bytes count until they are gone, wherever they are.
    let bytes = first.collect().await.unwrap().to_bytes();
    assert_eq!(case.finish(200, &fields, answer()).await.0, 503);
    drop(bytes);
    assert_eq!(case.finish(200, &fields, answer()).await.0, 200);
}
