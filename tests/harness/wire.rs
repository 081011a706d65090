//! A socket for what no client library sends: raw bytes out, answers in.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// No answer of a host under test takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection. Every read panics after 60 s.
pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer as it came: head and body, the body without its chunks' frames.
#[derive(Debug)]
pub struct Raw {
    pub head: String,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn status(&self) -> u16 {
        self.head
            .get(9..12)
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(|| panic!("no status line: {}", self.head))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e} in {:?}\n{}", self.text(), self.head))
    }
}

impl Wire {
    pub fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("a connection"))
    }

    /// On a connection that the test made, as with a small receive buffer.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Writes all of it. The host may have closed already: what it answered is still to be read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match self.stream.write_all(bytes.as_ref()) {
            Ok(()) => {}
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(e) => panic!("the host does not read: {e}"),
        }
    }

    /// Ends this side; the other may go on.
    pub fn finish(&mut self) {
        // Closed by the host already is as good.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer to a request that may have a body.
    pub fn answer(&mut self) -> Raw {
        self.read_answer(true)
    }

    /// The next answer to HEAD.
    pub fn answer_to_head(&mut self) -> Raw {
        self.read_answer(false)
    }

    /// Everything until the host closes. A reset counts as the end.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.unread)
    }

    pub fn rest_text(&mut self) -> String {
        String::from_utf8_lossy(&self.rest()).into_owned()
    }

    fn read_answer(&mut self, with_body: bool) -> Raw {
        let head = String::from_utf8_lossy(&self.until(b"\r\n\r\n")).into_owned();
        let raw = Raw {
            head,
            body: Vec::new(),
        };
        let bodiless = !with_body || matches!(raw.status(), 100 | 204 | 304);
        let body = if bodiless {
            Vec::new()
        } else if raw.header("transfer-encoding").is_some() {
            self.chunks()
        } else if let Some(length) = raw.header("content-length") {
            let length = length.parse().expect("a length");
            self.take(length)
        } else {
            self.rest()
        };
        Raw { body, ..raw }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = String::from_utf8(self.until(b"\r\n")).expect("a chunk's size is text");
            let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
            let chunk = self.take(size + 2);
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return body;
            }
        }
    }

    fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|w| w == end) {
                return self.unread.drain(..at + end.len()).collect();
            }
            assert!(
                self.more(),
                "closed within an answer: {:?}",
                String::from_utf8_lossy(&self.unread)
            );
        }
    }

    /// This many bytes.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(
                self.more(),
                "closed after {} of {length} bytes",
                self.unread.len()
            );
        }
        self.unread.drain(..length).collect()
    }

    fn more(&mut self) -> bool {
        let mut space = [0; 64 << 10];
        match self.stream.read(&mut space) {
            Ok(n) => {
                self.unread.extend_from_slice(&space[..n]);
                n > 0
            }
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                false
            }
            Err(e) => panic!(
                "no answer in time: {e}; so far {:?}",
                String::from_utf8_lossy(&self.unread)
            ),
        }
    }
}
