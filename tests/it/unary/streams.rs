//! Answers that are written while they are sent.

use super::*;
use greenroom_tests::Wire;
use rustix::net::{AddressFamily, SocketType, connect, ipproto, socket, sockopt};
use std::net::TcpStream;

/// Larger than all that sockets buffer.
const LARGE: usize = 50 << 20;

/// Asks for this on a connection whose reader takes little at a time, and waits for the status.
fn slow(host: &Host, id: &str, path: &str, status: &str) -> Wire {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP)).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 4096).unwrap();
    connect(&socket, &host.address()).unwrap();
    let mut wire = Wire::over(TcpStream::from(socket));
    wire.send(format!(
        "GET /api/{id}{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    ));
    let line = wire.take(12);
    assert_eq!(line, format!("HTTP/1.1 {status}").as_bytes(), "{id}{path}");
    wire
}

#[test]
fn a_large_answer_is_chunked_and_ends_cleanly() {
    let host = both("{}");
    for id in WAYS {
        let text = bytes(&host, id, "/stream?n=600000");
        assert!(
            text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n0\r\n\r\n"),
            "{id}"
        );
    }
    wait_until_idle(&host);
}

#[test]
fn an_error_or_a_trap_breaks_the_connection() {
    let host = both("{}");
    for id in WAYS {
        for path in ["/stream-fail", "/stream-trap", "/stream-fail?n=5000000"] {
            let text = bytes(&host, id, path);
            assert_broken(&text, path);
            assert!(text.len() > BUFFER, "{id}{path}: {} bytes came", text.len());
            for coding in ["identity", "gzip", "br", "zstd"] {
                let request = host.request("GET", &format!("/api/{id}{path}"));
                let seen = request.header("accept-encoding", coding).try_send();
                assert!(seen.is_err(), "{id}{path} in {coding}");
            }
        }
        // Nothing was sent yet.
        for path in [
            "/stream-fail?n=0",
            "/stream-fail?n=1000",
            "/stream-trap?n=0",
        ] {
            let answer = host.get(&format!("/api/{id}{path}"));
            assert_eq!(answer.status, 502, "{id}{path}: {}", answer.text());
        }
        line(&host, id, &["ERROR", "plugin trapped", "unreachable"]);
        // The guest's own words are in the log, both ways.
        line(
            &host,
            id,
            &["the answer was not sent whole", "told to fail"],
        );
    }
    wait_until_idle(&host);
    assert_eq!(get_alike(&host, "/version").status, 200);
}

#[test]
fn an_answer_that_stalls_ends_at_the_chunk_timeout() {
    let host = both("{chunkTimeout: 500ms}");
    for id in WAYS {
        for path in ["/stream?n=900000&chunk=300000&ms=30000", "/stream-spin"] {
            assert_broken(&bytes(&host, id, path), path);
        }
        // Nothing was sent yet.
        for path in ["/stream?n=2000&chunk=1000&ms=30000", "/stream-spin?n=1000"] {
            let answer = host.get(&format!("/api/{id}{path}"));
            assert_eq!(answer.status, 504, "{id}{path}: {}", answer.text());
        }
        host.wait_until("the instances are gone", |host| {
            number(host, id, "running") == 0 && number(host, id, "instances") == 0
        });
    }
    assert_eq!(get_alike(&host, "/version").status, 200);
}

#[test]
fn an_answer_that_never_ends_ends_at_the_stream_timeout() {
    let host = both("{streamTimeout: 1s}");
    for id in WAYS {
        let text = bytes(&host, id, "/stream?n=1000000000&chunk=100000&ms=20");
        assert_broken(&text, id);
        // One that works on and on within the host's buffer, of which nothing was sent yet.
        let answer = host.get(&format!("/api/{id}/stream?n=100000&chunk=10&ms=20"));
        assert_eq!(answer.status, 504, "{id}: {}", answer.text());
        host.wait_until("the instances are gone", |host| {
            number(host, id, "running") == 0 && number(host, id, "instances") == 0
        });
    }
    assert_eq!(get_alike(&host, "/version").status, 200);
}

#[test]
fn a_client_that_goes_away_takes_its_stream_along() {
    let host = both("{concurrency: 1, streams: 1, queueTimeout: 20s}");
    for id in WAYS {
        for path in [
            // It waits for the client, and it writes a little now and then.
            &*format!("/stream?n={LARGE}"),
            "/stream?n=100000000&chunk=100000&ms=50",
        ] {
            let client = slow(&host, id, path, "200");
            assert_eq!(number(&host, id, "running"), 1, "{id}{path}");
            assert_eq!(number(&host, id, "instances"), 1, "{id}{path}");
            drop(client);
            host.wait_until("its instance is gone", |host| {
                number(host, id, "running") == 0 && number(host, id, "instances") == 0
            });
            let next = host.get(&format!("/api/{id}/stream?n=1000000"));
            assert_eq!((next.status, next.body.len()), (200, 1_000_000));
        }
    }
}

#[test]
fn as_many_stream_at_once_as_the_limits_allow() {
    // The default of limits.streams is 64.
    let host = both("{concurrency: 100}");
    let path = format!("/stream?n={LARGE}");
    for id in WAYS {
        let mut first: Vec<_> = (0..64).map(|_| slow(&host, id, &path, "200")).collect();
        assert_eq!(number(&host, id, "running"), 64, "{id}");
        for path in ["/stream?n=300000", "/answer?n=300000"] {
            let more = host.get(&format!("/api/{id}{path}"));
            assert_eq!(more.status, 503, "{id}{path}: {}", more.text());
            assert!(more.header("retry-after").is_some());
        }
        // What the host can collect is no stream.
        let small = host.get(&format!("/api/{id}/stream?n=200000"));
        assert_eq!((small.status, small.body.len()), (200, 200_000));
        // One place is given back, and only one.
        drop(first.pop());
        host.wait_until("a place is free", |host| number(host, id, "running") == 63);
        let another = slow(&host, id, &path, "200");
        let more = host.get(&format!("/api/{id}/stream?n=300000"));
        assert_eq!(more.status, 503, "{id}: {}", more.text());
        // Each is whole for who reads on.
        assert!(first[0].rest().ends_with(b"\r\n0\r\n\r\n"), "{id}");
        drop((first, another));
        host.wait_until("all is free", |host| number(host, id, "running") == 0);
        let next = host.get(&format!("/api/{id}/stream?n=1000000"));
        assert_eq!(next.body.len(), 1_000_000);
    }
}

/// A body both in and out: the place counts once.
#[test]
fn a_body_is_sent_back_while_it_arrives() {
    let host = both("{streams: 1, body: 8MiB}");
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for n in [0, 1000, BUFFER, BUFFER + 1, body.len()] {
        let answer = alike(&host, "POST", "/mirror", |r| r.body(body[..n].to_vec()));
        assert!(answer.body == body[..n], "{n}: {} bytes", answer.body.len());
    }
}
