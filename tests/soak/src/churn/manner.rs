//! How a client may come and go.

use greenroom_tests::Wire;
use rustix::net::sockopt;
use std::{
    net::{SocketAddr, TcpStream},
    thread::sleep,
    time::Duration,
};

pub(crate) struct Manner {
    pub(crate) name: &'static str,
    pub(crate) act: fn(SocketAddr) -> Result<(), String>,
}

const GET: &str = "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n";
/// More than sockets hold.
const LARGE: &str = "GET /api/chameleon/stream?n=20000000 HTTP/1.1\r\nHost: h\r\n\r\n";
const CHUNKED: &str =
    "POST /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
const UPLOAD: &str =
    "POST /api/chameleon/upload HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n";

pub(crate) const MANNERS: &[Manner] = &[
    manner("connects and closes", |to| {
        drop(open(to));
        Ok(())
    }),
    manner("connects and resets", |to| {
        reset_on_close(&open(to));
        Ok(())
    }),
    manner("half a head, and a reset", |to| left(to, &GET[..30], true)),
    manner("half a head, and the end", |to| left(to, &GET[..30], false)),
    manner("half a head, and the end of its side", |to| {
        let mut wire = Wire::open(to);
        wire.send(&GET[..30]);
        wire.finish();
        let rest = wire.rest_text();
        said(rest.is_empty() || rest.starts_with("HTTP/1.1 400"), &rest)
    }),
    manner("the end of its side before anything else", |to| {
        let mut wire = Wire::open(to);
        wire.finish();
        let rest = wire.rest_text();
        said(rest.is_empty(), &rest)
    }),
    manner("a request, and gone", |to| left(to, GET, false)),
    manner("a request, and a reset", |to| left(to, GET, true)),
    manner("gone while it runs", |to| {
        left(to, &GET.replace("version", "late?ms=20"), true)
    }),
    manner("a request, and the end of its side", |to| {
        let mut wire = Wire::open(to);
        wire.send(GET);
        wire.finish();
        let rest = wire.rest_text();
        said(is_ok(&rest, 1), &rest)
    }),
    manner("50 requests at once, and gone", |to| {
        left(to, &GET.repeat(50), false)
    }),
    manner("50 requests at once, and a reset", |to| {
        left(to, &GET.repeat(50), true)
    }),
    manner("50 requests at once, and 50 answers", |to| {
        let mut wire = Wire::open(to);
        wire.send(GET.repeat(50));
        (0..50).try_for_each(|_| {
            let answer = wire.answer();
            said(answer.status() == 200, &answer.head)
        })
    }),
    manner("50 requests at once, and the end of its side", |to| {
        let mut wire = Wire::open(to);
        wire.send(GET.repeat(50));
        wire.finish();
        let rest = wire.rest_text();
        said(is_ok(&rest, 50), &rest)
    }),
    manner("HTTP/1.0", |to| {
        let mut wire = Wire::open(to);
        wire.send("GET /api/chameleon/version HTTP/1.0\r\n\r\n");
        let rest = wire.rest_text();
        said(
            rest.starts_with("HTTP/1.0 200") && rest.ends_with("1.0.0"),
            &rest,
        )
    }),
    manner("HTTP/1.0 that stays for two", |to| {
        let mut wire = Wire::open(to);
        for _ in 0..2 {
            wire.send("GET /api/chameleon/version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            let answer = wire.answer();
            said(answer.status() == 200, &answer.head)?;
        }
        Ok(())
    }),
    manner("a request with Connection: close", |to| {
        let mut wire = Wire::open(to);
        wire.send(GET.replace("Host", "Connection: close\r\nHost"));
        let rest = wire.rest_text();
        said(is_ok(&rest, 1), &rest)
    }),
    manner("gone within a chunk", |to| {
        left(to, &format!("{CHUNKED}5\r\nab"), false)
    }),
    manner("a reset between chunks", |to| {
        left(to, &format!("{CHUNKED}5\r\nabcde\r\n"), true)
    }),
    manner("the end of its side within a chunk", |to| {
        let mut wire = Wire::open(to);
        wire.send(format!("{CHUNKED}5\r\nab"));
        wire.finish();
        let rest = wire.rest_text();
        said(rest.is_empty() || rest.starts_with("HTTP/1.1 400"), &rest)
    }),
    manner("gone within a body", |to| {
        left(to, &format!("{UPLOAD}abc"), false)
    }),
    manner("a reset within a body", |to| {
        left(to, &format!("{UPLOAD}abc"), true)
    }),
    manner("gone before the body", |to| {
        left(
            to,
            &UPLOAD.replace("Host", "Expect: 100-continue\r\nHost"),
            false,
        )
    }),
    manner("gone within an answer", |to| within_an_answer(to, false)),
    manner("a reset within an answer", |to| within_an_answer(to, true)),
    manner("gone before an answer", |to| left(to, LARGE, false)),
    manner("no HTTP", |to| {
        let mut wire = Wire::open(to);
        wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        wire.finish();
        let rest = wire.rest_text();
        said(rest.is_empty() || rest.starts_with("HTTP/1.1 400"), &rest)
    }),
];

const fn manner(name: &'static str, act: fn(SocketAddr) -> Result<(), String>) -> Manner {
    Manner { name, act }
}

fn open(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).expect("a connection")
}

/// What is dropped then is not ended but reset.
fn reset_on_close(stream: &TcpStream) {
    sockopt::set_socket_linger(stream, Some(Duration::ZERO)).expect("a socket");
}

/// Sends this, and is gone: soon, so that the host has read some of it, most of the time.
fn left(to: SocketAddr, sent: &str, reset: bool) -> Result<(), String> {
    let stream = open(to);
    if reset {
        reset_on_close(&stream);
    }
    let mut wire = Wire::over(stream);
    wire.send(sent);
    sleep(Duration::from_millis(1));
    Ok(())
}

fn within_an_answer(to: SocketAddr, reset: bool) -> Result<(), String> {
    let stream = open(to);
    if reset {
        reset_on_close(&stream);
    }
    let mut wire = Wire::over(stream);
    wire.send(LARGE);
    let begun = wire.take(12);
    let text = String::from_utf8_lossy(&begun);
    // Others may have all places for streams.
    said(text == "HTTP/1.1 200" || text == "HTTP/1.1 503", &text)
}

fn is_ok(answers: &str, times: usize) -> bool {
    answers.matches("HTTP/1.1 200 ").count() == times
        && answers.matches("HTTP/1.1 ").count() == times
}

fn said(as_wanted: bool, text: &str) -> Result<(), String> {
    match as_wanted {
        true => Ok(()),
        false => Err(format!("{:?}", text.chars().take(200).collect::<String>())),
    }
}
