//! Request bodies in gzip or deflate.

use super::{arrived, assert_host_error, host, host_with};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use greenroom_tests::{Host, Response, Wire};
use std::io::Write;

const ECHO: &str = "/api/chameleon/echo";
const MIB: usize = 1 << 20;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn post(host: &Host, target: &str, coding: &str, body: Vec<u8>) -> Response {
    host.request("POST", target)
        .header("content-encoding", coding)
        .body(body)
        .send()
}

#[test]
fn the_plugin_sees_the_body_as_it_was() {
    let host = host();
    for length in [1, 1000, 100_000, 300_000] {
        let text: Vec<u8> = (0..length)
            .map(|n: usize| (n * n % 251).to_le_bytes()[0])
            .collect();
        for (coding, body) in [
            ("gzip", gzip(&text)),
            ("x-gzip", gzip(&text)),
            ("GZip", gzip(&text)),
            ("deflate", zlib(&text)),
            ("deflate", raw_deflate(&text)),
            ("identity", text.clone()),
            ("identity, gzip", gzip(&text)),
            (
                "gzip",
                [gzip(&text[..length / 2]), gzip(&text[length / 2..])].concat(),
            ),
        ] {
            let answer = post(&host, ECHO, coding, body);
            assert_eq!(answer.status, 200, "{coding} {length}: {}", answer.text());
            let echo = answer.json();
            assert_eq!(
                (&echo["body"], arrived(&echo, "content-encoding")),
                (&serde_json::json!(length), None),
                "{coding} {length}"
            );
            if length < 200_000 {
                assert_eq!(
                    arrived(&echo, "content-length"),
                    Some(length.to_string()),
                    "{coding} {length}"
                );
            }
        }
    }
    let empty = post(&host, ECHO, "gzip", gzip(b""));
    assert_eq!(
        (empty.status, &empty.json()["body"]),
        (200, &serde_json::json!(0))
    );
    let text = b"some text that comes back".repeat(20_000);
    assert_eq!(
        post(&host, "/api/chameleon/mirror", "gzip", gzip(&text)).body,
        text,
        "streamed, byte for byte"
    );
}

#[test]
fn the_limit_counts_inflated_bytes() {
    let host = host();
    assert_eq!(
        post(&host, ECHO, "gzip", gzip(&vec![b'a'; MIB])).status,
        200
    );
    for (coding, body) in [
        ("gzip", gzip(&vec![b'a'; MIB + 1])),
        ("deflate", zlib(&vec![b'a'; 2 * MIB])),
    ] {
        assert_host_error(
            &post(&host, ECHO, coding, body),
            413,
            "PayloadTooLargeError",
            "POST",
            ECHO,
        );
    }
    let host = host_with("plugins: {chameleon: {limits: {body: 4KiB, buffer: 1KiB}}}");
    assert_eq!(post(&host, ECHO, "gzip", gzip(&[b'a'; 4096])).status, 200);
    assert_host_error(
        &post(&host, ECHO, "gzip", gzip(&[b'a'; 4097])),
        413,
        "PayloadTooLargeError",
        "POST",
        ECHO,
    );
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let host = host();
    host.get(ECHO);
    // 300 MiB of zeros, coded twice over: members after members.
    let bomb = gzip(&vec![0; 30 * MIB]).repeat(10);
    assert!(bomb.len() < MIB);
    let before = host.peak_kib();
    for _ in 0..5 {
        assert_host_error(
            &post(&host, ECHO, "gzip", bomb.clone()),
            413,
            "PayloadTooLargeError",
            "POST",
            ECHO,
        );
        let unread = post(&host, "/api/chameleon/unread", "gzip", bomb.clone());
        assert!(matches!(unread.status, 200 | 413), "{}", unread.status);
    }
    let grown = host.peak_kib().saturating_sub(before);
    assert!(grown < 200 << 10, "the host grew by {grown} KiB");
    assert_eq!(host.get(ECHO).status, 200);
}

