//! What is compressed, and how the answer says so.

use super::*;

#[tokio::test]
async fn compression_follows_the_client_and_weakens_the_tag() {
    for (accept, name) in [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd")] {
        let case = Case { accept, ..get() };
        let (_, headers, body) = case
            .whole(200, &[JSON, ("etag", "\"own\"")], &large())
            .await;
        assert_eq!(headers[CODING], name);
        assert_eq!(headers[VARY], "Accept-Encoding");
        assert_eq!(headers[ETAG], "W/\"own\"");
        assert!(body.len() < 300);
        // Errors of a plugin are worth it, too.
        assert_eq!(case.whole(404, &[JSON], &large()).await.1[CODING], name);
    }
}

#[tokio::test]
async fn some_answers_are_never_compressed() {
    let case = Case {
        accept: "gzip",
        ..get()
    };
    let big = large();
    for (status, fields) in [
        (200, vec![("content-type", "image/png")]),
        (200, vec![]),
        (200, vec![("content-type", "text/event-stream")]),
        (200, vec![JSON, ("content-encoding", "br")]),
        (200, vec![JSON, ("cache-control", "private, No-Transform")]),
        (206, vec![JSON, ("content-range", "bytes 0-9/10")]),
    ] {
        let (_, headers, body) = case.whole(status, &fields, &big).await;
        assert_eq!(body, big, "{fields:?}");
        assert!(!headers.contains_key(VARY), "{fields:?}");
    }
}

#[tokio::test]
async fn short_answers_stay_but_vary() {
    let case = Case {
        accept: "gzip",
        ..get()
    };
    let (_, headers, _) = case
        .whole(200, &[JSON, ("etag", "\"own\"")], &"a".repeat(1023))
        .await;
    assert!(!headers.contains_key(CODING));
    assert_eq!(
        (&headers[VARY], &headers[ETAG]),
        (
            &"Accept-Encoding".parse().unwrap(),
            &"\"own\"".parse().unwrap()
        )
    );
    assert!(
        case.whole(200, &[JSON], &"a".repeat(1024))
            .await
            .1
            .contains_key(CODING)
    );
    let always = Case {
        accept: "gzip, identity;q=0",
        ..get()
    };
    assert!(
        always
            .whole(200, &[JSON], &"a".repeat(200))
            .await
            .1
            .contains_key(CODING)
    );
    assert_eq!(
        get()
            .whole(200, &[JSON, ("vary", "Origin")], &large())
            .await
            .1[VARY],
        "Origin, Accept-Encoding"
    );
}

#[tokio::test]
async fn streams_are_compressed_unless_known_to_be_short() {
    let case = Case {
        accept: "gzip",
        ..get()
    };
    let (_, headers, body) = case.finish(200, &[JSON], streamed("[]")).await;
    assert_eq!(headers[CODING], "gzip");
    assert!(matches!(body, Reply::Compressed(_)));
    let (_, headers, body) = case
        .finish(200, &[JSON, ("content-length", "2")], streamed("[]"))
        .await;
    assert_eq!(headers[CONTENT_LENGTH], "2");
    assert!(matches!(body, Reply::Stream(_)));
    let (_, headers, _) = case
        .finish(
            200,
            &[JSON, ("content-length", "2000")],
            streamed(&"a".repeat(2000)),
        )
        .await;
    assert!(!headers.contains_key(CONTENT_LENGTH));
    let (_, headers, body) = Case {
        accept: "gzip",
        ..head()
    }
    .finish(200, &[JSON], streamed("[]"))
    .await;
    assert_eq!(headers[CODING], "gzip");
    assert!(matches!(body, Reply::Whole(body) if body.is_empty()));
}
