//! An HTTP server that hands out key sets, and misbehaves when a test wants it to.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

/// A client that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between the bytes of [`Answer::Drip`].
const DRIP: Duration = Duration::from_millis(100);

/// What a path answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// 200 with these keys.
    Keys(Vec<Value>),
    /// 200 with this body.
    Body(Vec<u8>),
    /// This status, with a key set of no keys.
    Status(u16),
    /// 302 to this URL.
    Redirect(String),
    /// The request is read and not answered until the path answers something else.
    Silence,
    /// The request is read, and the connection closed.
    HangUp,
    /// 200 and a body without an end, at full speed.
    Endless,
    /// 200 and a body of a byte now and then.
    Drip,
}

/// Every path is 404 until a test says what it answers. It ends when it is dropped.
pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    /// The heads of all requests, in order.
    asked: Vec<String>,
    silent: usize,
    ended: bool,
}

impl KeyServer {
    /// On a free port of 127.0.0.1.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.lock().ended {
                    break;
                }
                let shared = serving.clone();
                // A client that closes early is no fault of the server's.
                std::thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// `http://127.0.0.1:PORT` and the path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn answer(&self, path: &str, answer: Answer) {
        self.shared.lock().answers.insert(path.into(), answer);
        self.shared.changed.notify_all();
    }

    /// How often this path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.paths().iter().filter(|asked| *asked == path).count()
    }

    /// The path of every request so far, in order.
    pub fn paths(&self) -> Vec<String> {
        self.heads()
            .iter()
            .map(|head| path_of(head).to_owned())
            .collect()
    }

    /// The head of every request so far, in order.
    pub fn heads(&self) -> Vec<String> {
        self.shared.lock().asked.clone()
    }

    /// How many requests are without an answer, by [`Answer::Silence`].
    pub fn silent(&self) -> usize {
        self.shared.lock().silent
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        // It waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the key server's state")
    }

    /// One request a connection.
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = read_head(&stream)?;
        let path = path_of(&head).to_owned();
        let answer = {
            let mut state = self.lock();
            state.asked.push(head);
            state.silent += 1;
            let waits = |state: &mut State| {
                !state.ended && state.answers.get(&path) == Some(&Answer::Silence)
            };
            let waited = self.changed.wait_while(state, waits);
            let mut state = waited.expect("the key server's state");
            state.silent -= 1;
            let answer = state.answers.get(&path).cloned();
            answer.unwrap_or(Answer::Status(404))
        };
        give(stream, answer)
    }
}

/// The second word.
fn path_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

fn read_head(stream: &TcpStream) -> std::io::Result<String> {
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    while lines.read_line(&mut head)? > 2 {}
    Ok(head)
}

fn give(mut to: TcpStream, answer: Answer) -> std::io::Result<()> {
    let keys = |keys: &[Value]| json!({ "keys": keys }).to_string().into_bytes();
    let (status, location, body) = match answer {
        Answer::Keys(all) => (200, None, keys(&all)),
        Answer::Body(body) => (200, None, body),
        Answer::Status(status) => (status, None, keys(&[])),
        Answer::Redirect(url) => (302, Some(url), Vec::new()),
        Answer::Silence | Answer::HangUp => return Ok(()),
        Answer::Endless => return endless(to, &[b' '; 64 << 10], Duration::ZERO),
        Answer::Drip => return endless(to, b" ", DRIP),
    };
    let location = location.map_or(String::new(), |url| format!("location: {url}\r\n"));
    write!(
        to,
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{location}\
         connection: close\r\n\r\n",
        body.len()
    )?;
    to.write_all(&body)
}

/// White space, which JSON may begin with, until the client has enough.
fn endless(mut to: TcpStream, piece: &[u8], pause: Duration) -> std::io::Result<()> {
    to.set_write_timeout(Some(PATIENCE))?;
    to.write_all(b"HTTP/1.1 200 -\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")?;
    loop {
        to.write_all(piece)?;
        std::thread::sleep(pause);
    }
}
