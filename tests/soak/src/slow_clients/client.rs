//! What slow clients do.

use std::{
    io,
    net::SocketAddr,
    sync::mpsc::sync_channel,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime::Runtime,
    time::sleep,
};

/// All of them have begun after this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two bytes, or two reads.
const PAUSE: Duration = Duration::from_millis(500);
/// Collected answers, each small enough to leave its instance at once; together more than sockets hold.
const ANSWERS: usize = 16;

pub(super) struct Kind {
    pub(super) name: &'static str,
    act: Act,
    /// How long the host bears with it: `Bounds` in its `http/socket.rs`, or the limits that the section sets.
    pub(super) bound: Duration,
    /// How many of 13.
    share: usize,
}

#[derive(Clone, Copy)]
enum Act {
    Silent,
    Head,
    BodyStalls,
    BodyDrips,
    Unread,
    ReadSlowly,
    Idle,
}

/// `chunk` and `stream`: the limits of the plugin, seconds.
pub(super) fn kinds(chunk: u64, stream: u64) -> Vec<Kind> {
    let kind = |name, act, seconds, share| Kind {
        name,
        act,
        bound: Duration::from_secs(seconds),
        share,
    };
    vec![
        kind("say nothing", Act::Silent, 10, 1),
        kind("send a head byte by byte", Act::Head, 10, 3),
        kind("stop within a body", Act::BodyStalls, chunk, 2),
        kind("send a body byte by byte", Act::BodyDrips, stream, 2),
        kind("do not read their answers", Act::Unread, 30, 3),
        // Their place ends in time; for what was on its way then a peer has 30 s for each 32 KiB.
        kind(
            "read a large answer slowly",
            Act::ReadSlowly,
            stream + 60,
            1,
        ),
        kind("are idle after an answer", Act::Idle, 75, 1),
    ]
}

/// A connection, once it has become slow.
pub(super) struct Opened {
    /// Index of the kind.
    pub(super) kind: usize,
    pub(super) port: u16,
    pub(super) since: Instant,
}

/// Connections that stay open until this is dropped, or the host ends them.
pub(super) struct Slow {
    pub(super) opened: Vec<Opened>,
    _runtime: Runtime,
}

impl Slow {
    /// Returns when all of them are slow.
    pub(super) fn open(address: SocketAddr, connections: usize, of: &[Kind]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the slow clients");
        let kinds: Vec<usize> = of
            .iter()
            .enumerate()
            .flat_map(|(kind, all)| std::iter::repeat_n(kind, all.share))
            .collect();
        let (tell, told) = sync_channel::<io::Result<Opened>>(connections);
        for number in 0..connections {
            let kind = kinds[number % kinds.len()];
            let act = of[kind].act;
            let tell = tell.clone();
            runtime.spawn(async move {
                let begun = begin(address, act).await;
                let stream = match begun {
                    Err(error) => return drop(tell.send(Err(error))),
                    Ok(stream) => stream,
                };
                let port = stream.local_addr().map(|address| address.port());
                let since = Instant::now();
                let _ = tell.send(port.map(|port| Opened { kind, port, since }));
                go_on(stream, act).await;
            });
        }
        let opened = (0..connections)
            .map(|_| {
                told.recv_timeout(PATIENCE)
                    .expect("all begin")
                    .expect("a connection")
            })
            .collect();
        Self {
            opened,
            _runtime: runtime,
        }
    }
}

async fn begin(address: SocketAddr, act: Act) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if matches!(act, Act::Unread | Act::ReadSlowly) {
        socket.set_recv_buffer_size(4096)?;
    }
    let mut stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    let get = |target: &str| format!("GET /api/chameleon/{target} HTTP/1.1\r\nHost: h\r\n\r\n");
    let body = "POST /api/chameleon/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc";
    let first = match act {
        Act::Silent => String::new(),
        Act::Head => "GET /api/chameleon/version HTTP/1.1\r\nx: ".to_owned(),
        Act::BodyStalls | Act::BodyDrips => body.to_owned(),
        Act::Unread => get("answer?n=262144&type=image/png").repeat(ANSWERS),
        // A place for a stream, or a 503 and the end.
        Act::ReadSlowly => get("stream?n=50000000").replace("Host", "Connection: close\r\nHost"),
        Act::Idle => get("version"),
    };
    stream.write_all(first.as_bytes()).await?;
    if matches!(act, Act::Idle) {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n1.0.0") {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    Ok(stream)
}

/// Never ends by itself: the end is the host's.
async fn go_on(mut stream: TcpStream, act: Act) {
    match act {
        Act::Head | Act::BodyDrips => {
            while stream.write_all(b"x").await.is_ok() {
                sleep(PAUSE).await;
            }
        }
        Act::ReadSlowly => {
            let mut space = vec![0; 4096];
            while stream.read(&mut space).await.is_ok_and(|n| n > 0) {
                sleep(10 * PAUSE).await;
            }
        }
        Act::Silent | Act::BodyStalls | Act::Unread | Act::Idle => {}
    }
    std::future::pending::<()>().await;
}
