//! Request bodies: collected, streamed, refused.

use super::*;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Posts a body of `n` bytes in chunks, and reads the answer even when the host stops reading.
fn chunked(host: &Host, path: &str, n: usize) -> String {
    let mut client = TcpStream::connect(host.address()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut writer = client.try_clone().unwrap();
    let head = format!(
        "POST /api/chameleon{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let sending = std::thread::spawn(move || {
        let mut send = |bytes: &[u8]| writer.write_all(bytes).is_ok();
        let mut left = n;
        let mut going = send(head.as_bytes());
        while left > 0 && going {
            let length = left.min(10_000);
            going = send(format!("{length:x}\r\n").as_bytes())
                && send(&vec![b'x'; length])
                && send(b"\r\n");
            left -= length;
        }
        going && send(b"0\r\n\r\n")
    });
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    let _ = sending.join();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_body_larger_than_the_buffer_is_streamed_in() {
    let host = with_limits("{body: 8MiB, buffer: 64KiB}");
    for n in [0, 1, 65_536, 65_537, 5_000_000] {
        let answer = host
            .request("POST", "/api/chameleon/upload")
            .body(vec![b'x'; n])
            .send();
        assert_eq!((answer.status, answer.text()), (200, n.to_string()));
        let answer = chunked(&host, "/upload", n);
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with(&format!("\r\n\r\n{n}")),
            "{n}: {answer}"
        );
    }
    // In and out at once, without a deadlock.
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mirrored = host
        .request("POST", "/api/chameleon/mirror")
        .body(body.clone())
        .send();
    assert_eq!(mirrored.status, 200);
    assert!(
        mirrored.body == body,
        "{} bytes came back",
        mirrored.body.len()
    );
}

#[test]
fn a_body_over_the_limit_is_413_however_it_comes() {
    let host = with_limits("{body: 100KiB, buffer: 16KiB}");
    let fits = 100 << 10;
    assert_eq!(
        host.request("POST", "/api/chameleon/upload")
            .body(vec![b'x'; fits])
            .send()
            .text(),
        fits.to_string()
    );
    assert!(chunked(&host, "/upload", fits).ends_with(&fits.to_string()));
    let answer = host
        .request("POST", "/api/chameleon/upload")
        .body(vec![b'x'; fits + 1])
        .send();
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"]["name"], "PayloadTooLargeError");
    for n in [fits + 1, 5_000_000] {
        let answer = chunked(&host, "/upload", n);
        assert!(answer.starts_with("HTTP/1.1 413"), "{n}: {answer}");
    }
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}

#[test]
fn a_body_that_nobody_reads_stops_nobody() {
    let host = with_limits("{body: 8MiB, buffer: 64KiB, concurrency: 1}");
    for n in [1000, 5_000_000] {
        let answer = chunked(&host, "/unread", n);
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("1.0.0"),
            "{n}: {answer}"
        );
        assert_eq!(status(&host, "/version"), 200);
    }
}

#[test]
fn a_client_that_sends_half_a_body_holds_no_instance() {
    let host = with_limits("{concurrency: 1, queue: 0}");
    let mut client = TcpStream::connect(host.address()).unwrap();
    client
        .write_all(
            b"POST /api/chameleon/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
        )
        .unwrap();
    for _ in 0..10 {
        assert_eq!(status(&host, "/version"), 200);
    }
    drop(client);
    assert_eq!(status(&host, "/version"), 200);
}
