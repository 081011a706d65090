use super::*;
use crate::http::socket::Bounds;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use std::{
    future::poll_fn,
    pin::pin,
    sync::{Mutex, atomic::AtomicBool},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{RwLock, RwLockReadGuard, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Larger than what the kernel takes for a peer that does not read; bytes.
const LARGE: usize = 16 << 20;
const MOMENT: Duration = Duration::from_millis(100);

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

fn whole(text: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(text.into()).boxed_unsync())
}

/// Answers with what the path asks for.
async fn answer(
    request: Request<Incoming>,
    watch: Arc<Watch>,
    seen: Arc<Mutex<Vec<String>>>,
) -> Answer {
    watch.busy();
    let path = request.uri().path().to_owned();
    seen.lock().unwrap().push(path.clone());
    match path.as_str() {
        "/late" => {
            sleep(3 * MOMENT).await;
            watch.body(Duration::from_secs(10), Duration::from_secs(10));
            let body = request.into_body().collect().await.unwrap().to_bytes();
            watch.busy();
            whole([&b"late "[..], &body].concat())
        }
        "/large" => whole([&vec![b'.'; LARGE][..], b"the end"].concat()),
        // Drops the body and goes on with the answer.
        "/stream" => {
            drop(request);
            let late = async {
                sleep(3 * MOMENT).await;
                Ok(Frame::data(Bytes::from_static(b"the end")))
            };
            Response::new(StreamBody::new(futures_util::stream::once(late)).boxed_unsync())
        }
        path => whole(path.to_owned()),
    }
}

/// A client of one connection, and what is known of its other side.
struct Client {
    tcp: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    dormant: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    line: JoinHandle<Result<(), BoxError>>,
}

impl Client {
    async fn new(bounds: Bounds) -> Self {
        Self::with_buffers(bounds, None).await
    }

    /// With the buffers of its two sockets at this size, bytes, where the system's own hold megabytes.
    async fn with_buffers(bounds: Bounds, size: Option<u32>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(size) = size {
            socket.set_recv_buffer_size(size).unwrap();
        }
        let address = listener.local_addr().unwrap();
        let tcp = socket.connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        if let Some(size) = size {
            let size = usize::try_from(size).unwrap();
            rustix::net::sockopt::set_socket_send_buffer_size(&accepted, size).unwrap();
        }
        let watch = Arc::new(Watch::default());
        let seen = Arc::default();
        let (asked, told) = (Arc::clone(&watch), Arc::clone(&seen));
        let mut line = line(
            crate::http::connection::protocol(),
            Socket::new(accepted, Arc::clone(&watch), bounds),
            watch,
            move |request| {
                let (watch, seen) = (Arc::clone(&asked), Arc::clone(&told));
                async { Ok(answer(request, watch, seen).await) }
            },
        );
        let dormant = Arc::new(AtomicBool::new(false));
        let state = Arc::clone(&dormant);
        let (stop, mut stopped) = oneshot::channel();
        let line = tokio::spawn(async move {
            let mut told = false;
            poll_fn(|cx| {
                if !told && pin!(&mut stopped).poll(cx).is_ready() {
                    told = true;
                    line.stop();
                }
                let ended = line.poll(cx);
                state.store(matches!(line.state, State::Dormant(..)), Relaxed);
                ended
            })
            .await
        });
        Self {
            tcp,
            seen,
            dormant,
            stop: Some(stop),
            line,
        }
    }

    async fn send(&mut self, text: &str) {
        self.tcp.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads to where `end` ends what came.
    async fn read_to(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let read = timeout(Duration::from_secs(20), self.tcp.read_buf(&mut text));
            let read = read.await.expect("it is sent").unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&text));
        }
        String::from_utf8(text).unwrap()
    }

    async fn rest(&mut self) -> String {
        let mut text = String::new();
        let read = timeout(Duration::from_secs(20), self.tcp.read_to_string(&mut text));
        read.await.expect("it ends").unwrap();
        text
    }

    async fn get(&mut self, path: &str) -> String {
        self.send(&get(path)).await;
        self.read_to(path).await
    }

    async fn until_dormant(&self) -> Duration {
        let began = Instant::now();
        while !self.dormant.load(Relaxed) {
            assert!(began.elapsed() < Duration::from_secs(20), "it stays awake");
            sleep(Duration::from_millis(1)).await;
        }
        began.elapsed()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n")
}

/// The count of connections is one for all tests.
static CROWDED: RwLock<()> = RwLock::const_new(());

/// So many that each connection is dormant as soon as it can be.
async fn crowd() -> (Vec<Counted>, RwLockReadGuard<'static, ()>) {
    let shared = CROWDED.read().await;
    let crowd = (0..=LEISURE).map(|_| Counted::new()).collect();
    (crowd, shared)
}

#[tokio::test]
async fn it_is_dormant_until_the_first_byte_and_again_when_it_has_been_quiet() {
    let _alone = CROWDED.write().await;
    let mut client = Client::new(Bounds::default()).await;
    client.until_dormant().await;
    for path in ["/1", "/2"] {
        client.get(path).await;
        assert!(client.until_dormant().await > Duration::from_millis(900));
    }
    assert_eq!(*client.seen.lock().unwrap(), ["/1", "/2"]);
    drop(client.tcp);
    client.line.await.unwrap().unwrap();
}

#[tokio::test]
async fn of_many_each_is_dormant_at_once() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds::default()).await;
    let mut waited = Duration::ZERO;
    for n in 0..50 {
        client.get(&format!("/{n}")).await;
        waited += client.until_dormant().await;
    }
    assert!(waited < Duration::from_secs(25), "{waited:?}");
}

