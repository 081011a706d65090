//! What the client gets.

use super::*;
use std::io::Read;

/// Paths whose answers are compared in every way that clients ask for them.
fn paths() -> Vec<String> {
    let sizes = [0, 1, 5000, BUFFER, BUFFER + 1, 5 << 20];
    let statuses = [
        200, 201, 203, 204, 205, 206, 299, 301, 304, 400, 401, 404, 418, 500, 503, 599,
    ];
    let headers = [
        "&header=set-cookie:a=1&header=set-cookie:b=2&header=set-cookie:a=1",
        "&header=Link:%3C/a%3E&header=link:%3C/b%3E&header=X-Other:",
        "&header=etag:%22own%22&header=cache-control:no-transform",
        "&header=etag:%22own%22&header=vary:Accept-Language",
        "&header=content-type:text/html&header=content-length:7",
        "&length=no&header=content-length:7",
        "&header=x-utf8:caf%C3%A9&header=content-encoding:identity",
        "&header=server:mine&header=date:now&header=x-request-id:mine&header=x-greenroom-a:b",
        "&header=access-control-allow-origin:*&header=x-powered-by:x",
        "&type=image/png",
        "&length=no",
    ];
    let mut paths: Vec<_> = sizes
        .iter()
        .flat_map(|n| [format!("/answer?n={n}"), format!("/stream?n={n}")])
        .collect();
    paths.extend(
        statuses.iter().flat_map(|status| {
            [0, 5].map(|n| format!("/answer?status={status}&n={n}&header=x-a:b"))
        }),
    );
    paths.extend(headers.map(|headers| format!("/answer?n=7{headers}")));
    paths.extend(
        [
            "/version",
            "/nowhere",
            "/upload",
            "/headers",
            "/many-headers?n=90&size=50",
            "/stream?n=3000&chunk=1",
            "/stream?n=2000&chunk=500&ms=1",
            "/late?ms=20",
        ]
        .map(str::to_owned),
    );
    paths
}

#[test]
fn answers_to_get_are_alike() {
    let host = both("{}");
    for path in paths() {
        let answer = get_alike(&host, &path);
        // The tag that came is good for a 304, both ways.
        if let Some(tag) = answer.header("etag").filter(|_| answer.status == 200) {
            let again = alike(&host, "GET", &path, |r| r.header("if-none-match", &tag));
            assert_eq!(again.status, 304, "{path}");
        }
    }
    let cookies = get_alike(&host, "/answer?header=set-cookie:a=1&header=set-cookie:b=2");
    assert_eq!(cookies.header("set-cookie").as_deref(), Some("a=1, b=2"));
}

#[test]
fn answers_to_head_are_alike() {
    let host = both("{}");
    for path in paths() {
        let head = alike(&host, "HEAD", &path, |request| request);
        assert!(head.body.is_empty(), "{path}");
        alike(&host, "HEAD", &path, |r| {
            r.header("accept-encoding", "gzip")
        });
    }
    let head = alike(&host, "HEAD", "/answer?n=5242880", |request| request);
    assert_eq!(head.header("content-length").as_deref(), Some("5242880"));
    wait_until_idle(&host);
}

#[test]
fn answers_to_other_methods_are_alike() {
    let host = both("{}");
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH", "PURGE"] {
        for path in ["/answer", "/upload", "/nowhere"] {
            alike(&host, method, path, |request| request);
        }
    }
}

#[test]
fn compressed_answers_are_alike() {
    let host = both("{}");
    for coding in ["gzip", "br", "zstd", "identity;q=0, *;q=0"] {
        for n in [0, 5, 5000, BUFFER] {
            for path in [format!("/answer?n={n}"), format!("/stream?n={n}")] {
                alike(&host, "GET", &path, |r| r.header("accept-encoding", coding));
            }
        }
    }
    // Pieces of a streamed answer are flushed as they come, so its coded bytes may differ.
    for n in [BUFFER + 1, 5 << 20] {
        for path in [format!("/answer?n={n}"), format!("/stream?n={n}")] {
            for id in WAYS {
                let target = format!("/api/{id}{path}");
                let answer = host
                    .request("GET", &target)
                    .header("accept-encoding", "gzip");
                let answer = answer.send();
                assert_eq!(
                    answer.header("content-encoding").as_deref(),
                    Some("gzip"),
                    "{target}"
                );
                let mut text = Vec::new();
                let mut decoder = flate2::read::MultiGzDecoder::new(&answer.body[..]);
                decoder.read_to_end(&mut text).unwrap();
                assert!(text == vec![b'x'; n], "{target}: {} bytes", text.len());
            }
        }
    }
}

/// What the host collects is the operator's choice; what the client gets is not.
#[test]
fn answers_are_alike_whatever_the_buffer_is() {
    for buffer in [0, 1000, 1 << 20] {
        let host = both(&format!("{{buffer: {buffer}, body: 4MiB}}"));
        for n in [0, 1, 1000, 1001, BUFFER, BUFFER + 1, 1 << 20, (1 << 20) + 1] {
            get_alike(&host, &format!("/answer?n={n}"));
            get_alike(&host, &format!("/stream?n={n}"));
        }
        wait_until_idle(&host);
    }
}