#[test]
fn bombs_of_every_shape_are_stopped_at_the_limit() {
    let host = host();
    host.get(ECHO);
    let zeros = vec![0; 100 * MIB];
    let bombs = [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("deflate", raw_deflate(&zeros)),
        // A thousand of one page and a bit, and one that comes after much that is small.
        ("gzip", gzip(&vec![0; 20_000]).repeat(1000)),
        ("gzip", [gzip(b"a").repeat(1000), gzip(&zeros)].concat()),
    ];
    let before = host.peak_kib();
    for (n, (coding, bomb)) in bombs.into_iter().enumerate() {
        assert!(bomb.len() < MIB);
        for target in [ECHO, "/api/chameleon/upload"] {
            let answer = post(&host, target, coding, bomb.clone());
            assert_eq!(
                answer.status,
                413,
                "bomb {n} to {target}: {}",
                answer.text()
            );
        }
        // An answer that has begun breaks off.
        let mirrored = host
            .request("POST", "/api/chameleon/mirror")
            .header("content-encoding", coding)
            .body(bomb)
            .try_send();
        assert!(
            mirrored.map_or(true, |answer| answer.status == 413),
            "bomb {n} was mirrored"
        );
    }
    // Coded twice it is not even looked at.
    let twice = gzip(&gzip(&zeros));
    assert_eq!(post(&host, ECHO, "gzip, gzip", twice.clone()).status, 415);
    // Said to be coded once, it is the inner one that arrives.
    assert_eq!(post(&host, ECHO, "gzip", twice).status, 200);
    let grown = host.peak_kib().saturating_sub(before);
    assert!(grown < 100 << 10, "the host grew by {grown} KiB");
}

#[test]
fn what_inflates_beyond_the_buffer_streams() {
    let host = host_with("plugins: {chameleon: {limits: {body: 512MiB, streamTimeout: 60s}}}");
    let bomb = gzip(&vec![0; 300 * MIB]);
    host.request("POST", "/api/chameleon/upload")
        .body(vec![0; MIB])
        .send();
    let before = host.peak_kib();
    let answer = post(&host, "/api/chameleon/upload", "gzip", bomb);
    assert_eq!(
        (answer.status, answer.text()),
        (200, (300 * MIB).to_string())
    );
    let grown = host.peak_kib().saturating_sub(before);
    assert!(grown < 100 << 10, "the host grew by {grown} KiB");
}

#[test]
fn members_without_content_have_an_end() {
    let host = host();
    let nothing = gzip(b"");
    let fits = nothing.repeat(MIB / nothing.len());
    assert_eq!(post(&host, ECHO, "gzip", fits).json()["body"], 0);
    // In chunks nobody said how much there would be.
    let mut wire = Wire::open(host.address());
    wire.send(format!(
        "POST {ECHO} HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    let piece = nothing.repeat(1000);
    for _ in 0..=MIB / piece.len() {
        wire.send([format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat());
    }
    let answer = wire.answer();
    assert_eq!(answer.status(), 413, "{}", answer.text());
}

#[test]
fn what_is_not_what_it_says_is_400() {
    let host = host();
    let text = b"{\"title\":\"a body that is long enough to be cut in many places\"}";
    let whole = gzip(text);
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    let cases = [
        ("gzip", text.to_vec()),
        ("gzip", whole[..whole.len() - 1].to_vec()),
        ("gzip", whole[..5].to_vec()),
        ("gzip", wrong_sum),
        ("gzip", [&whole[..], b"tail"].concat()),
        ("gzip", zlib(text)),
        ("deflate", whole.clone()),
        ("deflate", zlib(text)[..20].to_vec()),
        ("deflate", [&zlib(text)[..], b"tail"].concat()),
        ("gzip", gzip(&vec![7; 500_000])[..300].to_vec()),
    ];
    for (n, (coding, body)) in cases.into_iter().enumerate() {
        let answer = post(&host, ECHO, coding, body);
        assert_eq!(answer.status, 400, "case {n}, {coding}: {}", answer.text());
        assert_host_error(&answer, 400, "InputError", "POST", ECHO);
    }
    assert_eq!(host.get(ECHO).status, 200);
    assert_eq!(host.plugin("chameleon")["state"], serde_json::json!("live"));
}

#[test]
fn other_codings_are_415() {
    let host = host();
    for coding in [
        "br",
        "zstd",
        "compress",
        "gzip, gzip",
        "gzip, deflate",
        "br, gzip",
        "gzip;q=1",
        "x",
        "*",
    ] {
        let answer = post(&host, ECHO, coding, gzip(b"text"));
        assert_host_error(&answer, 415, "UnsupportedMediaTypeError", "POST", ECHO);
        assert_eq!(
            answer.header("accept-encoding").as_deref(),
            Some("gzip, deflate"),
            "{coding}"
        );
    }
}