#[tokio::test]
async fn half_a_head_behind_a_request_is_kept() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds::default()).await;
    client.until_dormant().await;
    let (half, rest) = ("GET /b HTT", "P/1.1\r\nhost: h\r\n\r\n");
    client.send(&(get("/a") + half)).await;
    client.read_to("/a").await;
    sleep(MOMENT).await;
    assert!(!client.dormant.load(Relaxed), "a head has begun");
    client.send(rest).await;
    client.read_to("/b").await;
    client.until_dormant().await;
}

#[tokio::test]
async fn half_a_head_has_the_time_of_a_head() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds {
        head: 6 * MOMENT,
        ..Bounds::default()
    })
    .await;
    client.send(&(get("/a") + "GET /b HTT")).await;
    client.read_to("/a").await;
    assert!(client.rest().await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn line_ends_behind_a_request_are_no_head() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds {
        head: 6 * MOMENT,
        ..Bounds::default()
    })
    .await;
    client.send(&(get("/a") + "\r\n")).await;
    client.read_to("/a").await;
    client.until_dormant().await;
    sleep(9 * MOMENT).await;
    client.get("/b").await;
}

#[tokio::test]
async fn it_ends_when_it_was_idle_for_too_long() {
    let _crowd = crowd().await;
    let idle = 5 * MOMENT;
    let mut client = Client::new(Bounds {
        idle,
        ..Bounds::default()
    })
    .await;
    client.get("/a").await;
    let began = Instant::now();
    client.until_dormant().await;
    assert_eq!(client.rest().await, "");
    assert!(began.elapsed() > idle - Duration::from_millis(10));
    client.line.await.unwrap().unwrap();

    let mut fresh = Client::new(Bounds {
        head: 3 * MOMENT,
        ..Bounds::default()
    })
    .await;
    assert_eq!(fresh.rest().await, "");
    assert!(fresh.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_stop_of_the_server_ends_a_dormant_one_at_once() {
    let _crowd = crowd().await;
    for path in ["", "/a"] {
        let mut client = Client::new(Bounds {
            linger: Duration::from_secs(60),
            ..Bounds::default()
        })
        .await;
        if !path.is_empty() {
            client.get(path).await;
        }
        client.until_dormant().await;
        client.stop.take().unwrap().send(()).unwrap();
        let ended = timeout(Duration::from_secs(20), client.line).await;
        ended.expect("without lingering").unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_stop_of_the_server_lets_a_request_end() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds::default()).await;
    client.send(&get("/late")).await;
    while client.seen.lock().unwrap().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    client.stop.take().unwrap().send(()).unwrap();
    let text = client.rest().await;
    assert!(
        text.contains("connection: close") && text.ends_with("late "),
        "{text}"
    );
}

#[tokio::test]
async fn a_request_whose_body_nobody_asked_for_yet_is_not_idle() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds::default()).await;
    client
        .send("POST /late HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nsl")
        .await;
    sleep(MOMENT).await;
    client.send("ow").await;
    let text = client.read_to("late slow").await;
    assert!(!text.contains("connection: close"), "{text}");
    client.until_dormant().await;
    client.get("/b").await;
}

#[tokio::test]
async fn the_rest_of_an_unread_body_is_never_a_request() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds::default()).await;
    client
        .send("POST /stream HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\n\r\n")
        .await;
    client.read_to("\r\n\r\n").await;
    for n in 0..5 {
        client.send(&get(&format!("/smuggled/{n}"))).await;
        sleep(MOMENT).await;
    }
    client.line.await.unwrap().unwrap();
    assert_eq!(*client.seen.lock().unwrap(), ["/stream"]);
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_is_whole() {
    let _crowd = crowd().await;
    let mut client = Client::new(Bounds::default()).await;
    client.send(&get("/large")).await;
    sleep(3 * MOMENT).await;
    assert!(!client.dormant.load(Relaxed), "it has something to write");
    let text = client.read_to("the end").await;
    assert!(text.len() > LARGE);
    client.until_dormant().await;
    client.get("/b").await;
}

#[tokio::test]
async fn who_reads_nothing_or_hardly_anything_is_cut_off() {
    let _crowd = crowd().await;
    let write = 5 * MOMENT;
    for least in [0, 1024] {
        let bounds = Bounds {
            write,
            ..Bounds::default()
        };
        let mut client = Client::with_buffers(bounds, Some(4096)).await;
        client.send(&get("/large")).await;
        let began = Instant::now();
        let mut space = vec![0; least];
        // Slower than `LEAST` in that time, and never silent for so long. It would take half an hour.
        while !client.line.is_finished() {
            assert!(began.elapsed() < 40 * write, "{least}");
            sleep(MOMENT / 4).await;
            let _ = client.tcp.read(&mut space).await.unwrap();
        }
        let error = (&mut client.line).await.unwrap().unwrap_err();
        assert!(format!("{error:?}").contains("TimedOut"), "{error:?}");
        assert!(began.elapsed() > write - Duration::from_millis(10));
    }
}

#[tokio::test]
async fn who_takes_enough_of_an_answer_may_be_slow() {
    let _crowd = crowd().await;
    let bounds = Bounds {
        write: 5 * MOMENT,
        ..Bounds::default()
    };
    let mut client = Client::with_buffers(bounds, Some(16 << 10)).await;
    client.send(&get("/large")).await;
    let began = Instant::now();
    let mut space = vec![0; 16 << 10];
    while began.elapsed() < 15 * MOMENT {
        sleep(Duration::from_millis(5)).await;
        assert!(client.tcp.read(&mut space).await.unwrap() > 0);
    }
    assert!(!client.line.is_finished());
    client.read_to("the end").await;
    client.until_dormant().await;
}
